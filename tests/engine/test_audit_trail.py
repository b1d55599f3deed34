"""The audit trail: what it says, and that no tampering passes unseen."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from engine.audit_trail import (
    Action,
    Actor,
    ActorKind,
    AuditEvent,
    AuditHead,
    Subject,
    find_head,
    list_events,
    record,
    record_reading,
)
from engine.audit_verification import Fault, Verdict, verify_trail
from ledger.book import LedgerConnection
from tests.databases import Database
from tests.identities import START, SYSTEM, at_once

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

ALICE = Actor(kind=ActorKind.STAFF, id=UUID(int=1), name="alice")
SOMEBODY = UUID(int=7)


def event(**details: str | int | bool | None) -> AuditEvent:
    return AuditEvent(
        at=START,
        actor=ALICE,
        action=Action.PERSON_ADDED,
        subject=Subject(kind="person", id=SOMEBODY),
        details=details,
    )


async def fill(connection: LedgerConnection, count: int) -> list[AuditHead]:
    return [await record(connection, event(n=number)) for number in range(1, count + 1)]


async def verified(database: Database, *kept: AuditHead) -> Verdict:
    async with database.app() as connection:
        return await verify_trail(connection, kept=kept)


async def test_the_hash_is_that_of_the_documented_encoding(connection: LedgerConnection) -> None:
    head = await record(connection, event(name="张三", count=2, ok=True, note=None))
    canonical = (
        '[1,"2026-03-02T04:05:06.789012+00:00","staff","00000000-0000-0000-0000-000000000001",'
        '"alice","person.added","person","00000000-0000-0000-0000-000000000007",'
        '{"count":2,"name":"张三","note":null,"ok":true}]'
    )
    assert head == AuditHead(seq=1, hash=hashlib.sha256(bytes(32) + canonical.encode()).digest())


async def test_an_empty_trail_is_clean(database: Database) -> None:
    assert await verified(database) == Verdict(head=AuditHead(seq=0, hash=bytes(32)))


async def test_a_trail_that_was_only_written_to_is_clean(database: Database) -> None:
    async with database.app() as connection:
        heads = await fill(connection, 5)
        assert await verify_trail(connection, kept=heads) == Verdict(head=heads[-1])


async def test_progress_ends_with_all_events(database: Database) -> None:
    told: list[tuple[int, int]] = []
    async with database.app() as connection:
        await fill(connection, 3)
        await verify_trail(connection, progress=lambda done, of: told.append((done, of)))
    assert told == [(3, 3)]


async def test_an_event_stands_or_falls_with_its_transaction(database: Database) -> None:
    async with database.app() as connection:
        await fill(connection, 1)
        transaction = connection.transaction()
        await transaction.start()
        await record(connection, event())
        await transaction.rollback()
        after = await record(connection, event())
        assert after.seq == 2
        assert await find_head(connection) == after
    assert (await verified(database)).is_clean


async def test_writers_at_once_make_one_chain(database: Database, pool: "Pool[Record]") -> None:
    async def write(number: int) -> AuditHead:
        async with pool.acquire() as connection, connection.transaction():
            return await record(connection, event(n=number))

    heads = await at_once(write(number) for number in range(40))
    assert sorted(head.seq for head in heads if isinstance(head, AuditHead)) == [*range(1, 41)]
    assert (await verified(database)).head.seq == 40


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_events set actor_name = 'nobody'",
        "delete from audit_events",
        "truncate audit_events",
        "delete from audit_head",
    ],
)
async def test_the_engine_itself_may_not_change_history(
    connection: LedgerConnection, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)


SHIFT = """
    update audit_events set seq = seq + 1000 where seq >= 3;
    update audit_events set seq = seq - 999 where seq > 1000;
"""
FORGE = """
    insert into audit_events
    select {seq}, at, actor_kind, actor_id, 'forged', action, subject_kind, subject_id, details,
        {prev_hash}, sha256('forged')
    from audit_events where seq = 1;
