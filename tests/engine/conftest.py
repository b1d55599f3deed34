"""What tests of the engine share."""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from engine.argon import ArgonPool
from tests.campuses import Campus, opened
from tests.identities import CHEAP, Doors, ManualClock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def argon() -> Iterator[ArgonPool]:
    """Hashing at almost no cost."""
    with ArgonPool(CHEAP, workers=2, turns_max=200) as pool:
        yield pool


@pytest.fixture
def doors(pool: "Pool[Record]", argon: ArgonPool, clock: ManualClock) -> Doors:
    """People who sign in, with a database of their own."""
    return Doors(pool=pool, argon=argon, clock=clock)


@pytest.fixture
async def campus(
    pool: "Pool[Record]", argon: ArgonPool, clock: ManualClock
) -> AsyncIterator[Campus]:
    """A campus with a merchant and a till, in a database of its own."""
    async with opened(pool, argon, clock) as running:
        yield running
