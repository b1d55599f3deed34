"""Durable transfers a second through the poster, and how near they come to the limit.

The limit is what PostgreSQL does with the same work when nothing is decided: COPY of the same rows
into the same table with its indexes, and the same set-based update of the accounts, one
transaction for 8,000, over one connection, everything prepared beforehand.
"""

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from statistics import median
from typing import Final
from uuid import UUID

from benchmarks.campus import (
    Campus,
    campus_load,
    embedded_server,
    findings,
    open_campus,
    uniform_load,
    use_every_account,
)
from benchmarks.report import Goal, Report, Row
from benchmarks.yardsticks import plain_way, tpcb
from ledger.accounts import Account
from ledger.answers import Posted
from ledger.batch import Batch
from ledger.book import Asked, columns_of, find_accounts
from ledger.poster import Poster, open_poster
from ledger.queries import load
from ledger.rows import BATCH_BITS, COLUMNS, COPY_HEADER, COPY_TRAILER, encode, microseconds
from ledger.transfers import Entry

Load = Callable[[Campus, random.Random, int], list[Entry]]

PEOPLE: Final = 50_000
MERCHANTS: Final = 40
ROUNDS: Final = 3

_LOADS: Final[dict[str, Load]] = {"campus": campus_load, "uniform": uniform_load}
_COUNTS: Final = {1: 2_000, 10: 10_000, 100: 40_000, 1_000: 120_000, 8_000: 160_000}
_HANDING_IN: Final = 3
"""Callers at once in the batch runs: one batch waits while one is decided and one is written."""
_SINGLE_CALLERS: Final = 1_000
_SINGLE_COUNT: Final = 120_000
_LIMIT_BATCH: Final = 8_000
_CHUNK: Final = 1 << 16
_SQL = load("ledger.sql", "book")


async def measure() -> Report:
    """Run everything on a fresh server, in rounds, so that noise meets all alike."""
    with embedded_server() as server:
        async with open_campus(server, people=PEOPLE, merchants=MERCHANTS) as campus:
            rates = await rounds(campus)
            yardsticks = (
                await asyncio.to_thread(tpcb, campus, seconds=8),
                await plain_way(campus, count=12_000),
            )
            found = await findings(campus)
    rows = tuple(
        Row(name=name, per_second=median(runs), runs=tuple(runs)) for name, runs in rates.items()
    )
    return Report(
        name="ledger",
        question=__doc__ or "",
        load=f"{PEOPLE:,} people; campus: they pay {MERCHANTS} merchants; uniform: each other. "
        f"Batches are handed in by {_HANDING_IN} callers. Median of {ROUNDS} interleaved runs.",
        rows=rows + yardsticks,
        goals=_goals({row.name: row.per_second for row in rows}),
        findings=found,
    )


def _goals(rate: dict[str, float]) -> tuple[Goal, ...]:
    return (
        *(
            Goal(
                promise=f"{load}, batches of 8,000, share of the limit",
                goal=0.70,
                measured=round(rate[f"{load}, batches of 8000"] / rate[f"{load}, limit"], 3),
            )
            for load in _LOADS
        ),
        Goal(
            promise="campus against uniform, batches of 8,000",
            goal=0.80,
            measured=round(rate["campus, batches of 8000"] / rate["uniform, batches of 8000"], 3),
        ),
        Goal(
            promise="1,000 single callers, campus, transfers a second",
            goal=30_000,
            measured=round(rate["campus, 1000 single callers"]),
        ),
    )


async def rounds(campus: Campus) -> dict[str, list[float]]:
    """Return the rates of every load, size and limit, one for each round."""
    rates: dict[str, list[float]] = {}
    dice = random.Random(1)
    for _ in range(ROUNDS):
        for name, make in _LOADS.items():
            rate = await _limit(campus, make(campus, dice, _COUNTS[8_000]))
            rates.setdefault(f"{name}, limit", []).append(rate)
            async with open_poster(campus.pool) as poster:
                await use_every_account(campus, poster)
                for size, count in _COUNTS.items():
                    rate = await _batches(poster, make(campus, dice, count), size)
                    rates.setdefault(f"{name}, batches of {size}", []).append(rate)
                rate = await _singles(poster, make(campus, dice, _SINGLE_COUNT))
                rates.setdefault(f"{name}, {_SINGLE_CALLERS} single callers", []).append(rate)
    return rates


async def _batches(poster: Poster, entries: Sequence[Entry], size: int) -> float:
    """Return the rate at which a few callers hand in batches of a size and wait for each."""
    parts = iter([entries[start : start + size] for start in range(0, len(entries), size)])

    async def hand_in() -> None:
        for part in parts:
            outcomes = await poster.post_many([Asked(entry) for entry in part])
            assert all(isinstance(outcome, Posted) for outcome in outcomes)

    return await _timed(len(entries), [hand_in] * _HANDING_IN)


async def _singles(poster: Poster, entries: Sequence[Entry]) -> float:
    """Return the rate of many callers that post one entry and wait for it."""
    left = iter(entries)

    async def post_one_by_one() -> None:
        for entry in left:
            await poster.post(entry)

    return await _timed(len(entries), [post_one_by_one] * _SINGLE_CALLERS)


async def _timed(count: int, callers: Sequence[Callable[[], Coroutine[None, None, None]]]) -> float:
    gc.collect()
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for caller in callers:
            tasks.create_task(caller())
    return count / (time.perf_counter() - started)


async def _limit(campus: Campus, entries: Sequence[Entry]) -> float:
    """Return the rate at which PostgreSQL alone writes what these entries come to.

    The batches are decided beforehand, and the audit afterwards counts them like all others.
    """
    async with campus.pool.acquire() as connection:
        touched = {each for entry in entries for each in entry.account_ids()}
        accounts = await find_accounts(connection, touched)
        prepared = [
            _prepare(accounts, entries[start : start + _LIMIT_BATCH])
            for start in range(0, len(entries), _LIMIT_BATCH)
        ]
        await connection.execute(_SQL.get("plan_in_order"))
        gc.collect()
        started = time.perf_counter()
        for columns, rows in prepared:
            async with connection.transaction():
                moved = await connection.fetchrow(_SQL.get("move_accounts"), *columns)
                assert moved is not None
                assert moved["moved"] == len(columns[0])
                await connection.copy_to_table(
                    "transfers", source=_pieces(rows), columns=COLUMNS, format="binary"
                )
        elapsed = time.perf_counter() - started
        return len(entries) / elapsed


def _prepare(
    accounts: dict[UUID, Account], entries: Sequence[Entry]
) -> tuple[tuple[list[object], ...], bytes]:
    """Return the arguments of the update and the bytes of the COPY for some entries."""
    batch = Batch(accounts, {})
    for entry in entries:
        batch.add(entry)
    now = microseconds(entries[0].transfers[0].event_at)
    rows = [
        encode(line, seq=position, posted_at=now)
        for position, line in enumerate(batch.lines, start=1 << BATCH_BITS)
    ]
    return columns_of(batch.moves(), batch.only_read()), b"".join(
        (COPY_HEADER, *rows, COPY_TRAILER)
    )


async def _pieces(rows: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
