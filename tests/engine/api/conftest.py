"""Fixtures of the HTTP frame's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.engine.api.serving import Served, serving


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served
