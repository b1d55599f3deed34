import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from asyncpg import Pool, Record

from ledger.book import LedgerConnection
from ledger.evidence import newest_head
from ledger.proof.chain import Chain, Link, batch_digest
from ledger.proof.errors import HistoryRewritten
from ledger.proof.head_file import read_heads
from ledger.sealer import Sealer, SealerSettings
from ledger.time import Clock
from tests.databases import Database
from tests.ledger.books import NOON, open_books, post_batch, post_batches
from tests.ledger.histories import SIGNER, TRUST

CHAIN = """
    select position, number, transfers, root, chain_hash from batches
    where position is not null order by position
"""
POSTERS = 4
SEALERS = 3
FAST = SealerSettings(seal_every_s=0.001, sign_every_s=0.001)


def ticking() -> Clock:
    ticks: Iterator[int] = count()

    def now() -> datetime:
        return NOON + timedelta(seconds=next(ticks))

    return now


def a_sealer(pool: "Pool[Record]", head_file: Path | None = None) -> Sealer:
    return Sealer(pool, SIGNER, clock=ticking(), head_file=head_file, settings=FAST)


async def chain_in(pool: "Pool[Record]") -> list[Link]:
    """The recorded chain; fails unless it is the one that follows from the batches."""
    chain = Chain()
    links = []
    for position, number, transfers, root, chain_hash in await pool.fetch(CHAIN):
        links.append(Link(position, chain_hash))
        assert chain.append(batch_digest(number, transfers, root)) == links[-1]
    return links


