"""Fixtures of all tests: a real PostgreSQL server, and databases on it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from engine.database.connections import open_pool
from engine.database.embedded import EmbeddedServer
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S, Database, cloned, migrate_template

if TYPE_CHECKING:
    from asyncpg.connection import Connection
    from asyncpg.pool import Pool


@pytest.fixture(scope="session")
def area() -> Iterator[Path]:
    """A folder that the server's user can reach: pytest's own ones are closed to it."""
    with tempfile.TemporaryDirectory(prefix="campus-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def server(area: Path) -> Iterator[EmbeddedServer]:
    """The server of this test run, with a migrated template. Leave it running."""
    with EmbeddedServer(area / "postgres", shared_buffers_mib=128) as running:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(migrate_template(running))
        yield running


@pytest.fixture
async def database(server: EmbeddedServer) -> AsyncIterator[Database]:
    """A database of this test's own, for tests that commit or work in parallel."""
    async with cloned(server) as clone:
        yield clone


@pytest.fixture(scope="session")
def shared_database(server: EmbeddedServer) -> Iterator[Database]:
    """One database for all tests that roll back."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        clone = cloned(server)
        yield runner.run(clone.__aenter__())
        runner.run(clone.__aexit__(None, None, None))


@pytest.fixture
async def connection(shared_database: Database) -> "AsyncIterator[Connection[asyncpg.Record]]":
    """A connection of the engine's role, in a transaction that is rolled back after the test."""
    async with shared_database.app() as opened:
        transaction = opened.transaction()
        await transaction.start()
        try:
            yield opened
        finally:
            await transaction.rollback()


@pytest.fixture
async def pool(database: Database) -> "AsyncIterator[Pool[asyncpg.Record]]":
    """Connections of the engine's role to `database`."""
    opened = await open_pool(database.target(), CAMPUS, size=4, command_timeout_s=COMMAND_TIMEOUT_S)
    try:
        yield opened
    finally:
        opened.terminate()
