"""The fixtures themselves: real roles, and nothing seen of another test."""

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.databases import Database

if TYPE_CHECKING:
    from asyncpg.connection import Connection
    from asyncpg.pool import Pool


async def test_connection_is_the_engine_in_the_campus(
    connection: "Connection[asyncpg.Record]",
) -> None:
    row = await connection.fetchrow("select current_user as role, current_schema as campus")
    assert row is not None
    assert tuple(row.values()) == ("campus_app", "campus")


@pytest.mark.parametrize("attempt", [1, 2])
async def test_each_test_has_a_database_of_its_own(database: Database, attempt: int) -> None:
    async with database.owner() as owner:
        await owner.execute("create table only_here (attempt integer)")
        await owner.execute("insert into only_here values ($1)", attempt)
        assert await owner.fetchval("select count(*) from only_here") == 1


async def test_pool_is_the_engine_in_the_campus(pool: "Pool[asyncpg.Record]") -> None:
    row = await pool.fetchrow("select current_user as role, current_schema as campus")
    assert row is not None
    assert tuple(row.values()) == ("campus_app", "campus")


@pytest.mark.parametrize(
    "statement", ["create table mine (n integer)", "create temporary table mine (n integer)"]
)
async def test_engine_cannot_make_tables(
    connection: "Connection[asyncpg.Record]", statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
