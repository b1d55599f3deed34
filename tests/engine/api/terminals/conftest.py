"""A running engine for the terminals' door."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.databases import Database
from tests.engine.running import RunningEngine, running_engine


@pytest.fixture
async def engine(database: Database, tmp_path: Path) -> AsyncIterator[RunningEngine]:
    async with running_engine(database, tmp_path) as running:
        yield running
