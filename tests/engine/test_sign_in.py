"""Signing in: who gets in, what guessing costs, and that nobody can lock another out."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from engine.argon import ArgonPool
from engine.audit_trail import Action, list_events
from engine.errors import AccountNotActive, SignInPaused, TooBusy, WrongCredentials
from engine.passwords import PASSWORD_PAUSES, Credentials
from engine.people import PersonEvent, change_state
from engine.sessions import Client, SignedIn
from engine.sign_in import ACCOUNT_PAUSES, SignIn
from engine.tries import forget_tries
from tests.identities import (
    CHEAP,
    ELSEWHERE,
    HOME,
    PASSWORD,
    START,
    SYSTEM,
    Doors,
    as_person,
    as_staff,
    at_once,
    student,
)

WRONG = as_person(password="wrong horse")
PHONE = Client(address=HOME.address, device=b"d" * 16)
BOTS = [Client(address=f"192.0.2.{n}") for n in range(1, 30)]


async def guess(doors: Doors, client: Client, credentials: Credentials = WRONG) -> None:
    with pytest.raises(WrongCredentials):
        await doors.sign_in.sign_in(credentials, client)


async def guess_until_paused(
    doors: Doors, clients: Sequence[Client], credentials: Credentials = WRONG
) -> SignInPaused:
    """Guess from each client in turn; return what refused one of them."""
    for client in clients:
        try:
            await doors.sign_in.sign_in(credentials, client)
        except WrongCredentials:
            continue
        except SignInPaused as paused:
            return paused
    raise AssertionError("never paused")


async def test_the_right_password_lets_in_and_another_does_not(doors: Doors) -> None:
    person = await doors.person()
    await guess(doors, HOME)
    signed_in = await doors.enter()
    assert (await doors.principal(signed_in)).person_id == person.id


async def test_people_and_staff_have_their_own_doors(doors: Doors) -> None:
    await doors.person("zhang")
    await doors.staff("wang.fang")
    await guess(doors, HOME, as_staff("zhang"))
    await guess(doors, HOME, as_person("wang.fang"))


@pytest.mark.parametrize("login", ["20190002", "", "\0", "\ud800", "x" * 100_000, "' or 1=1"])
async def test_an_unknown_login_costs_the_same_work(doors: Doors, login: str) -> None:
    await doors.person("20190001")
    before = doors.argon.computed
    with pytest.raises(WrongCredentials) as unknown:
        await doors.enter(login)
    assert doors.argon.computed - before == 1
    with pytest.raises(WrongCredentials) as wrong:
        await doors.enter("20190001", "wrong horse")
    assert str(unknown.value) == str(wrong.value)


async def test_unknown_logins_are_paused_like_known_ones(doors: Doors) -> None:
    await doors.person("20190001")
    pauses = [
        await guess_until_paused(doors, [HOME] * 10, as_person(login, "wrong horse"))
        for login in ("20190001", "20190002")
    ]
    assert pauses[0].retry_after_s == pauses[1].retry_after_s == 5


async def test_a_person_without_a_password_is_not_let_in(doors: Doors) -> None:
    async with doors.pool.acquire() as connection:
        await student(connection, "20190001")
    await guess(doors, HOME, as_person("20190001", ""))
    assert doors.argon.computed == 1


async def test_a_suspended_person_is_told_so_with_the_right_password_alone(doors: Doors) -> None:
    person = await doors.person()
    async with doors.pool.acquire() as connection, connection.transaction():
        await change_state(connection, person.id, PersonEvent.SUSPEND, actor=SYSTEM, at=START)
    await guess(doors, HOME)
    with pytest.raises(AccountNotActive):
        await doors.enter()


async def test_pauses_grow_with_wrong_tries_and_end_with_a_right_one(doors: Doors) -> None:
    await doors.person()
    seen: list[int] = []
    for _ in range(7):
        await guess(doors, HOME)
        paused = await guess_until_paused(doors, [HOME]) if len(seen) > 2 else None
        seen.append(paused.retry_after_s if paused else 0)
        doors.clock.advance(seconds=seen[-1])
    assert seen == [int(pause.total_seconds()) for pause in PASSWORD_PAUSES.after[:7]]
    await doors.enter()
    for _ in range(3):
        await guess(doors, HOME)


async def test_a_try_during_a_pause_is_neither_looked_at_nor_counted(doors: Doors) -> None:
    await doors.person()
    await doors.enter()
    for _ in range(4):
        await guess(doors, HOME)
    before = doors.argon.computed
    for credentials in [WRONG, as_person()] * 3:
        with pytest.raises(SignInPaused):
            await doors.sign_in.sign_in(credentials, HOME)
    assert doors.argon.computed == before
    doors.clock.advance(seconds=5)
    await doors.enter()


async def test_guessing_from_one_address_leaves_the_others_alone(doors: Doors) -> None:
    await doors.person()
    await guess_until_paused(doors, [ELSEWHERE] * 10)
    assert await doors.lets_in(PASSWORD)


async def test_many_strange_addresses_are_paused_together(doors: Doors) -> None:
    await doors.person()
    await guess_until_paused(doors, BOTS)
    counted = await doors.pool.fetchval("select max(failures) from tries")
    assert counted == ACCOUNT_PAUSES.free + 1
    with pytest.raises(SignInPaused) as paused:
        await doors.enter(client=ELSEWHERE)
    assert paused.value.retry_after_s == 60


async def test_an_address_that_signed_in_before_is_outside_that_pause(doors: Doors) -> None:
    await doors.person()
    await doors.enter(client=HOME)
    await guess_until_paused(doors, BOTS)
    assert await doors.lets_in(PASSWORD)


async def test_a_device_that_signed_in_before_is_outside_the_pause_of_its_address(
    doors: Doors,
) -> None:
    await doors.person()
    await doors.enter(client=PHONE)
    neighbour = replace(PHONE, device=b"e" * 16)
    await guess_until_paused(doors, [neighbour] * 10)
    await doors.enter(client=PHONE)
    with pytest.raises(SignInPaused):
        await doors.enter(client=replace(PHONE, device=None))


async def test_a_device_of_another_person_is_a_stranger(doors: Doors) -> None:
    await doors.person("20190001")
    await doors.person("20190002")
    await doors.enter("20190002", client=replace(PHONE, address=ELSEWHERE.address))
    await guess_until_paused(doors, BOTS)
    with pytest.raises(SignInPaused):
        await doors.enter("20190001", client=PHONE)


async def test_a_try_refused_for_the_account_is_not_counted_for_the_address(doors: Doors) -> None:
    await doors.person()
    await guess_until_paused(doors, BOTS)
    before = await doors.pool.fetchval("select count(*) from tries")
    with pytest.raises(SignInPaused):
        await doors.enter(client=ELSEWHERE)
    assert await doors.pool.fetchval("select count(*) from tries") == before


async def test_guesses_at_once_are_looked_at_no_more_often_than_one_by_one(doors: Doors) -> None:
    await doors.person()
    await doors.enter()
    before = doors.argon.computed
    outcomes = await at_once(doors.sign_in.sign_in(WRONG, HOME) for _ in range(100))
    kinds = [type(outcome) for outcome in outcomes]
    assert doors.argon.computed - before == kinds.count(WrongCredentials) == 4
    assert kinds.count(SignInPaused) == 96


async def test_bots_at_once_wait_for_each_other_without_a_deadlock(doors: Doors) -> None:
    await doors.person()
    outcomes = await at_once(doors.sign_in.sign_in(WRONG, bot) for bot in BOTS)
    assert [type(outcome) for outcome in outcomes].count(WrongCredentials) == 11


async def test_signing_in_at_once_opens_a_session_each(doors: Doors) -> None:
    await doors.person()
    outcomes = await at_once(doors.enter() for _ in range(3))
    assert len({signed.token for signed in outcomes if isinstance(signed, SignedIn)}) == 3


async def test_a_full_queue_refuses_before_it_counts(doors: Doors) -> None:
    await doors.person()
    with ArgonPool(CHEAP, workers=1, turns_max=1) as full, full.turn():
        door = SignIn(doors.pool, full, doors.clock)
        for _ in range(10):
            with pytest.raises(TooBusy):
                await door.sign_in(WRONG, HOME)
    assert await doors.pool.fetchval("select count(*) from tries") == 0
    assert await doors.lets_in(PASSWORD)


async def test_the_table_of_tries_empties_itself(doors: Doors) -> None:
    for number in range(20):
        await guess(doors, HOME, as_person(f"nobody{number}", "x"))
    assert await doors.pool.fetchval("select count(*) from tries") == 40
    doors.clock.now += PASSWORD_PAUSES.forget_after
    async with doors.pool.acquire() as connection:
        await forget_tries(connection, at=doors.clock())
    assert await doors.pool.fetchval("select count(*) from tries") == 0


async def test_nothing_typed_is_kept_of_a_failed_try(doors: Doors) -> None:
    await guess(doors, HOME, as_person("secret1", "x"))  # a password typed into the wrong field
    stored = await doors.pool.fetchval("select string_agg(tries::text, ' ') from tries")
    assert "secret1" not in stored
    assert b"secret1".hex() not in stored


async def test_staff_who_sign_in_are_recorded(doors: Doors) -> None:
    staff = await doors.staff("zhang.wei")
    await doors.sign_in.sign_in(as_staff("zhang.wei"), HOME)
    async with doors.pool.acquire() as connection:
        newest, *_ = await list_events(connection, limit=1)
    assert newest.event.action == Action.STAFF_SIGNED_IN
    assert (newest.event.actor.id, newest.event.actor.name) == (staff.id, "zhang.wei")


async def test_no_secret_is_logged_or_shown(doors: Doors) -> None:
    await doors.person()
    with capture_logs() as logs:
        signed_in = await doors.enter(client=PHONE)
        with pytest.raises(WrongCredentials) as refused:
            await doors.enter(password="wrong horse")
    shown = f"{logs} {refused.value!r} {as_person()!r} {PHONE!r} {signed_in!r}"
    assert {entry["event"] for entry in logs} == {"signed in", "sign-in refused"}
    for secret in (PASSWORD, "wrong horse", signed_in.token, str(PHONE.device), "argon2id"):
        assert secret not in shown
