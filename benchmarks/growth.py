"""The rate of posting and the latency of a statement page, as history grows to 20 million.

At each size the campus with the history and a young one, on the same server, take turns: what the
machine does meanwhile meets both, and the share of the young one's rate is what history costs.

History is posted, not faked: through the poster, with ids of earlier months, five million to the
month, so that it lies in the partitions where it would lie.
"""

import asyncio
import gc
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from benchmarks.campus import (
    PRICE,
    Campus,
    campus_load,
    embedded_server,
    findings,
    open_campus,
    use_every_account,
)
from benchmarks.percentiles import latency_figures
from benchmarks.report import Goal, Report, Row
from ledger.answers import Posted
from ledger.book import Asked, make_months
from ledger.ids import uuid7
from ledger.poster import Poster, open_poster
from ledger.statements import statement
from ledger.transfers import Entry, Transfer
from terminals.latencies import Latencies

PEOPLE: Final = 50_000
MERCHANTS: Final = 40
MONTH_TRANSFERS: Final = 5_000_000
STEPS: Final = (0, 5_000_000, 20_000_000)
PAGE_LINES: Final = 50
PAGES: Final = 3_000

_FILL_BATCH: Final = 4_000
_FILLERS: Final = 4
_ROUNDS: Final = 5
_MEASURED: Final = 100_000
"""Transfers of each campus in a round."""
_MEASURED_BATCH: Final = 1_000
_CALLERS: Final = 8


async def measure() -> Report:
    """Measure at each size of history, on one server, in one run."""
    with embedded_server() as server:
        async with (
            open_campus(server, people=PEOPLE, merchants=MERCHANTS) as campus,
            open_campus(server, people=PEOPLE, merchants=MERCHANTS, name="young") as young,
        ):
            rows = []
            filled = 0
            for step in STEPS:
                await _fill(campus, filled, step)
                filled = step
                rows += await _measure_at(step, campus, young)
            found = await findings(campus) + await findings(young)
    rate = {row.name: row.per_second for row in rows}
    page = {row.name: row.figures["latency_us_p99"] for row in rows if row.figures}
    last = STEPS[-1]
    return Report(
        name="growth",
        question=__doc__ or "",
        load=f"{PEOPLE:,} people pay {MERCHANTS} merchants; {_CALLERS} callers hand in batches of "
        f"{_MEASURED_BATCH:,}. Median of {_ROUNDS} runs of {_MEASURED:,} in turn with the young "
        f"campus. A page has {PAGE_LINES} lines of a random person's statement.",
        rows=tuple(rows),
        goals=(
            Goal(
                promise=f"rate with {last:,} transfers of history, against a young campus",
                goal=0.85,
                measured=round(rate[f"posting after {last:,}"] / rate[f"young beside {last:,}"], 3),
            ),
            Goal(
                promise="statement page at p99, ms",
                goal=5.0,
                measured=round(page[f"statement after {last:,}"] / 1_000, 2),
                is_upper_bound=True,
            ),
        ),
        findings=found,
    )


async def _measure_at(step: int, campus: Campus, young: Campus) -> list[Row]:
    dice = random.Random(step)
    names = {f"posting after {step:,}": campus, f"young beside {step:,}": young}
    rates: dict[str, list[float]] = {name: [] for name in names}
    async with open_poster(campus.pool) as old_poster, open_poster(young.pool) as young_poster:
        posters = dict(zip(names, (old_poster, young_poster), strict=True))
        for name, each in names.items():
            await use_every_account(each, posters[name])
        for _ in range(_ROUNDS):
            for name, each in names.items():
                rates[name].append(await _rate(posters[name], campus_load(each, dice, _MEASURED)))
    return [
        *(
            Row(name=name, per_second=median(runs), runs=tuple(runs))
            for name, runs in rates.items()
        ),
        await _read_pages(campus, step),
    ]


async def _rate(poster: Poster, entries: Sequence[Entry]) -> float:
    starts = iter(range(0, len(entries), _MEASURED_BATCH))

    async def hand_in() -> None:
        for start in starts:
            part = entries[start : start + _MEASURED_BATCH]
            outcomes = await poster.post_many([Asked(entry) for entry in part])
            assert all(isinstance(outcome, Posted) for outcome in outcomes)

    gc.collect()
    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(_CALLERS):
            tasks.create_task(hand_in())
    return len(entries) / (time.perf_counter() - started)


async def _read_pages(campus: Campus, step: int) -> Row:
    dice = random.Random(step)
    latencies = Latencies()
    async with campus.pool.acquire() as connection:
        began = time.perf_counter()
        for _ in range(PAGES):
            started = time.perf_counter()
            await statement(connection, dice.choice(campus.people), limit=PAGE_LINES)
            latencies.add(time.perf_counter() - started)
        elapsed = time.perf_counter() - began
    return Row(
        name=f"statement after {step:,}",
        per_second=PAGES / elapsed,
        figures=latency_figures(latencies),
    )


async def _fill(campus: Campus, begin: int, end: int) -> None:
    """Post history: transfer number n belongs to month n / MONTH_TRANSFERS, the last one to now."""
    months = -(-STEPS[-1] // MONTH_TRANSFERS)
    first = _month_before(datetime.now(UTC), months)
    async with campus.pool.acquire() as connection:
        await make_months(connection, [_month_before(first, -each) for each in range(months + 1)])
    dice = random.Random(begin)
    starts = iter(range(begin, end, _FILL_BATCH))

    async def post_history(poster: Poster) -> None:
        for lowest in starts:
            numbers = range(lowest, min(lowest + _FILL_BATCH, end))
            outcomes = await poster.post_many(
                [Asked(_historic(campus, dice, first, number)) for number in numbers]
            )
            assert all(isinstance(outcome, Posted) for outcome in outcomes)

    async with open_poster(campus.pool) as poster, asyncio.TaskGroup() as tasks:
        for _ in range(_FILLERS):
            tasks.create_task(post_history(poster))


def _historic(campus: Campus, dice: random.Random, first: datetime, number: int) -> Entry:
    month, place = divmod(number, MONTH_TRANSFERS)
    at = _month_before(first, -month) + timedelta(days=27) * (place / MONTH_TRANSFERS)
    return Entry(
        Transfer(
            id=uuid7(at),
            kind="purchase",
            event_at=at,
            amount=PRICE,
            debit_account=dice.choice(campus.people),
            credit_account=dice.choice(campus.merchants),
        )
    )


def _month_before(moment: datetime, months: int) -> datetime:
    """Return the start of the month so many months before that of a moment."""
    number = moment.year * 12 + moment.month - 1 - months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
