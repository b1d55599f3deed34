"""Connections to one campus: a pool for the engine, single ones for commands."""

from typing import TYPE_CHECKING, Final

import asyncpg

from engine.database.errors import DatabaseUnavailable
from engine.database.target import Target

if TYPE_CHECKING:
    from asyncpg.connection import Connection
    from asyncpg.pool import Pool

_QUERIES_MAX: Final = 10_000_000
"""After so many a connection is replaced, whatever the server's memory of it has come to."""
_REFUSED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class _PooledConnection(asyncpg.Connection):
    """One that is not reset between two users: nobody leaves anything but closed transactions.

    asyncpg would send a query for it each time, which costs as much as a short read.
    """

    def get_reset_query(self) -> str:
        """Return no query. An open transaction is ended all the same."""
        return ""


async def connect(
    target: Target, campus: str, *, command_timeout_s: float
) -> "Connection[asyncpg.Record]":
    """Open one connection whose search path is a campus. The caller closes it.

    Its limits are those of `open_pool`. Raises DatabaseUnavailable.
    """
    try:
        return await asyncpg.connect(
            target.url,
            timeout=command_timeout_s,
            command_timeout=2 * command_timeout_s,
            server_settings=_session(campus, command_timeout_s),
        )
    except _REFUSED as error:
        raise DatabaseUnavailable(_reason(error)) from error


async def open_pool(
    target: Target, campus: str, *, size: int, command_timeout_s: float
) -> "Pool[asyncpg.Record]":
    """Open `size` connections whose search path is a campus. The caller closes the pool.

    The server gives a statement up after `command_timeout_s`, a wait for a lock after half of it,
    and ends a transaction that waits that long for its client; a silent server is given up after
    twice that time. Raises DatabaseUnavailable.
    """
    try:
        return await asyncpg.create_pool(
            target.url,
            min_size=size,
            max_size=size,
            max_inactive_connection_lifetime=0,
            max_queries=_QUERIES_MAX,
            connection_class=_PooledConnection,
            timeout=command_timeout_s,
            command_timeout=2 * command_timeout_s,
            server_settings=_session(campus, command_timeout_s),
        )
    except _REFUSED as error:
        raise DatabaseUnavailable(_reason(error)) from error


def _session(campus: str, command_timeout_s: float) -> dict[str, str]:
    timeout_ms = int(command_timeout_s * 1000)
    return {
        "search_path": campus,
        "application_name": "campus",
        "statement_timeout": str(timeout_ms),
        "lock_timeout": str(timeout_ms // 2),
        "idle_in_transaction_session_timeout": str(timeout_ms),
        "jit": "off",
    }


def _reason(error: Exception) -> str:
    return f"no connection to the database: {type(error).__name__}: {error}"
