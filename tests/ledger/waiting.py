"""Ways to wait, in a test, until PostgreSQL or a task has come to a certain point."""

import asyncio
from collections.abc import Callable

from ledger.book import LedgerConnection

_LIMIT_S = 30
_WAITING_FOR_A_LOCK = """
    select count(*) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
"""


async def turn() -> None:
    """Let every other task go on once."""
    await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Return when something of this process is so."""
    async with asyncio.timeout(_LIMIT_S):
        while not condition():
            await turn()


async def until_blocked(connection: LedgerConnection, sessions: int = 1) -> None:
    """Return when so many sessions of this database wait for a lock."""
    async with asyncio.timeout(_LIMIT_S):
        while await connection.fetchval(_WAITING_FOR_A_LOCK) < sessions:
            continue
