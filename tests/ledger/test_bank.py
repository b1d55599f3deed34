"""Two processes move money between ten accounts while a reader adds them up."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import pytest
from asyncpg import Record

from engine.database.embedded import EmbeddedServer
from ledger.book import find_accounts
from tests.databases import Database, cloned
from tests.ledger.accounts_in import open_chart, open_wallets, pay_in
from tests.ledger.bank_writer import Told, Work
from tests.ledger.judge import find_faults
from tests.sources import ROOT

if TYPE_CHECKING:
    from asyncpg import Connection

WALLETS, EACH_HAS = 10, 500
PROCESSES, TASKS, POSTS_OF_EACH = 2, 16, 150
LINE_MAX = 10_000_000
LIMIT_S = 120

TOTALS = """
    select sum(credits_posted - debits_posted) filter (where kind = 'wallet')::bigint as money,
        min(credits_posted - debits_posted - debits_pending) filter (where kind = 'wallet')
            as least,
        sum(debits_posted - credits_posted)::bigint as posted,
        sum(debits_pending - credits_pending)::bigint as pending
    from accounts
"""
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"
REFUSED = "select distinct entry_id from transfers where refusal is not null"
POSTED = "select id from transfers where refusal is null"


@asynccontextmanager
async def writer(url: str, work: Work) -> AsyncIterator[Process]:
    """Start a process and give it its task; it is killed if it is still there at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.ledger.bank_writer", url),
        stdin=PIPE,
        stdout=PIPE,
        limit=LINE_MAX,
        cwd=ROOT,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(work) + b"\n")
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_from(process: Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


async def read_totals(
    connection: "Connection[Record]", writing: "asyncio.Task[list[Told]]"
) -> list[Record]:
    """Read the totals again and again until the writers are done."""
    seen = []
    while not writing.done():
        seen.append(await connection.fetchrow(TOTALS))
    return [row for row in seen if row is not None]


async def write_all(processes: list[Process]) -> list[Told]:
    """Let all processes write at the same time; return what they were told."""
    for process in processes:
        assert await line_from(process) == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    lines = await asyncio.gather(*map(line_from, processes))
    return [msgspec.json.decode(line, type=Told) for line in lines]


@dataclass(frozen=True, slots=True)
class Day:
    """What was seen while the processes wrote, what they were told, and what was left."""

    totals: list[Record]
    told: list[Told]
    posted_before: int
    posted_on_record: list[UUID]
    refused_on_record: list[UUID]
    balances_fen: list[int]
    faults: list[str]
    deadlocks: int


async def a_day(database: Database) -> Day:
    url = database.target().url
    async with database.app() as connection:
        chart = await open_chart(connection)
        wallets = await open_wallets(connection, WALLETS)
        await pay_in(connection, [(chart.bank, wallet, EACH_HAS) for wallet in wallets])
        posted_before = len(await connection.fetch(POSTED))
        works = [Work(wallets, seed, TASKS, POSTS_OF_EACH) for seed in range(PROCESSES)]
        async with (
            asyncio.timeout(LIMIT_S),
            writer(url, works[0]) as one,
            writer(url, works[1]) as other,
            asyncio.TaskGroup() as tasks,
        ):
            writing = tasks.create_task(write_all([one, other]))
            totals = await read_totals(connection, writing)
        accounts = await find_accounts(connection, wallets)
        return Day(
            totals,
            writing.result(),
            posted_before,
            [row["id"] for row in await connection.fetch(POSTED)],
            [row["entry_id"] for row in await connection.fetch(REFUSED)],
            [account.balance.value for account in accounts.values()],
            await find_faults(connection),
            await connection.fetchval(DEADLOCKS),
        )


@pytest.fixture(scope="module")
def day(server: EmbeddedServer) -> Iterator[Day]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        clone = cloned(server)
        database = runner.run(clone.__aenter__())
        yield runner.run(a_day(database))
        runner.run(clone.__aexit__(None, None, None))


def test_no_reader_ever_sees_a_wrong_total(day: Day) -> None:
    assert len(day.totals) > 20
    assert {(row["money"], row["posted"], row["pending"]) for row in day.totals} == {
        (WALLETS * EACH_HAS, 0, 0)
    }


def test_no_reader_ever_sees_an_overdrawn_account(day: Day) -> None:
    assert min(row["least"] for row in day.totals) >= 0


def test_everything_acknowledged_is_on_record_once(day: Day) -> None:
    posted = [id_ for each in day.told for id_ in each.posted]
    assert len(set(posted)) == len(posted)
    assert set(posted) <= set(day.posted_on_record)
    assert len(day.posted_on_record) == day.posted_before + len(posted)


def test_everything_refused_is_on_record_as_refused(day: Day) -> None:
    refused = [id_ for each in day.told for id_ in each.refused]
    assert sorted(refused) == sorted(day.refused_on_record)


def test_both_processes_did_their_work(day: Day) -> None:
    for told in day.told:
        assert len(told.posted) + len(told.refused) >= TASKS * POSTS_OF_EACH
        assert len(told.refused) > 50


def test_the_books_add_up_in_the_end(day: Day) -> None:
    assert day.faults == []
    assert sum(day.balances_fen) == WALLETS * EACH_HAS


def test_no_process_ever_waited_in_a_circle(day: Day) -> None:
    assert day.deadlocks == 0
