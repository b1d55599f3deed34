"""Fixtures of the tests of the HTTP frame and of what is behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.databases import Database
from tests.engine.api.serving import Served, serving
from tests.engine.running import RunningEngine, running_engine


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture
async def engine(database: Database, tmp_path: Path) -> AsyncIterator[RunningEngine]:
    """A whole engine on a database of its own."""
    async with running_engine(database, tmp_path) as running:
        yield running
