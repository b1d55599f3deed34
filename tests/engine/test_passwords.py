"""Passwords: set once by a code, changed with the old one, and never seen by anybody else."""

import asyncio
import unicodedata
from datetime import timedelta

import pytest

from engine.argon import OWASP, ArgonPool
from engine.audit_trail import Action, list_events
from engine.errors import (
    AccountNotActive,
    InvalidCode,
    SignInPaused,
    TooBusy,
    WeakPassword,
    WrongCredentials,
)
from engine.one_time_codes import CODE_LIFE, Purpose, issue_code
from engine.passwords import Passwords, check_password
from engine.people import Person, PersonEvent, change_state
from engine.principals import Owner, OwnerKind
from engine.sessions import Client, SignedIn
from engine.sign_in import SignIn
from tests.identities import (
    CHEAP,
    HOME,
    PASSWORD,
    START,
    SYSTEM,
    Doors,
    Gate,
    as_person,
    as_staff,
    at_once,
    student,
)

NEW = "battery staple"


def passwords(doors: Doors) -> Passwords:
    return Passwords(doors.pool, doors.argon, doors.clock)


async def code_for(doors: Doors, owner: Owner) -> str:
    async with doors.pool.acquire() as connection, connection.transaction():
        return await issue_code(
            connection, owner, Purpose.SET_PASSWORD, actor=SYSTEM, at=doors.clock()
        )


async def newcomer(doors: Doors) -> Person:
    async with doors.pool.acquire() as connection, connection.transaction():
        return await student(connection)


async def code_for_newcomer(doors: Doors) -> str:
    return await code_for(doors, Owner(OwnerKind.PERSON, (await newcomer(doors)).id))


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 8"),
        ("seven77", "at least 8"),
        ("x1" * 65, "at most 128"),
        ("aaabbbccc", "4 different"),
        ("my20190001!", "your own number"),
        ("20190001", "your own number"),
    ],
)
def test_a_weak_password_is_refused(password: str, reason: str) -> None:
    with pytest.raises(WeakPassword, match=reason):
        check_password(password, login="20190001")


@pytest.mark.parametrize("password", ["12345678", "正确的马电池订书钉", "x y z 1 2", "ab1_" * 32])
def test_a_password_may_be(password: str) -> None:
    check_password(password, login="20190001")


