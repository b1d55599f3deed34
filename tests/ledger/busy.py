"""One database for all tests of a module that commit, but look only at accounts of their own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from engine.database.embedded import EmbeddedServer
from ledger.errors import TransferRefused
from ledger.poster import Poster
from ledger.transfers import Entry, Transfer
from tests.databases import Database, cloned
from tests.ledger.accounts_in import Chart, open_chart
from tests.ledger.judge import find_faults

if TYPE_CHECKING:
    from asyncpg import Pool, Record


def busy_database(server: EmbeddedServer) -> Iterator[Database]:
    """Yield it: the body of a fixture `database` of a module, instead of one for each test."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        clone = cloned(server)
        yield runner.run(clone.__aenter__())
        runner.run(clone.__aexit__(None, None, None))


@asynccontextmanager
async def audited_chart(pool: "Pool[Record]") -> AsyncIterator[Chart]:
    """Yield accounts whose books must be in order when the test is over."""
    async with pool.acquire() as connection:
        opened = await open_chart(connection, wallet_fen=100, subsidy_fen=60, safe_fen=50)
    yield opened
    async with pool.acquire() as connection:
        assert await find_faults(connection, opened.ids()) == []


async def code_of(poster: Poster, transfer: Transfer) -> str:
    """Post a transfer; return the code of its refusal, or `posted`."""
    try:
        await poster.post(Entry(transfer))
    except TransferRefused as refused:
        return refused.code
    return "posted"