async def test_batches_are_sealed_in_the_order_of_their_numbers(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        await post_batches(connection, [1, 2, 3])
    assert await a_sealer(pool).run_once() == 3
    assert [row["number"] for row in await pool.fetch(CHAIN)] == [1, 2, 3]
    assert len(await chain_in(pool)) == 3


async def test_a_second_run_goes_on_where_the_first_ended(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        for size in range(1, 12):
            await post_batch(connection, size)
            assert await a_sealer(pool).run_once() == 1
    assert len(await chain_in(pool)) == 11


async def test_thousands_of_batches_are_sealed_in_one_run_in_order(pool: "Pool[Record]") -> None:
    await pool.execute(
        "insert into batches (number, transfers, root, leaf_marks, committed_at)"
        " select number, 1, sha256(number::text::bytea), '', now()"
        " from generate_series(2500, 1, -1) as numbers (number)"
    )
    assert await a_sealer(pool).run_once() == 2500
    assert [row["number"] for row in await pool.fetch(CHAIN)] == list(range(1, 2501))
    assert len(await chain_in(pool)) == 2500


async def test_a_batch_that_commits_late_comes_after_higher_numbers(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection, pool.acquire() as slow:
        await open_books(connection)
        await slow.fetchval("select nextval('batch_numbers')")  # drawn, and not yet committed
        await post_batch(connection, 1)
        await a_sealer(pool).run_once()
        await slow.execute(
            "insert into batches values (1, 1, sha256('late'), '\\x00000000', now(), null, null)"
        )
    assert await a_sealer(pool).run_once() == 1
    assert [row["number"] for row in await pool.fetch(CHAIN)] == [2, 1]
    assert len(await chain_in(pool)) == 2


async def test_nothing_to_seal_writes_nothing(pool: "Pool[Record]") -> None:
    before = await pool.fetchval("select pg_current_xact_id()::text::bigint")
    assert await a_sealer(pool).run_once() == 0
    assert await pool.fetchval("select pg_current_xact_id()::text::bigint") == before + 1


async def test_many_sealers_beside_posting_make_one_chain(
    pool: "Pool[Record]", database: Database
) -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
    batches_each = 15

    async def keep_posting() -> None:
        async with database.app() as connection:
            await post_batches(connection, [1] * batches_each)

    async def keep_sealing() -> None:
        while not posted.is_set():
            await a_sealer(pool).run_once()

    posted = asyncio.Event()
    async with asyncio.TaskGroup() as sealing:
        for _ in range(SEALERS):
            sealing.create_task(keep_sealing())
        async with asyncio.TaskGroup() as posting:
            for _ in range(POSTERS):
                posting.create_task(keep_posting())
        posted.set()
    await a_sealer(pool).run_once()
    assert len(await chain_in(pool)) == POSTERS * batches_each
    assert tuple(await pool.fetchrow("select position, transfers_total from seal_state") or ()) == (
        POSTERS * batches_each,
        await pool.fetchval("select count(*) from transfers"),
    )


# Heads.


async def test_a_head_tells_of_the_end_of_the_chain(pool: "Pool[Record]", tmp_path: Path) -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        ids = await post_batches(connection, [1, 4])
    sealer = a_sealer(pool, tmp_path / "heads.jsonl")
    await sealer.run_once()
    signed = await sealer.sign_head()
    head = TRUST.check(signed)
    assert head.link == (await chain_in(pool))[-1]
    assert head.transfers_total == sum(map(len, ids))
    assert list(read_heads(tmp_path / "heads.jsonl")) == [signed]
    async with pool.acquire() as connection:
        assert await newest_head(connection) == signed


async def test_the_head_of_an_empty_ledger_is_at_position_0(pool: "Pool[Record]") -> None:
    signed = await a_sealer(pool).sign_head()
    assert (signed.head.position, signed.head.chain_hash) == (0, bytes(32))


async def test_run_signs_what_is_new_and_a_last_time_at_the_end(
    pool: "Pool[Record]", tmp_path: Path
) -> None:
    path = tmp_path / "heads.jsonl"
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks, pool.acquire() as connection:
        await open_books(connection)
        tasks.create_task(a_sealer(pool, path).run(stopping))
        await post_batch(connection, 1)
        await until_signed(connection, position=1)
        await post_batch(connection, 1)
        stopping.set()
    assert [signed.head.position for signed in read_heads(path)] == [1, 2]


async def test_run_signs_nothing_twice(pool: "Pool[Record]", tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    async with pool.acquire() as connection:
        await open_books(connection)
        await post_batch(connection, 1)
    stopping = asyncio.Event()
    stopping.set()
    for _ in range(3):
        await a_sealer(pool, path).run(stopping)
    assert len(list(read_heads(path))) == 1


async def test_run_goes_on_after_the_database_was_out_of_reach(
    pool: "Pool[Record]", database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "heads.jsonl"
    stopping = asyncio.Event()
    async with database.app() as connection, asyncio.TaskGroup() as tasks:
        await open_books(connection)
        tasks.create_task(a_sealer(pool, path).run(stopping))
        await post_batch(connection, 1)
        await until_signed(connection, position=1)
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await post_batch(connection, 1)
        await until_signed(connection, position=2)
        stopping.set()


async def until_signed(connection: LedgerConnection, *, position: int) -> None:
    async with asyncio.timeout(20):
        signed = None
        while signed != position:
            signed = await connection.fetchval("select max(position) from heads")


# What no sealer goes along with.

CUT_TAIL = "delete from batches where position = 3; update seal_state set position = 2"
REWRITE = "update batches set chain_hash = sha256('forged') where position = 3"
FORGET = "update seal_state set position = 2"
LOSE_LINK = "delete from batches where position = 3"


@pytest.mark.parametrize("forgery", [CUT_TAIL, REWRITE, FORGET, LOSE_LINK])
@pytest.mark.parametrize("is_restarted", [False, True])
async def test_nothing_is_signed_that_contradicts_the_head_before(
    pool: "Pool[Record]", database: Database, tmp_path: Path, forgery: str, *, is_restarted: bool
) -> None:
    path = tmp_path / "heads.jsonl"
    sealer = a_sealer(pool, path)
    async with database.owner() as owner:
        await open_books(owner)
        await post_batches(owner, [1, 1, 1])
        await sealer.run_once()
        await sealer.sign_head()
        await owner.execute(forgery)
    with pytest.raises(HistoryRewritten):
        await (a_sealer(pool, path) if is_restarted else sealer).sign_head()
    assert len(list(read_heads(path))) == 1


async def test_nothing_is_sealed_onto_a_chain_that_lost_a_link(
    pool: "Pool[Record]", database: Database
) -> None:
    async with database.owner() as owner:
        await open_books(owner)
        await post_batches(owner, [1, 1, 1])
        await a_sealer(pool).run_once()
        await owner.execute(LOSE_LINK)
        await post_batch(owner, 1)
    with pytest.raises(HistoryRewritten, match="position 3"):
        await a_sealer(pool).run_once()


async def test_nothing_is_sealed_onto_a_place_that_is_taken(
    pool: "Pool[Record]", database: Database
) -> None:
    async with database.owner() as owner:
        await open_books(owner)
        await post_batches(owner, [1, 1])
        await owner.execute(
            "update batches set position = 1, chain_hash = sha256('forged') where number = 2"
        )
    with pytest.raises(HistoryRewritten, match="place"):
        await a_sealer(pool).run_once()
    assert await pool.fetchval("select position from seal_state") == 0


async def test_nothing_is_sealed_when_a_batch_evades_it(
    pool: "Pool[Record]", database: Database
) -> None:
    async with database.owner() as owner:
        await open_books(owner)
        await post_batches(owner, [1, 1])
        await owner.execute(
            "create function evade() returns trigger language plpgsql as 'begin return null; end';"
            "create trigger evade before update on batches for each row when (old.number = 2)"
            " execute function evade()"
        )
    with pytest.raises(HistoryRewritten, match="changed places"):
        await a_sealer(pool).run_once()
    assert await pool.fetchval("select count(*) from batches where position is not null") == 0


async def test_the_history_that_was_rewritten_ends_the_sealer(
    pool: "Pool[Record]", database: Database
) -> None:
    async with database.owner() as owner:
        await open_books(owner)
        await post_batches(owner, [1, 1, 1])
        await a_sealer(pool).run_once()
        await owner.execute(LOSE_LINK)
        await post_batch(owner, 1)
    async with asyncio.timeout(20):
        with pytest.raises(HistoryRewritten):
            await a_sealer(pool).run(asyncio.Event())


# What the engine's role may do.


@pytest.mark.parametrize(
    "statement",
    [
        "delete from heads",
        "update heads set position = 0",
        "delete from seal_state",
        "insert into seal_state default values",
        "update seal_state set is_only = true",
    ],
)
async def test_the_engine_cannot_take_back_what_was_sealed(
    pool: "Pool[Record]", statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)


async def test_a_head_never_changes_even_for_the_owner(
    pool: "Pool[Record]", database: Database
) -> None:
    await a_sealer(pool).sign_head()
    async with database.owner() as owner:
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute("delete from heads")
