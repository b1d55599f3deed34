"""The parts of a process together: one that fails takes the others with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from engine.database.target import Role
from engine.keys import open_keys
from engine.parts import Parts, open_parts
from engine.postgres import Postgres, prepare_campus
from engine.process import DrainTooLong, PartEnded, Process
from engine.settings import Settings, read_settings
from ledger.time import wall_clock
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S, Database
from tests.engine.processes import environment


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return read_settings(environment(database, tmp_path, CAMPUS_DRAIN_TIMEOUT_S="1"))


@pytest.fixture
async def parts(settings: Settings, database: Database) -> AsyncIterator[Parts]:
    postgres = Postgres(app=database.target(), owner=database.target(Role.OWNER), embedded=None)
    await prepare_campus(postgres, CAMPUS, command_timeout_s=COMMAND_TIMEOUT_S)
    keys = open_keys(settings.keys_of(CAMPUS))
    async with open_parts(settings, keys, postgres, wall_clock) as parts:
        yield parts


async def run(process: Process, beside: Callable[[], Awaitable[None]]) -> None:
    with process.listening():
        await process.run(beside)


async def test_what_runs_beside_finds_an_engine_that_serves(
    parts: Parts, settings: Settings
) -> None:
    process = Process(parts, settings)
    found: list[httpx.Response] = []

    async def beside() -> None:
        async with httpx.AsyncClient(base_url=process.web.url) as client:
            found.append(await client.get("/readyz"))
        process.stop()

    await run(process, beside)
    assert found[0].json()["ready"] is True


async def test_what_runs_beside_ends_before_the_poster_does(
    parts: Parts, settings: Settings
) -> None:
    process = Process(parts, settings)
    still_posting: list[bool] = []

    async def beside() -> None:
        process.stop()
        try:
            await asyncio.Event().wait()
        finally:
            still_posting.append(await parts.poster.post_many([]) == [])

    await run(process, beside)
    assert still_posting == [True]


async def test_what_fails_beside_ends_the_process(parts: Parts, settings: Settings) -> None:
    async def beside() -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as ended:
        await run(Process(parts, settings), beside)
    assert ended.group_contains(ZeroDivisionError)


async def test_a_part_that_returns_untold_ends_the_process(
    parts: Parts, settings: Settings
) -> None:
    async def beside() -> None:
        parts.poster.close()
        await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as ended:
        await run(Process(parts, settings), beside)
    assert ended.group_contains(PartEnded)


async def test_what_does_not_end_is_given_up(parts: Parts, settings: Settings) -> None:
    """Whoever ignores being cancelled for longer than the deadline is left behind."""
    process = Process(parts, settings)
    waited = asyncio.Event()

    async def beside() -> None:
        process.stop()
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await asyncio.Event().wait()
            finally:
                waited.set()

    with pytest.raises(DrainTooLong):
        await run(process, beside)
    assert waited.is_set()


async def test_readiness_names_a_poster_that_does_not_run(parts: Parts, settings: Settings) -> None:
    process = Process(parts, settings)
    with process.listening():
        assert process.health.look().parts["poster"] == "not running"
