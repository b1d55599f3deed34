"""What the engine does at its own pace: loops around `run_once`, and their figures."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.errors import CampusError

_PUT_OFF: Final = (
    CampusError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke between preparing and executing
    OSError,
    TimeoutError,
)
"""What the world does to a job: it is tried again at its next turn. Anything else is a bug."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that comes up again and again. `run_once` may be cut short anywhere, and repeated."""

    name: str
    run_once: Callable[[], Awaitable[int]]
    """Does what is to be done now and returns how much that was."""
    every_s: float
    limit_s: float
    """How long one turn may take."""


@dataclass(slots=True)
class _Turns:
    """What became of one job so far."""

    succeeded: int = 0
    put_off: int = 0
    done: int = 0
    seconds: float = 0.0
    succeeded_at: float = 0.0


class JobFigures(Collector):
    """Counts turns of jobs; register it with a metrics registry."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turns] = {}

    def of(self, name: str) -> _Turns:
        """Return the counts of a job, to be added to."""
        return self._turns.setdefault(name, _Turns())

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they stand."""
        turns = CounterMetricFamily("campus_job_turns", "Turns of jobs.", labels=["job", "outcome"])
        done = CounterMetricFamily("campus_job_done", "What jobs found to do.", labels=["job"])
        seconds = CounterMetricFamily("campus_job_seconds", "Time in jobs.", labels=["job"])
        last = GaugeMetricFamily(
            "campus_job_last_success_timestamp_seconds",
            "When a job last succeeded, by the wall clock.",
            labels=["job"],
        )
        for name, each in self._turns.items():
            turns.add_metric([name, "succeeded"], each.succeeded)
            turns.add_metric([name, "put_off"], each.put_off)
            done.add_metric([name], each.done)
            seconds.add_metric([name], each.seconds)
            last.add_metric([name], each.succeeded_at)
        yield from (turns, done, seconds, last)


async def run_jobs(jobs: Sequence[Job], figures: JobFigures) -> None:
    """Give every job its turns until cancelled. Ends, with its error, when one has a bug."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_repeat(job, figures), name=job.name)


async def take_turn(job: Job, figures: JobFigures) -> None:
    """Run a job once; note and log when it has to be put off."""
    turns = figures.of(job.name)
    started = time.perf_counter()
    try:
        async with asyncio.timeout(job.limit_s):
            done = await job.run_once()
    except _PUT_OFF as error:
        turns.put_off += 1
        log.warning("job put off", job=job.name, error=type(error).__name__)
    else:
        turns.succeeded += 1
        turns.done += done
        turns.succeeded_at = time.time()
    finally:
        turns.seconds += time.perf_counter() - started


async def _repeat(job: Job, figures: JobFigures) -> None:
    while True:
        await take_turn(job, figures)
        await asyncio.sleep(job.every_s)
