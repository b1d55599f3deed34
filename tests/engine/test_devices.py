"""Terminals and their enrolment: one code, one key, and an end."""

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from engine.campus_errors import (
    DeviceNotFound,
    EnrolmentPaused,
    InvalidEnrolment,
    InvalidName,
    MerchantNotFound,
)
from engine.devices import (
    Device,
    DeviceKind,
    DeviceState,
    add_device,
    find_enrolled,
    get_device,
    list_devices,
    revoke_device,
)
from engine.enrolments import CODE_LIFE, Enrolments, issue_code
from engine.errors import IllegalTransition
from ledger.ids import uuid7
from tests.campuses import Campus
from tests.identities import SYSTEM, ManualClock, at_once

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
HERE = "203.0.113.7"


@pytest.fixture
def enrolments(pool: "Pool[Record]", clock: ManualClock) -> Enrolments:
    return Enrolments(pool, clock=clock)


async def add(campus: Campus, place: str = "3号窗口") -> Device:
    async with campus.pool.acquire() as connection, connection.transaction():
        return await add_device(
            connection, place, merchant_id=campus.merchant.id, actor=SYSTEM, at=campus.clock()
        )


async def code_for(campus: Campus, device_id: UUID) -> str:
    async with campus.pool.acquire() as connection, connection.transaction():
        return await issue_code(connection, device_id, actor=SYSTEM, at=campus.clock())


async def revoke(campus: Campus, device_id: UUID) -> Device:
    async with campus.pool.acquire() as connection, connection.transaction():
        return await revoke_device(connection, device_id, actor=SYSTEM, at=campus.clock())


async def test_a_terminal_is_heard_from_its_enrolment_to_its_revocation(
    campus: Campus, enrolments: Enrolments
) -> None:
    device = await add(campus)
    assert (device.kind, device.state) == (DeviceKind.TILL, DeviceState.AWAITING)
    async with campus.pool.acquire() as connection:
        assert await find_enrolled(connection, device.id) is None
        enrolled = await enrolments.enrol(
            await code_for(campus, device.id), public_key=KEY, address=HERE
        )
        assert (enrolled.id, enrolled.public_key) == (device.id, KEY)
        assert await find_enrolled(connection, device.id) == enrolled
        assert (await revoke(campus, device.id)).state is DeviceState.REVOKED
        assert await find_enrolled(connection, device.id) is None
    with pytest.raises(IllegalTransition):
        await revoke(campus, device.id)
    with pytest.raises(IllegalTransition):
        await code_for(campus, device.id)


async def test_a_terminal_at_a_door_has_no_merchant(campus: Campus) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        door = await add_device(
            connection, "图书馆", merchant_id=None, actor=SYSTEM, at=campus.clock()
        )
        assert (door.kind, door.till) == (DeviceKind.DOOR, None)
        assert [each.id for each in await list_devices(connection)] == [campus.till.id, door.id]


async def test_a_terminal_needs_a_merchant_that_exists_and_a_place(campus: Campus) -> None:
    async with campus.pool.acquire() as connection:
        with pytest.raises(MerchantNotFound):
            await add_device(connection, "x", merchant_id=uuid7(), actor=SYSTEM, at=campus.clock())
        with pytest.raises(InvalidName):
            await add_device(connection, "", merchant_id=None, actor=SYSTEM, at=campus.clock())
        with pytest.raises(DeviceNotFound):
            await get_device(connection, uuid7())


async def test_a_code_is_good_once_but_its_answer_can_be_asked_again(
    campus: Campus, enrolments: Enrolments
) -> None:
    device = await add(campus)
    code = await code_for(campus, device.id)
    first = await enrolments.enrol(code, public_key=KEY, address=HERE)
    assert await enrolments.enrol(code.replace(" ", ""), public_key=KEY, address=HERE) == first
    with pytest.raises(InvalidEnrolment):
        await enrolments.enrol(code, public_key=OTHER_KEY, address=HERE)
    with pytest.raises(IllegalTransition):
        await code_for(campus, device.id)


async def test_two_terminals_with_one_code_at_once_enrol_one(
    campus: Campus, enrolments: Enrolments
) -> None:
    device = await add(campus)
    code = await code_for(campus, device.id)
    answers = await at_once(
        enrolments.enrol(code, public_key=key, address=HERE) for key in (KEY, OTHER_KEY)
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Device", "InvalidEnrolment"]


async def test_a_code_expires(campus: Campus, enrolments: Enrolments) -> None:
    device = await add(campus)
    code = await code_for(campus, device.id)
    campus.clock.now += CODE_LIFE
    with pytest.raises(InvalidEnrolment):
        await enrolments.enrol(code, public_key=KEY, address=HERE)


async def test_a_newer_code_voids_the_earlier_one(campus: Campus, enrolments: Enrolments) -> None:
    device = await add(campus)
    earlier, newer = [await code_for(campus, device.id) for _ in range(2)]
    with pytest.raises(InvalidEnrolment):
        await enrolments.enrol(earlier, public_key=KEY, address=HERE)
    await enrolments.enrol(newer, public_key=KEY, address=HERE)


async def test_a_code_of_a_revoked_terminal_is_worthless(
    campus: Campus, enrolments: Enrolments
) -> None:
    device = await add(campus)
    code = await code_for(campus, device.id)
    await revoke(campus, device.id)
    with pytest.raises(InvalidEnrolment):
        await enrolments.enrol(code, public_key=KEY, address=HERE)


@pytest.mark.parametrize("key", [b"", KEY[:31], KEY + b"x"])
async def test_a_key_that_is_none_enrols_nothing(
    campus: Campus, enrolments: Enrolments, key: bytes
) -> None:
    device = await add(campus)
    code = await code_for(campus, device.id)
    with pytest.raises(InvalidEnrolment):
        await enrolments.enrol(code, public_key=key, address=HERE)
    await enrolments.enrol(code, public_key=KEY, address=HERE)


async def test_a_key_belongs_to_one_terminal(campus: Campus, enrolments: Enrolments) -> None:
    first, second = [await add(campus, place) for place in ("甲", "乙")]
    codes = [await code_for(campus, device.id) for device in (first, second)]
    await enrolments.enrol(codes[0], public_key=KEY, address=HERE)
    with pytest.raises(InvalidEnrolment):
        await enrolments.enrol(codes[1], public_key=KEY, address=HERE)


async def test_guesses_from_one_address_are_slowed_down_there_alone(
    campus: Campus, enrolments: Enrolments
) -> None:
    device = await add(campus)
    code = await code_for(campus, device.id)
    for guess in ("0", "1", "2", "3", "4"):
        with pytest.raises(InvalidEnrolment):
            await enrolments.enrol(guess, public_key=KEY, address=HERE)
    with pytest.raises(EnrolmentPaused) as caught:
        await enrolments.enrol(code, public_key=KEY, address=HERE)
    assert caught.value.retry_after_s == 10
    await enrolments.enrol(code, public_key=KEY, address="198.51.100.1")


async def test_no_code_is_kept_in_the_database(campus: Campus) -> None:
    device = await add(campus)
    code = (await code_for(campus, device.id)).replace(" ", "")
    rows = await campus.pool.fetch(
        "select devices::text as row from devices union all"
        " select audit_events::text from audit_events"
    )
    assert rows
    assert not any(code in row["row"] for row in rows)
