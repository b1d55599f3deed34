"""Tills that buy: links that are up, purchases without end, and what their answers mean."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from benchmarks.campus import PRICE
from benchmarks.engine_process import EngineCampus, RunningEngine
from ledger.ids import uuid7
from terminals.identity import Identity
from terminals.link import Link, LinkOptions
from terminals.messages import Approved, Purchase, to_moment

_UP_TIMEOUT_S: Final = 120.0
_REQUEST_TIMEOUT_S: Final = 30.0
_OTHERS_MAX: Final = 0.01
_APPROVED: Final = Approved.__name__.lower()


class LoadVoid(RuntimeError):
    """Too many purchases were not approved: the figures would tell of something else."""


@asynccontextmanager
async def linked(engine: RunningEngine, tills: Sequence[Identity]) -> AsyncIterator[list[Link]]:
    """Have the links of some tills up while inside."""
    options = LinkOptions(url=engine.link_url, request_timeout_s=_REQUEST_TIMEOUT_S)
    links = [Link(identity, options) for identity in tills]
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(link.run()) for link in links]
        async with asyncio.timeout(_UP_TIMEOUT_S):
            for link in links:
                await link.up()
        yield links
        for task in running:
            task.cancel()


def purchases(campus: EngineCampus, seed: int) -> Iterator[Purchase]:
    """Yield purchases by random people for ever."""
    dice = random.Random(seed)
    while True:
        yield Purchase(
            id=uuid7(),
            card=dice.choice(campus.cards),
            amount_fen=PRICE.value,
            event_at=to_moment(datetime.now(UTC)),
        )


def approved(answers: Counter[str]) -> int:
    """Return how many purchases were approved. Raises LoadVoid when too many were not."""
    count = answers[_APPROVED]
    if answers.total() - count > answers.total() * _OTHERS_MAX:
        raise LoadVoid(f"of {answers.total()} purchases {count} were approved: {dict(answers)}")
    return count