async def test_a_code_sets_the_first_password_and_signs_in(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    signed_in = await passwords(doors).set_with_code(code, as_person(), HOME)
    assert (await doors.principal(signed_in)).number == "20190001"
    assert (await doors.principal(await doors.enter())).number == "20190001"


async def test_staff_set_their_first_password_the_same_way(doors: Doors) -> None:
    staff = await doors.staff()
    code = await code_for(doors, Owner(OwnerKind.STAFF, staff.id))
    await passwords(doors).set_with_code(code, as_staff(password=NEW), HOME)
    signed_in = await doors.sign_in.sign_in(as_staff(password=NEW), HOME)
    assert signed_in.owner == Owner(OwnerKind.STAFF, staff.id)


async def test_a_code_is_read_as_people_write_it(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    written = code.lower().replace("-", " ").replace("1", "l").replace("0", "o")
    await passwords(doors).set_with_code(written, as_person(), HOME)
    assert await doors.lets_in(PASSWORD)


async def test_a_code_is_good_once(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    await passwords(doors).set_with_code(code, as_person(), HOME)
    with pytest.raises(InvalidCode):
        await passwords(doors).set_with_code(code, as_person(password=NEW), HOME)


async def test_a_code_used_at_once_sets_one_password(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    outcomes = await at_once(
        passwords(doors).set_with_code(code, as_person(password=f"{PASSWORD} {n}"), HOME)
        for n in range(8)
    )
    assert [type(outcome) for outcome in outcomes].count(SignedIn) == 1
    assert [type(outcome) for outcome in outcomes].count(InvalidCode) == 7


async def test_a_new_code_voids_the_old_one(doors: Doors) -> None:
    owner = Owner(OwnerKind.PERSON, (await newcomer(doors)).id)
    old, new = await code_for(doors, owner), await code_for(doors, owner)
    with pytest.raises(InvalidCode):
        await passwords(doors).set_with_code(old, as_person(), HOME)
    await passwords(doors).set_with_code(new, as_person(), HOME)
    assert await doors.lets_in(PASSWORD)


async def test_a_code_expires(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    doors.clock.now += CODE_LIFE
    with pytest.raises(InvalidCode):
        await passwords(doors).set_with_code(code, as_person(), HOME)


@pytest.mark.parametrize("code", ["", "0000-0000-0000", "\0", "\ud800", "K" * 10_000])
async def test_a_wrong_code_sets_nothing_and_costs_no_hash(doors: Doors, code: str) -> None:
    await code_for_newcomer(doors)
    with pytest.raises(InvalidCode):
        await passwords(doors).set_with_code(code, as_person(), HOME)
    assert doors.argon.computed == 0


async def test_a_code_is_of_use_to_its_owner_alone(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    await doors.person("20190002")
    for login in ("20190002", "20190003"):
        with pytest.raises(InvalidCode):
            await passwords(doors).set_with_code(code, as_person(login), HOME)


async def test_a_code_for_a_pin_sets_no_password(doors: Doors) -> None:
    owner = Owner(OwnerKind.PERSON, (await newcomer(doors)).id)
    async with doors.pool.acquire() as connection, connection.transaction():
        code = await issue_code(connection, owner, Purpose.SET_PIN, actor=SYSTEM, at=START)
    with pytest.raises(InvalidCode):
        await passwords(doors).set_with_code(code, as_person(), HOME)


async def test_a_weak_password_leaves_the_code_good(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    with pytest.raises(WeakPassword):
        await passwords(doors).set_with_code(code, as_person(password="short"), HOME)
    await passwords(doors).set_with_code(code, as_person(), HOME)
    assert await doors.lets_in(PASSWORD)


async def test_a_suspended_person_keeps_the_code_for_later(doors: Doors) -> None:
    person = await newcomer(doors)
    code = await code_for(doors, Owner(OwnerKind.PERSON, person.id))
    async with doors.pool.acquire() as connection, connection.transaction():
        await change_state(connection, person.id, PersonEvent.SUSPEND, actor=SYSTEM, at=START)
    with pytest.raises(AccountNotActive):
        await passwords(doors).set_with_code(code, as_person(), HOME)
    async with doors.pool.acquire() as connection, connection.transaction():
        await change_state(connection, person.id, PersonEvent.RESUME, actor=SYSTEM, at=START)
    await passwords(doors).set_with_code(code, as_person(), HOME)
    assert await doors.lets_in(PASSWORD)


async def test_a_code_replaces_a_forgotten_password_and_ends_all_sessions(doors: Doors) -> None:
    person = await doors.person()
    before = await doors.enter()
    code = await code_for(doors, Owner(OwnerKind.PERSON, person.id))
    after = await passwords(doors).set_with_code(code, as_person(password=NEW), HOME)
    assert await doors.knows(after)
    assert not await doors.knows(before)
    assert not await doors.lets_in(PASSWORD)


async def test_the_code_is_nowhere_in_the_database(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    stored = await doors.pool.fetchval(
        """
        select (select string_agg(one_time_codes::text, '') from one_time_codes)
            || (select string_agg(audit_events::text, '') from audit_events)
        """
    )
    assert code not in stored
    assert code.replace("-", "") not in stored


async def test_a_change_needs_the_old_password_and_ends_the_other_sessions(doors: Doors) -> None:
    await doors.person()
    mine, other = await doors.enter(), await doors.enter()
    me = await doors.principal(mine)
    with pytest.raises(WrongCredentials):
        await passwords(doors).change(me, old="correct house", new=NEW)
    assert await doors.knows(other)
    await passwords(doors).change(me, old=PASSWORD, new=NEW)
    assert await doors.principal(mine) == me
    assert not await doors.knows(other)
    assert not await doors.lets_in(PASSWORD)
    assert await doors.lets_in(NEW)


async def test_a_change_to_a_weak_password_is_refused(doors: Doors) -> None:
    await doors.person()
    me = await doors.principal(await doors.enter())
    with pytest.raises(WeakPassword):
        await passwords(doors).change(me, old=PASSWORD, new="me 20190001")
    assert await doors.lets_in(PASSWORD)


async def test_a_stolen_session_gets_few_guesses_at_the_old_password(doors: Doors) -> None:
    await doors.person()
    me = await doors.principal(await doors.enter())
    before = doors.argon.computed
    outcomes = await at_once(
        passwords(doors).change(me, old=f"guess number {n}", new=NEW) for n in range(50)
    )
    assert doors.argon.computed - before == 4
    assert [type(outcome) for outcome in outcomes].count(SignInPaused) == 46


async def test_of_two_changes_at_once_one_wins(doors: Doors) -> None:
    await doors.person()
    me = await doors.principal(await doors.enter())
    chosen = [f"{NEW} {n}" for n in range(3)]
    outcomes = await at_once(passwords(doors).change(me, old=PASSWORD, new=new) for new in chosen)
    assert sorted(map(str, map(type, outcomes))).count(str(type(None))) == 1
    winner = chosen[outcomes.index(None)]
    assert [await doors.lets_in(new) for new in chosen] == [new == winner for new in chosen]


async def test_signing_in_with_the_old_password_loses_against_a_change(doors: Doors) -> None:
    await doors.person()
    me = await doors.principal(await doors.enter())
    with ArgonPool(CHEAP, workers=1, turns_max=1) as slow:
        gate = Gate(slow)
        late = SignIn(doors.pool, slow, doors.clock)
        async with asyncio.TaskGroup() as group:
            signing_in = group.create_task(at_once([late.sign_in(as_person(), HOME)]))
            await gate.reached.wait()  # it has read the old hash
            await passwords(doors).change(me, old=PASSWORD, new=NEW)
            gate.opened.set()
    (outcome,) = signing_in.result()
    assert isinstance(outcome, WrongCredentials)


async def test_a_password_is_the_same_from_every_keyboard(doors: Doors) -> None:
    composed, taken_apart = (unicodedata.normalize(form, "Café Zürich") for form in ("NFC", "NFD"))
    assert composed != taken_apart
    await doors.person(password=taken_apart)
    assert await doors.lets_in(composed)


async def test_seeded_hashes_differ_and_are_made_anew_at_the_first_sign_in(doors: Doors) -> None:
    await doors.person("20190001")
    await doors.person("20190002")
    first, second = (row["hash"] for row in await doors.pool.fetch("select hash from passwords"))
    assert first != second
    with ArgonPool(OWASP, workers=1, turns_max=1) as real:
        door = SignIn(doors.pool, real, doors.clock)
        await door.sign_in(as_person(), HOME)
        assert real.computed == 2
        await door.sign_in(as_person(), HOME)
        assert real.computed == 3
    upgraded = "select hash like '%m=19456,t=2,p=1%' from passwords where hash <> all($1)"
    assert await doors.pool.fetchval(upgraded, [first, second])


async def test_a_hash_made_anew_meanwhile_keeps_nobody_out(doors: Doors) -> None:
    await doors.person()
    with ArgonPool(OWASP, workers=2, turns_max=4) as real:
        door = SignIn(doors.pool, real, doors.clock)
        outcomes = await at_once(door.sign_in(as_person(), HOME) for _ in range(3))
    assert [type(outcome) for outcome in outcomes] == [SignedIn] * 3


async def test_a_full_queue_takes_no_code_and_no_try(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    with ArgonPool(CHEAP, workers=1, turns_max=1) as full, full.turn(), pytest.raises(TooBusy):
        await Passwords(doors.pool, full, doors.clock).set_with_code(code, as_person(), HOME)
    await passwords(doors).set_with_code(code, as_person(), Client(address="203.0.113.8"))
    assert await doors.lets_in(PASSWORD)


async def test_acts_on_a_password_are_recorded_by_their_actor(doors: Doors) -> None:
    code = await code_for_newcomer(doors)
    signed_in = await passwords(doors).set_with_code(code, as_person(), HOME)
    me = await doors.principal(signed_in)
    doors.clock.now += timedelta(days=1)
    await passwords(doors).change(me, old=PASSWORD, new=NEW)
    async with doors.pool.acquire() as connection:
        found = await list_events(connection, subject_id=me.person_id, limit=10)
    assert [(e.event.action, e.event.actor) for e in found[:3]] == [
        (Action.PASSWORD_CHANGED, me.actor),
        (Action.PASSWORD_SET, me.actor),
        (Action.CODE_ISSUED, SYSTEM),
    ]
