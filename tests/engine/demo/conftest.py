"""What tests of the demo share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engine.database.embedded import EmbeddedServer
from engine.demo.ground import Ground
from tests.databases import Database, cloned
from tests.engine.demo.grounds import Founded, bare, founded


@pytest.fixture
async def empty(database: Database, tmp_path: Path) -> AsyncIterator[Ground]:
    """A campus of this test's own, without people."""
    async with bare(database, tmp_path) as place:
        yield place


@pytest.fixture(scope="session")
def first_start(
    server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Founded]:
    """A demo campus for all tests that only look at it."""
    folder = tmp_path_factory.mktemp("demo")

    async def make(database: Database) -> Founded:
        async with bare(database, folder) as place:
            return Founded(database, folder, await founded(place))

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        clone = cloned(server)
        database = runner.run(clone.__aenter__())
        yield runner.run(make(database))
        runner.run(clone.__aexit__(None, None, None))


@pytest.fixture
async def place(first_start: Founded) -> AsyncIterator[Ground]:
    """The campus that all look at, over connections of this test's own."""
    async with bare(first_start.database, first_start.folder) as place:
        yield place
