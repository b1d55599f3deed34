"""Fixtures of the ledger's tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from engine.database.embedded import EmbeddedServer
from tests.databases import cloned
from tests.ledger.tampering import Books, Posted, post_and_sign


@pytest.fixture(scope="module")
def posted(server: EmbeddedServer) -> Iterator[Posted]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        clone = cloned(server)
        yield runner.run(post_and_sign(runner.run(clone.__aenter__())))
        runner.run(clone.__aexit__(None, None, None))


@pytest.fixture
async def books(posted: Posted) -> AsyncIterator[Books]:
    async with posted.database.owner() as owner:
        transaction = owner.transaction(isolation="repeatable_read")
        await transaction.start()
        yield Books(owner, posted.ids, posted.heads)
        await transaction.rollback()
