"""Own limits: down at will, up with the PIN, never above the campus's."""

from dataclasses import replace

import pytest

from engine.campus_errors import DeclineCode, Declined, InvalidLimit, PinRequired
from engine.campus_settings import CampusSettings, change_settings, get_settings
from engine.errors import PinWrong
from engine.own_limits import OwnLimitChanges, OwnLimits, find_own_limits
from ledger.money import Fen
from tests.campuses import PIN, Campus
from tests.identities import SYSTEM

FOLLOW = OwnLimits(no_pin_limit=None, day_limit=None)
LOW = OwnLimits(no_pin_limit=Fen(100), day_limit=Fen(200))


@pytest.fixture
def changes(campus: Campus) -> OwnLimitChanges:
    return OwnLimitChanges(campus.pool, pins=campus.engine.pins, clock=campus.clock)


async def test_lowered_limits_hold_at_once(campus: Campus, changes: OwnLimitChanges) -> None:
    holder = await campus.holder(cash=5000)
    await campus.buy(holder, 50)
    await changes.change(holder.principal, LOW, pin=None)
    with pytest.raises(PinRequired):
        await campus.engine.purchases.purchase(campus.till, campus.ask(holder, 101))
    with pytest.raises(Declined) as caught:
        await campus.buy(holder, 151)
    assert caught.value.code == DeclineCode.DAY_LIMIT_EXCEEDED
    await campus.buy(holder, 150)


@pytest.mark.parametrize(
    "higher",
    [
        FOLLOW,
        replace(LOW, no_pin_limit=Fen(101)),
        replace(LOW, day_limit=Fen(201)),
        replace(LOW, no_pin_limit=Fen(0), day_limit=None),
    ],
)
async def test_raising_a_limit_needs_the_pin(
    campus: Campus, changes: OwnLimitChanges, higher: OwnLimits
) -> None:
    holder = await campus.holder(cash=5000)
    await changes.change(holder.principal, LOW, pin=None)
    with pytest.raises(PinRequired):
        await changes.change(holder.principal, higher, pin=None)
    with pytest.raises(PinWrong):
        await changes.change(holder.principal, higher, pin="246802")
    async with campus.pool.acquire() as connection:
        assert await find_own_limits(connection, holder.id) == LOW
        await changes.change(holder.principal, higher, pin=PIN)
        assert await find_own_limits(connection, holder.id) == higher


@pytest.mark.parametrize(
    "wanted",
    [
        OwnLimits(no_pin_limit=Fen(5001), day_limit=None),
        OwnLimits(no_pin_limit=None, day_limit=Fen(30_001)),
        OwnLimits(no_pin_limit=Fen(-1), day_limit=None),
    ],
)
async def test_limits_stay_within_those_of_the_campus(
    campus: Campus, changes: OwnLimitChanges, wanted: OwnLimits
) -> None:
    holder = await campus.holder(cash=5000)
    with pytest.raises(InvalidLimit):
        await changes.change(holder.principal, wanted, pin=PIN)


async def test_an_own_limit_above_a_lowered_campus_limit_counts_for_nothing(
    campus: Campus, changes: OwnLimitChanges
) -> None:
    holder = await campus.holder(cash=5000)
    await changes.change(
        holder.principal, OwnLimits(no_pin_limit=None, day_limit=Fen(1000)), pin=None
    )
    async with campus.pool.acquire() as connection, connection.transaction():
        settings = replace(await get_settings(connection), day_limit=Fen(500))
        await change_settings(connection, settings, actor=SYSTEM, at=campus.clock())
    with pytest.raises(Declined):
        await campus.buy(holder, 501)
    await campus.buy(holder, 500)


@pytest.mark.parametrize("field", ["no_pin_limit", "day_limit"])
async def test_a_campus_has_no_negative_limit(campus: Campus, field: str) -> None:
    async with campus.pool.acquire() as connection:
        settings = await get_settings(connection)
    values = {each: getattr(settings, each) for each in CampusSettings.__slots__}
    with pytest.raises(InvalidLimit):
        CampusSettings(**values | {field: Fen(-1)})
