"""Sessions: how they end, and that an ended one is of no use from that moment."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest

from engine.errors import NotSignedIn, SessionNotFound, WrongCredentials
from engine.permissions import Role
from engine.principals import Owner, OwnerKind, PersonPrincipal, Principal, StaffPrincipal
from engine.sessions import (
    KNOWN_FOR,
    LIFETIMES,
    Client,
    SignedIn,
    end_session,
    end_sessions,
    forget_sessions,
    get_principal,
    list_sessions,
    open_session,
)
from ledger.book import LedgerConnection
from tests.identities import (
    ELSEWHERE,
    HOME,
    START,
    Doors,
    Gate,
    as_person,
    as_staff,
    at_once,
)

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

CHANGE_PASSWORD = "update passwords set version = version + 1"


async def principal(doors: Doors, signed_in: SignedIn) -> Principal:
    async with doors.pool.acquire() as connection:
        return await get_principal(connection, signed_in.token, at=doors.clock())


async def sessions_of(doors: Doors, signed_in: SignedIn) -> list[UUID]:
    who = await principal(doors, signed_in)
    async with doors.pool.acquire() as connection:
        return [s.id for s in await list_sessions(connection, who, at=doors.clock())]


async def count_sessions(pool: "Pool[Record]") -> int:
    count = await pool.fetchval("select count(*) from sessions")
    assert isinstance(count, int)
    return count


async def test_a_token_opens_the_session_of_its_person(doors: Doors) -> None:
    person = await doors.person("20190001")
    found = await principal(doors, await doors.enter("20190001"))
    assert isinstance(found, PersonPrincipal)
    assert (found.person_id, found.number, found.name) == (person.id, "20190001", "李雷")


async def test_a_token_opens_the_session_of_its_member_of_staff(doors: Doors) -> None:
    staff = await doors.staff("zhang.wei", Role.FINANCE, Role.AUDITOR)
    found = await principal(doors, await doors.sign_in.sign_in(as_staff(), HOME))
    assert isinstance(found, StaffPrincipal)
    assert (found.staff_id, found.name) == (staff.id, "zhang.wei")
    assert found.roles == {Role.FINANCE, Role.AUDITOR}


@pytest.mark.parametrize("token", ["", "x", "\0", "\ud800", "A" * 43])
async def test_what_is_no_token_opens_nothing(connection: LedgerConnection, token: str) -> None:
    with pytest.raises(NotSignedIn):
        await get_principal(connection, token, at=START)


async def test_the_token_is_nowhere_in_the_database(doors: Doors) -> None:
    await doors.person()
    signed_in = await doors.enter()
    stored = await doors.pool.fetchval("select string_agg(sessions::text, ' ') from sessions")
    assert signed_in.token not in stored
    assert signed_in.token.encode().hex() not in stored


async def test_tokens_hold_256_bits_and_stay_out_of_reprs(doors: Doors) -> None:
    await doors.person()
    signed_in = await doors.enter()
    assert len(signed_in.token) == 43  # 32 bytes in base 64
    assert signed_in.token not in repr(signed_in)


@pytest.mark.parametrize("kind", OwnerKind)
async def test_a_session_ends_when_it_is_not_used(doors: Doors, kind: OwnerKind) -> None:
    signed_in = await enter_as(doors, kind)
    doors.clock.now += LIFETIMES[kind].idle - timedelta(seconds=1)
    await principal(doors, signed_in)
    doors.clock.now += LIFETIMES[kind].idle
    with pytest.raises(NotSignedIn):
        await principal(doors, signed_in)


@pytest.mark.parametrize("kind", OwnerKind)
async def test_a_session_ends_however_much_it_is_used(doors: Doors, kind: OwnerKind) -> None:
    signed_in = await enter_as(doors, kind)
    end = START + LIFETIMES[kind].absolute
    while doors.clock() + LIFETIMES[kind].idle / 2 < end:
        doors.clock.now += LIFETIMES[kind].idle / 2
        await principal(doors, signed_in)
    doors.clock.now = end
    with pytest.raises(NotSignedIn):
        await principal(doors, signed_in)


async def enter_as(doors: Doors, kind: OwnerKind) -> SignedIn:
    match kind:
        case OwnerKind.PERSON:
            await doors.person()
            return await doors.enter()
        case OwnerKind.STAFF:
            await doors.staff()
            return await doors.sign_in.sign_in(as_staff(), HOME)


async def test_use_is_noted_to_the_minute(doors: Doors) -> None:
    await doors.person()
    signed_in = await doors.enter()
    doors.clock.advance(seconds=59)
    await principal(doors, signed_in)
    assert await doors.pool.fetchval("select last_seen_at from sessions") == START
    doors.clock.advance(seconds=1)
    await principal(doors, signed_in)
    assert await doors.pool.fetchval("select last_seen_at from sessions") == doors.clock()


async def test_own_sessions_are_listed_with_their_places(doors: Doors) -> None:
    await doors.person("20190001")
    await doors.person("20190002")
    first = await doors.enter("20190001")
    doors.clock.advance(minutes=5)
    phone = Client(address=ELSEWHERE.address, agent="phone " * 100)
    await doors.enter("20190001", client=phone)
    await doors.enter("20190002")
    who = await principal(doors, first)
    async with doors.pool.acquire() as connection:
        await connection.execute("update sessions set last_seen_at = created_at")
        listed = await list_sessions(connection, who, at=doors.clock())
    assert [session.address for session in listed] == [ELSEWHERE.address, HOME.address]
    assert listed[0].agent == ("phone " * 100)[:200]
    assert listed[1].id == who.session_id


async def test_signing_out_ends_this_session_alone(doors: Doors) -> None:
    await doors.person()
    one, other = await doors.enter(), await doors.enter()
    who = await principal(doors, one)
    async with doors.pool.acquire() as connection:
        await end_session(connection, who, who.session_id, at=doors.clock())
        with pytest.raises(SessionNotFound):
            await end_session(connection, who, who.session_id, at=doors.clock())
    with pytest.raises(NotSignedIn):
        await principal(doors, one)
    assert await sessions_of(doors, other) == [(await principal(doors, other)).session_id]


async def test_nobody_ends_the_session_of_another(doors: Doors) -> None:
    await doors.person("20190001")
    await doors.person("20190002")
    mine, theirs = await doors.enter("20190001"), await doors.enter("20190002")
    me, them = await principal(doors, mine), await principal(doors, theirs)
    async with doors.pool.acquire() as connection:
        with pytest.raises(SessionNotFound):
            await end_session(connection, me, them.session_id, at=doors.clock())
        with pytest.raises(SessionNotFound):
            await end_session(connection, me, uuid4(), at=doors.clock())
    assert await principal(doors, theirs) == them


async def test_all_others_can_be_ended(doors: Doors) -> None:
    await doors.person()
    others = [await doors.enter() for _ in range(3)]
    mine = await doors.enter()
    me = await principal(doors, mine)
    async with doors.pool.acquire() as connection:
        await end_sessions(connection, me.owner.id, at=doors.clock(), but=me.session_id)
    assert await sessions_of(doors, mine) == [me.session_id]
    for other in others:
        with pytest.raises(NotSignedIn):
            await principal(doors, other)


async def test_a_session_ended_while_in_use_serves_nobody_after_the_commit(doors: Doors) -> None:
    await doors.person()
    signed_in = await doors.enter()
    me = await principal(doors, signed_in)
    doors.clock.advance(minutes=2)  # so that each use wants to note itself

    async def end() -> None:
        async with doors.pool.acquire() as connection:
            await end_sessions(connection, me.owner.id, at=doors.clock())
        with pytest.raises(NotSignedIn):
            await principal(doors, signed_in)

    outcomes = await at_once([end(), *(principal(doors, signed_in) for _ in range(20))])
    assert outcomes[0] is None
    assert {type(outcome) for outcome in outcomes[1:]} <= {PersonPrincipal, NotSignedIn}
    with pytest.raises(NotSignedIn):
        await principal(doors, signed_in)


async def test_a_password_changed_since_it_was_checked_opens_nothing(doors: Doors) -> None:
    owner = Owner(OwnerKind.PERSON, (await doors.person()).id)
    async with doors.pool.acquire() as connection:
        await connection.execute("update passwords set version = 2")
        stale = await open_session(connection, owner, version=1, client=HOME, at=START)
        assert stale is None
        assert await open_session(connection, owner, version=2, client=HOME, at=START)


@pytest.mark.parametrize("statement", ["update people set state = 'left'", CHANGE_PASSWORD])
async def test_opening_a_session_makes_a_suspension_or_a_new_password_wait_for_it(
    doors: Doors, statement: str
) -> None:
    owner = Owner(OwnerKind.PERSON, (await doors.person()).id)
    async with doors.pool.acquire() as opening, doors.pool.acquire() as ending:
        await ending.execute("set lock_timeout = '20ms'")
        async with opening.transaction():
            await open_session(opening, owner, version=1, client=HOME, at=START)
            with pytest.raises(asyncpg.LockNotAvailableError):
                await ending.execute(statement)
        await ending.execute(statement)
        assert await open_session(opening, owner, version=1, client=HOME, at=START) is None


@pytest.mark.parametrize("kind", OwnerKind)
async def test_who_is_not_active_any_more_when_the_password_was_checked_stays_out(
    doors: Doors, kind: OwnerKind
) -> None:
    await doors.person()
    await doors.staff()
    gate = Gate(doors.argon)
    attempt = as_person() if kind is OwnerKind.PERSON else as_staff()
    async with asyncio.TaskGroup() as group:
        signing_in = group.create_task(at_once([doors.sign_in.sign_in(attempt, HOME)]))
        await gate.reached.wait()
        await doors.pool.execute("update people set state = 'suspended'")
        await doors.pool.execute("update staff set state = 'disabled'")
        gate.opened.set()
    assert isinstance(signing_in.result()[0], WrongCredentials)
    assert await count_sessions(doors.pool) == 0


async def test_sessions_that_are_over_are_forgotten_in_the_end(doors: Doors) -> None:
    await doors.person()
    await doors.enter()
    doors.clock.now += KNOWN_FOR
    async with doors.pool.acquire() as connection:
        await forget_sessions(connection, at=doors.clock())
        assert await count_sessions(doors.pool) == 1
        await doors.enter()
        await forget_sessions(connection, at=doors.clock() + timedelta(seconds=1))
    assert await count_sessions(doors.pool) == 1
    assert await doors.pool.fetchval("select created_at from sessions") == doors.clock()


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix socket", "unix socket"),
        ("x\0y" + "z" * 200, "xy" + "z" * 98),
    ],
)
def test_a_place_is_what_tells_clients_apart(address: str, place: str) -> None:
    assert Client(address=address).place == place
