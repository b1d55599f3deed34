"""A campus: a schema with its own tables, which can be made any number of times."""

import asyncio
from itertools import chain
from typing import TYPE_CHECKING

import asyncpg
import pytest

from engine.database.campus import check_name, components, create_campus, list_campuses
from engine.database.connections import connect
from engine.database.errors import InvalidCampusName
from engine.database.migrations import read
from engine.database.target import Role
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S, Database, open_connection

if TYPE_CHECKING:
    from asyncpg.connection import Connection

EVERY_MIGRATION = [each.file for component in components() for each in read(component)]


def test_ledger_migrates_before_the_engine() -> None:
    assert [component.name for component in components()] == ["ledger", "engine"]


async def test_campus_has_every_migration_and_a_second_making_none(database: Database) -> None:
    async with database.owner() as owner:
        assert await create_campus(owner, "east") == EVERY_MIGRATION
        assert await create_campus(owner, "east") == []


async def test_campuses_are_listed_and_other_schemas_are_not(database: Database) -> None:
    async with database.owner() as owner:
        await owner.execute("create schema not_a_campus")
        await create_campus(owner, "east")
        assert await list_campuses(owner) == [CAMPUS, "east"]
    async with database.app() as app:
        assert await list_campuses(app) == [CAMPUS, "east"]


async def test_makers_at_once_make_one_campus(database: Database) -> None:
    async with database.owner() as a, database.owner() as b, database.owner() as c:
        done = await asyncio.gather(*(create_campus(owner, "east") for owner in (a, b, c)))
        assert sorted(chain(*done)) == sorted(EVERY_MIGRATION)


async def test_what_one_campus_holds_another_does_not_see(database: Database) -> None:
    async with database.owner() as owner:
        await create_campus(owner, "east")
        await owner.execute("create table only_here ()")
    east = await connect(database.target(Role.OWNER), "east", command_timeout_s=COMMAND_TIMEOUT_S)
    try:
        with pytest.raises(asyncpg.UndefinedTableError):
            await east.execute("select from only_here")
    finally:
        await east.close()


async def test_engine_has_no_right_that_no_migration_granted(database: Database) -> None:
    async with database.owner() as owner:
        await owner.execute("create table ungranted ()")
    async with database.app() as app:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("select from ungranted")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("insert into schema_migrations select")


@pytest.mark.parametrize(
    "name",
    ["", "1east", "East", "east-west", 'a"; drop schema campus', "a" * 42, "东校区", "east\n"],
)
def test_name_that_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(InvalidCampusName, match=r"^name: "):
        check_name(name)


@pytest.mark.parametrize("name", ["public", "pg_east", "information_schema"])
async def test_name_of_a_schema_of_postgresql_is_refused(
    connection: "Connection[asyncpg.Record]", name: str
) -> None:
    with pytest.raises(InvalidCampusName):
        await create_campus(connection, name)


@pytest.mark.parametrize("name", ["a", "east_2", "a" * 41, "user"])
async def test_every_other_name_works(database: Database, name: str) -> None:
    async with open_connection(database.target(Role.OWNER)) as owner:
        await create_campus(owner, name)
        assert name in await list_campuses(owner)
