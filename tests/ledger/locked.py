"""Locks that keep a poster from writing, while the test goes on behind its back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.answers import Posted
from ledger.book import Asked, LedgerConnection, post
from ledger.transfers import Entry, Transfer
from tests.ledger.accounts_in import Chart
from tests.ledger.waiting import until_blocked

if TYPE_CHECKING:
    from asyncpg import Pool, Record


@dataclass(frozen=True, slots=True)
class Locks:
    """A transaction that keeps the poster from writing."""

    connection: LedgerConnection
    watcher: LedgerConnection

    async def until_met(self) -> None:
        """Return when the poster waits for them."""
        await until_blocked(self.watcher)

    async def post(self, *transfers: Transfer) -> None:
        """Post as another process would, behind the poster's back."""
        outcomes = await post(self.connection, [Asked(Entry(each)) for each in transfers])
        assert all(isinstance(outcome, Posted) for outcome in outcomes)


@asynccontextmanager
async def locked(pool: "Pool[Record]", chart: Chart) -> AsyncIterator[Locks]:
    async with pool.acquire() as connection, pool.acquire() as watcher, connection.transaction():
        await connection.execute(
            "select id from accounts where id = any($1) for update", list(chart.ids())
        )
        yield Locks(connection, watcher)
