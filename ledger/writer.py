"""The writer: the one connection through which a poster commits, and what its failures mean."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from asyncpg import (
    IntegrityConstraintViolationError,
    InterfaceError,
    InternalClientError,
    Pool,
    Record,
)
from asyncpg.exceptions import (
    DeadlockDetectedError,
    LockNotAvailableError,
    OperatorInterventionError,
    PostgresConnectionError,
    SerializationError,
    TooManyConnectionsError,
    UniqueViolationError,
)
from asyncpg.pool import PoolConnectionProxy

from ledger.accounts import Account
from ledger.answers import Outcome
from ledger.batch import Batch
from ledger.book import (
    Asked,
    LedgerConnection,
    Stale,
    find_accounts,
    find_holds,
    post,
    record,
    write,
)
from ledger.decide import Hold
from ledger.errors import EffectRefused, LedgerUnavailable
from ledger.queries import load

LOST: Final = (
    PostgresConnectionError,
    OperatorInterventionError,
    LockNotAvailableError,
    TooManyConnectionsError,
    InternalClientError,  # asyncpg's word for a server that hung up between two commands
    OSError,
    TimeoutError,
)
"""The connection broke, the server went away, or it took too long: we may have committed."""
OVERTAKEN: Final = (
    Stale,
    DeadlockDetectedError,
    SerializationError,
    UniqueViolationError,
)
"""Rolled back because of what somebody else wrote meanwhile."""

T = TypeVar("T")

_TRIES: Final = 3
_PAUSE_S: Final = 0.05
_PAUSE_MAX_S: Final = 1.0

_SQL = load("ledger.sql", "book")


class Writer:
    """Commits batches over one connection of a pool, and finds the truth after a failure."""

    def __init__(self, pool: "Pool[Record]", *, give_up_after_s: float) -> None:
        self._pool = pool
        self._give_up_after_s = give_up_after_s
        self._connection: PoolConnectionProxy[Record] | None = None
        self._has_begun = False

    async def commit(self, batch: Batch, *, is_more: Callable[[], bool]) -> datetime:
        """Write a decided batch and commit it; return its time.

        With the commit goes all that can go with it, since each word with the server costs the
        callers a turn of the event loop: the batch's record, and the beginning of the next
        transaction if there is more to write. Raises one of OVERTAKEN, EffectRefused or another
        PostgresError: nothing was written. Raises one of LOST: it may have been written.
        """
        connection = await self._connected()
        try:
            if not self._has_begun:
                await connection.execute(_SQL.get("begin"))
            written = await write(connection, batch)
            self._has_begun = is_more()
            end = "commit_and_begin" if self._has_begun else "commit"
            await connection.execute(record(written, end=_SQL.get(end)))
        except LOST:
            await self.disconnect()
            raise
        except Exception as error:
            if await self._is_rolled_back(connection):
                raise
            raise ConnectionError("the connection was closed") from error
        return written.posted_at

    async def settle(self, asked: Sequence[Asked]) -> list[Outcome | Exception]:
        """Return the answer to each intent, posting those that are not on record yet.

        An intent that spoils the transaction of the others, in whatever way its effect may fail,
        is found by halving, and has its error as its answer.
        """
        try:
            return list(await self._post(asked))
        except LedgerUnavailable as error:
            return [error for _ in asked]
        except Exception as error:  # noqa: BLE001  what one caller hands in must not hurt others
            if len(asked) == 1:
                return [_blame(error)]
        middle = len(asked) // 2
        return [*await self.settle(asked[:middle]), *await self.settle(asked[middle:])]

    async def find_accounts(self, account_ids: Collection[UUID]) -> dict[UUID, Account]:
        """Return the accounts that exist among these. Raises LedgerUnavailable."""
        return await self._until_reached(lambda: self._read(find_accounts, account_ids))

    async def find_holds(self, hold_ids: Collection[UUID]) -> dict[UUID, Hold]:
        """Return the holds that exist among these. Raises LedgerUnavailable."""
        return await self._until_reached(lambda: self._read(find_holds, hold_ids))

    async def disconnect(self) -> None:
        """Give the connection up; the next commit takes a new one."""
        connection, self._connection = self._connection, None
        self._has_begun = False
        if connection is not None:
            with suppress(InterfaceError):  # the pool has taken it back by itself
                connection.terminate()
            await self._pool.release(connection)

    async def _post(self, asked: Sequence[Asked]) -> list[Outcome]:
        """Post under locks; again when somebody else's write came in between."""
        tries = 1
        while True:
            try:
                return await self._until_reached(lambda: self._post_once(asked))
            except OVERTAKEN:
                if tries == _TRIES:
                    raise
                tries += 1

    async def _post_once(self, asked: Sequence[Asked]) -> list[Outcome]:
        async with self._transaction() as connection:
            return await post(connection, asked)

    @asynccontextmanager
    async def _transaction(self) -> "AsyncIterator[PoolConnectionProxy[Record]]":
        """Commit what is done inside. Raises one of LOST when the connection broke."""
        connection = await self._connected()
        if self._has_begun:  # for a batch that did not come
            await self._is_rolled_back(connection)
            connection = await self._connected()
        try:
            async with _loss_noticed(connection), connection.transaction():
                yield connection
        except LOST:
            await self.disconnect()
            raise

    async def _is_rolled_back(self, connection: "PoolConnectionProxy[Record]") -> bool:
        """Roll back what was begun; tell whether that was possible."""
        self._has_begun = False
        try:
            await connection.execute(_SQL.get("roll_back"))
        except (*LOST, InterfaceError):
            await self.disconnect()
            return False
        return True

    async def _read(
        self,
        find: Callable[[LedgerConnection, Collection[UUID]], Awaitable[dict[UUID, T]]],
        wanted: Collection[UUID],
    ) -> dict[UUID, T]:
        limited = self._pool.acquire(timeout=self._give_up_after_s)
        async with limited as connection, _loss_noticed(connection):
            return await find(connection, wanted)

    async def _until_reached(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something that may be done again, until the database can be reached for it.

        Raises LedgerUnavailable when it was out of reach for too long.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._give_up_after_s
        pause_s = _PAUSE_S
        while True:
            try:
                return await work()
            except LOST as error:
                if loop.time() + pause_s > give_up_at:
                    raise LedgerUnavailable("the database cannot be reached") from error
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_MAX_S)

    async def _connected(self) -> "PoolConnectionProxy[Record]":
        if self._connection is None or _is_broken(self._connection, has_begun=self._has_begun):
            await self.disconnect()
            self._connection = await self._pool.acquire(timeout=self._give_up_after_s)
            try:
                async with _loss_noticed(self._connection):
                    await self._connection.execute(_SQL.get("plan_in_order"))
            except BaseException:
                await self.disconnect()
                raise
        return self._connection


@asynccontextmanager
async def _loss_noticed(connection: "PoolConnectionProxy[Record]") -> AsyncIterator[None]:
    """Tell a connection that broke, which asyncpg may report in other words, by its class."""
    try:
        yield
    except InterfaceError as error:
        if _is_broken(connection, has_begun=False):
            raise ConnectionError("the connection was closed") from error
        raise


def _is_broken(connection: "PoolConnectionProxy[Record]", *, has_begun: bool) -> bool:
    """Tell whether a connection was lost, or is within a transaction when it should not be.

    The pool takes a lost one back by itself, and then it answers nothing.
    """
    try:
        return connection.is_closed() or connection.is_in_transaction() != has_begun
    except InterfaceError:
        return True


def _blame(error: Exception) -> Exception:
    """Return a broken constraint of the caller's own tables as the refusal that it is."""
    if isinstance(error, IntegrityConstraintViolationError):
        refused = EffectRefused(f"constraint {error.constraint_name}")
        refused.__cause__ = error
        return refused
    return error