"""
AFTER_2 = "(select hash from audit_events where seq = 2)"


@pytest.mark.parametrize(
    ("tampering", "fault", "seq"),
    [
        ("update audit_events set actor_name = 'mallory' where seq = 3", Fault.ALTERED, 3),
        ("update audit_events set details = '{}' where seq = 1", Fault.ALTERED, 1),
        ("update audit_events set at = at - interval '1 day' where seq = 6", Fault.ALTERED, 6),
        ("update audit_events set subject_id = null where seq = 2", Fault.ALTERED, 2),
        ("update audit_events set hash = sha256('x') where seq = 4", Fault.ALTERED, 4),
        ("update audit_events set prev_hash = sha256('x') where seq = 4", Fault.ALTERED, 4),
        ("update audit_head set hash = sha256('x')", Fault.ALTERED, 6),
        ("delete from audit_events where seq = 1", Fault.DROPPED, 1),
        ("delete from audit_events where seq = 3", Fault.DROPPED, 3),
        ("delete from audit_events where seq >= 5", Fault.DROPPED, 5),
        ("delete from audit_events", Fault.DROPPED, 1),
        (FORGE.format(seq=7, prev_hash="sha256('x')"), Fault.ALTERED, 7),
        (SHIFT + FORGE.format(seq=3, prev_hash=AFTER_2), Fault.INSERTED, 3),
        (
            # The second and third change places.
            """
            update audit_events set seq = 1000 where seq = 2;
            update audit_events set seq = 2 where seq = 3;
            update audit_events set seq = 3 where seq = 1000;
            """,
            Fault.INSERTED,
            2,
        ),
        (
            # Cut out, and those after it moved up.
            """
            delete from audit_events where seq = 3;
            update audit_events set seq = seq + 1000 where seq > 3;
            update audit_events set seq = seq - 1001 where seq > 1000;
            """,
            Fault.ALTERED,
            3,
        ),
    ],
)
async def test_tampering_by_the_owner_is_named(
    database: Database, tampering: str, fault: Fault, seq: int
) -> None:
    async with database.owner() as owner:
        await fill(owner, 6)
        assert (await verify_trail(owner)).is_clean
        await owner.execute(tampering)
    found = await verified(database)
    assert (found.fault, found.seq) == (fault, seq)


async def forge_with_its_hash(owner: LedgerConnection, seq: int) -> None:
    """Put an event of our own at `seq`, rightly hashed, as if it were the first of a new trail."""
    async with owner.transaction():
        before = await owner.fetchval("select hash from audit_events where seq = $1", seq - 1)
        await owner.execute("update audit_head set seq = $1, hash = $2", seq - 1, before)
        await owner.execute("delete from audit_events where seq = $1", seq)
        await record(owner, event(forged=True))
        await owner.execute(
            """
            update audit_head set seq = newest.seq, hash = newest.hash
            from (select seq, hash from audit_events order by seq desc limit 1) as newest
            """
        )


async def test_an_altered_event_with_a_new_hash_is_named(database: Database) -> None:
    async with database.owner() as owner:
        await fill(owner, 6)
        await forge_with_its_hash(owner, 3)
    found = await verified(database)
    assert (found.fault, found.seq) == (Fault.ALTERED, 3)


async def test_an_inserted_event_with_a_right_hash_is_named(database: Database) -> None:
    async with database.owner() as owner:
        await fill(owner, 6)
        await owner.execute(SHIFT)
        await forge_with_its_hash(owner, 3)
    found = await verified(database)
    assert (found.fault, found.seq) == (Fault.INSERTED, 3)


async def test_an_event_beyond_the_head_is_inserted(database: Database) -> None:
    async with database.owner() as owner:
        heads = await fill(owner, 6)
        await record(owner, event())
        await owner.execute("update audit_head set seq = 6, hash = $1", heads[-1].hash)
    found = await verified(database)
    assert (found.fault, found.seq) == (Fault.INSERTED, 7)


async def cut_the_tail(owner: LedgerConnection, heads: list[AuditHead]) -> None:
    await owner.execute("delete from audit_events where seq > 4")
    await owner.execute("update audit_head set seq = 4, hash = $1", heads[3].hash)


async def write_all_anew(owner: LedgerConnection, _: list[AuditHead]) -> None:
    await owner.execute("delete from audit_events")
    await owner.execute("update audit_head set seq = 0, hash = $1", bytes(32))
    for number in range(8):
        await record(owner, event(other=number))


@pytest.mark.parametrize(
    ("tampering", "fault", "seq"),
    [(cut_the_tail, Fault.DROPPED, 5), (write_all_anew, Fault.REWRITTEN, 2)],
)
async def test_a_consistent_forgery_is_found_by_a_kept_head(
    database: Database,
    tampering: Callable[[LedgerConnection, list[AuditHead]], Awaitable[None]],
    fault: Fault,
    seq: int,
) -> None:
    async with database.owner() as owner:
        heads = await fill(owner, 6)
        await tampering(owner, heads)
    assert (await verified(database)).is_clean  # nothing in the database tells
    found = await verified(database, heads[1], heads[5])
    assert (found.fault, found.seq) == (fault, seq)


async def test_events_added_while_verifying_are_not_taken_for_forged(database: Database) -> None:
    async with database.app() as reader, database.app() as writer:
        await fill(writer, 3)
        walked = asyncio.Event()
        verifying = verify_trail(reader, progress=lambda *_: walked.set())
        found, _ = await asyncio.gather(verifying, fill(writer, 1))
        assert walked.is_set()
        assert found.is_clean


async def test_reading_personal_data_is_an_event_of_its_own(connection: LedgerConnection) -> None:
    await record_reading(connection, ALICE, person_id=SOMEBODY, what="profile", at=START)
    (found,) = await list_events(connection, subject_id=SOMEBODY, limit=10)
    assert found.event == AuditEvent(
        at=START,
        actor=ALICE,
        action=Action.PERSONAL_DATA_READ,
        subject=Subject(kind="person", id=SOMEBODY),
        details={"what": "profile"},
    )


async def test_events_are_listed_newest_first_in_pages(connection: LedgerConnection) -> None:
    await fill(connection, 5)
    first = await list_events(connection, limit=2)
    second = await list_events(connection, before_seq=first[-1].seq, limit=2)
    assert [found.seq for found in first + second] == [5, 4, 3, 2]


async def test_events_are_listed_by_actor(connection: LedgerConnection) -> None:
    await fill(connection, 2)
    other = AuditEvent(
        at=START, actor=SYSTEM, action=Action.PEOPLE_IMPORTED, subject=Subject(kind="people")
    )
    await record(connection, other)
    found = await list_events(connection, actor_id=ALICE.id, limit=10)
    assert [chained.seq for chained in found] == [2, 1]
