"""Databases for tests: clones of one migrated template on an embedded server."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import asyncpg

from engine.database.campus import create_campus
from engine.database.connections import connect
from engine.database.embedded import EmbeddedServer
from engine.database.target import Role, Target

if TYPE_CHECKING:
    from asyncpg.connection import Connection

CAMPUS = "campus"
COMMAND_TIMEOUT_S = 30.0

_TEMPLATE = "campus"  # the cluster's own database: migrated once, then only cloned
_CLONE = "select format('create database %I template %I owner %I', $1::text, $2::text, $3::text)"
_CLOSE = """
    select format(
        'revoke all on database %1$I from public; grant connect on database %1$I to %2$I',
        $1::text, $2::text
    )
"""  # a clone has the template's content, but not the rights on the database itself
_DROP = "select format('drop database %I with (force)', $1::text)"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """One database with a migrated campus named `campus`."""

    server: EmbeddedServer
    name: str

    def target(self, role: Role = Role.APP) -> Target:
        return self.server.target(role, self.name)

    def app(self) -> "AbstractAsyncContextManager[Connection[asyncpg.Record]]":
        """Open a connection as the running engine has it."""
        return open_connection(self.target(Role.APP))

    def owner(self) -> "AbstractAsyncContextManager[Connection[asyncpg.Record]]":
        """Open a connection as the owner of the schema."""
        return open_connection(self.target(Role.OWNER))


@asynccontextmanager
async def open_connection(target: Target) -> "AsyncIterator[Connection[asyncpg.Record]]":
    connection = await connect(target, CAMPUS, command_timeout_s=COMMAND_TIMEOUT_S)
    try:
        yield connection
    finally:
        await connection.close()


async def migrate_template(server: EmbeddedServer) -> None:
    async with open_connection(server.target(Role.OWNER, _TEMPLATE)) as owner:
        await create_campus(owner, CAMPUS)


@asynccontextmanager
async def cloned(server: EmbeddedServer) -> AsyncIterator[Database]:
    """Make a database of its own for one test, and drop it whoever is still connected."""
    database = Database(server, f"clone_{next(_numbers)}")
    names = (database.name, _TEMPLATE, Role.OWNER.value)
    async with open_connection(server.target(Role.SUPERUSER, "postgres")) as superuser:
        await superuser.execute(await superuser.fetchval(_CLONE, *names))
        try:
            rights = (database.name, Role.APP.value)
            await superuser.execute(await superuser.fetchval(_CLOSE, *rights))
            yield database
        finally:
            await superuser.execute(await superuser.fetchval(_DROP, database.name))
