"""Migrations: numbered SQL files, applied in order, each whole or not at all, and then frozen."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from engine.database.errors import (
    MigrationChanged,
    MigrationFailed,
    MigrationGap,
    MigrationUnknown,
)
from ledger import queries

if TYPE_CHECKING:
    from asyncpg.connection import Connection

_SQL = queries.load("engine.database", "migrations")
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_BACKOFF_S = 0.1
_TRANSACTION_ENDED = "2D000"  # invalid_transaction_termination
_LOCKED = frozenset({"55P03", "40P01"})  # lock_not_available, deadlock_detected
_MADE_BY_ANOTHER = frozenset({"23505", "42P07"})  # two migrators made the same table at once

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the program with migrations of its own: a name, and the folder of its files."""

    name: str
    folder: Traversable


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file: `NNNN_name.sql`, UTF-8, any number of statements, no begin or commit."""

    component: str
    number: int
    name: str
    text: str
    checksum: bytes

    @property
    def file(self) -> str:
        """The name by which people know it, such as `ledger/0001_accounts`."""
        return _file(self.component, self.number, self.name)


def read(component: Component) -> list[Migration]:
    """Return the migrations of a component in order. Raises MigrationGap unless they are 1 to n."""
    if not component.folder.is_dir():
        return []
    migrations = []
    paths = [path for path in component.folder.iterdir() if path.name.endswith(".sql")]
    for expected, path in enumerate(sorted(paths, key=lambda path: path.name), start=1):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationGap(f"{component.name}/{path.name}", "is not named NNNN_name.sql")
        if int(match[1]) != expected:
            raise MigrationGap(f"{component.name}/{path.name}", f"{expected:04} comes next")
        content = path.read_bytes()
        migration = Migration(
            component=component.name,
            number=expected,
            name=match[2],
            text=content.decode(),
            checksum=sha256(content).digest(),
        )
        migrations.append(migration)
    return migrations


async def migrate(
    connection: "Connection[asyncpg.Record]",
    schema: str,
    components: Sequence[Component],
    *,
    lock_timeout_s: float,
    tries: int,
) -> list[str]:
    """Bring a schema up to date and return the names of what was applied now, in order.

    Each migration is one transaction. A lock that is not had in time is tried again, `tries` times
    in all, so that waiting for it never stops the engine's own transactions for long. Migrators
    may run at the same time: one works, the others find its work done. Nothing is applied when
    what was applied before contradicts the files: MigrationChanged, MigrationUnknown, MigrationGap.
    Raises MigrationFailed for a migration that PostgreSQL refuses; those before it stay applied.
    """
    migrations = [migration for component in components for migration in read(component)]
    session = _Session(connection, schema, str(int(lock_timeout_s * 1000)), tries)
    await _prepare(session, migrations)
    return [each.file for each in migrations if await _apply(session, each, migrations)]


@dataclass(frozen=True, slots=True)
class _Session:
    """One migrator at work on one schema."""

    connection: "Connection[asyncpg.Record]"
    schema: str
    lock_timeout_ms: str
    tries: int

    async def run(self, attempt: Callable[[], Awaitable[T]], file: str, again: frozenset[str]) -> T:
        """Make an attempt in a transaction; repeat it while its SQLSTATE is in `again`."""
        left = self.tries
        while True:
            left -= 1
            try:
                async with self.connection.transaction(isolation="read_committed"):
                    session = (self.schema, self.lock_timeout_ms)
                    await self.connection.execute(_SQL.get("set_session"), *session)
                    return await attempt()
            except asyncpg.PostgresError as error:
                sqlstate = error.sqlstate or ""
                if sqlstate not in again or left <= 0:
                    raise MigrationFailed(file, sqlstate, str(error.args[0])) from error
            await asyncio.sleep(_BACKOFF_S * random.uniform(0.5, 1.5))  # noqa: S311  jitter


async def _prepare(session: _Session, migrations: Sequence[Migration]) -> None:
    """Make the record of migrations if it is missing, and compare it with the files."""

    async def attempt() -> None:
        await session.connection.execute(_SQL.get("make_table"))
        await _applied(session.connection, migrations)

    await session.run(attempt, "schema_migrations", _LOCKED | _MADE_BY_ANOTHER)


async def _apply(session: _Session, migration: Migration, migrations: Sequence[Migration]) -> bool:
    """Apply a migration unless somebody has; tell whether it was done now."""
    connection = session.connection

    async def attempt() -> bool:
        await connection.execute(_SQL.get("lock_table"))
        if migration in await _applied(connection, migrations):
            return False
        await connection.execute(migration.text)
        if not connection.is_in_transaction():
            reason = "it ends the transaction that it is applied in"
            raise MigrationFailed(migration.file, _TRANSACTION_ENDED, reason)
        row = (migration.component, migration.number, migration.name, migration.checksum)
        await connection.execute(_SQL.get("record"), *row)
        return True

    return await session.run(attempt, migration.file, _LOCKED)


async def _applied(
    connection: "Connection[asyncpg.Record]", migrations: Sequence[Migration]
) -> list[Migration]:
    """Return the migrations on record. Raises MigrationChanged, MigrationUnknown."""
    known = {(each.component, each.number): each for each in migrations}
    applied = []
    for component, number, name, checksum in await connection.fetch(_SQL.get("list_applied")):
        migration = known.get((component, number))
        if migration is None:
            raise MigrationUnknown(_file(component, number, name))
        if (migration.name, migration.checksum) != (name, checksum):
            raise MigrationChanged(migration.file)
        applied.append(migration)
    return applied


def _file(component: str, number: int, name: str) -> str:
    return f"{component}/{number:04}_{name}"
