"""Jobs: their turns, what puts one off, and what ends them all."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from engine.errors import TooBusy
from engine.jobs import Job, JobFigures, run_jobs, take_turn
from tests.logs import captured_logs


def job(run_once: Callable[[], Awaitable[int]], *, name: str = "work", limit_s: float = 5) -> Job:
    return Job(name=name, run_once=run_once, every_s=0, limit_s=limit_s)


def failing(error: Exception) -> Callable[[], Awaitable[int]]:
    async def run_once() -> int:
        raise error

    return run_once


async def test_what_a_turn_did_is_counted() -> None:
    figures = JobFigures()
    registry = CollectorRegistry()
    registry.register(figures)

    async def run_once() -> int:
        return 7

    await take_turn(job(run_once), figures)
    await take_turn(job(run_once), figures)
    labels = {"job": "work"}
    assert registry.get_sample_value("campus_job_done_total", labels) == 14
    succeeded = labels | {"outcome": "succeeded"}
    assert registry.get_sample_value("campus_job_turns_total", succeeded) == 2


@pytest.mark.parametrize(
    "error",
    [
        TooBusy("queue"),
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.InterfaceError("closed"),
        asyncpg.InternalClientError("another operation is in progress"),
        ConnectionRefusedError(),
    ],
)
async def test_trouble_of_the_world_puts_a_job_off(error: Exception) -> None:
    figures = JobFigures()
    with captured_logs() as logs:
        await take_turn(job(failing(error)), figures)
    line = json.loads(logs.getvalue())
    assert (line["event"], line["job"]) == ("job put off", "work")
    assert figures.of("work").put_off == 1
    assert figures.of("work").succeeded == 0


async def test_a_turn_that_takes_too_long_is_cut_short_and_put_off() -> None:
    figures = JobFigures()

    async def run_once() -> int:
        await asyncio.Event().wait()
        return 0

    with captured_logs():
        await take_turn(job(run_once, limit_s=0.01), figures)
    assert figures.of("work").put_off == 1


async def test_a_job_that_was_put_off_has_its_next_turn() -> None:
    figures = JobFigures()
    done = asyncio.Event()

    async def run_once() -> int:
        if figures.of("work").put_off < 3:
            raise ConnectionRefusedError
        done.set()
        return 1

    with captured_logs():
        running = asyncio.create_task(run_jobs([job(run_once)], figures))
        await done.wait()
        running.cancel()
        await asyncio.wait([running])
    assert figures.of("work").put_off == 3


async def test_a_job_with_a_bug_ends_all_of_them() -> None:
    was_cancelled = asyncio.Event()

    async def wait_for_ever() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.set()
            raise
        return 0

    jobs = [job(wait_for_ever, name="patient"), job(failing(ZeroDivisionError()), name="broken")]
    with pytest.raises(ExceptionGroup) as ended:
        await run_jobs(jobs, JobFigures())
    assert ended.group_contains(ZeroDivisionError)
    assert was_cancelled.is_set()


async def test_a_job_does_not_wait_for_the_turns_of_another() -> None:
    reached = asyncio.Event()

    async def never() -> int:
        await asyncio.Event().wait()
        return 0

    async def quick() -> int:
        reached.set()
        return 0

    running = asyncio.create_task(
        run_jobs([job(never, name="slow"), job(quick, name="quick")], JobFigures())
    )
    await reached.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
