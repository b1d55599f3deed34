"""Campuses: each is a schema of one database, with tables, rights and migrations of its own."""

import re
from importlib.resources import files
from typing import TYPE_CHECKING

import asyncpg

from engine.database.errors import InvalidCampusName
from engine.database.migrations import Component, migrate
from engine.database.target import Role
from ledger import queries

if TYPE_CHECKING:
    from asyncpg.connection import Connection

_SQL = queries.load("engine.database", "campus")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_RESERVED = re.compile(r"pg_.*|public|information_schema")
_LOCK_TIMEOUT_S = 2.0
_TRIES = 30


def components() -> tuple[Component, ...]:
    """Return the parts of a campus that have migrations, in the order in which they apply."""
    return tuple(
        Component(name, files(f"{name}.sql").joinpath("migrations"))
        for name in ("ledger", "engine")
    )


def check_name(name: str) -> str:
    """Return the name of a campus. Raises InvalidCampusName."""
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise InvalidCampusName(
            "name: a campus is named by 1 to 41 of a-z, 0-9 and _, the first a letter, "
            "and not as PostgreSQL names its own schemas"
        )
    return name


async def create_campus(
    owner: "Connection[asyncpg.Record]",
    name: str,
    *,
    lock_timeout_s: float = _LOCK_TIMEOUT_S,
    tries: int = _TRIES,
) -> list[str]:
    """Make a campus, or bring one up to date; return the migrations that were applied.

    `owner` is connected as the role that is to own it, with no transaction open. Repeating it,
    also at the same time or after a failure, ends in the same state. Raises InvalidCampusName
    and what `migrate` raises.
    """
    check_name(name)
    async with owner.transaction():
        await owner.execute(_SQL.get("lock_name"), name)
        await owner.execute(await owner.fetchval(_SQL.get("schema_definition"), name))
        await owner.execute(await owner.fetchval(_SQL.get("schema_grant"), name, Role.APP.value))
    return await migrate(owner, name, components(), lock_timeout_s=lock_timeout_s, tries=tries)


async def list_campuses(connection: "Connection[asyncpg.Record]") -> list[str]:
    """Return the names of the campuses of a database, sorted."""
    return [row["name"] for row in await connection.fetch(_SQL.get("list_campuses"))]
