"""Connections: their limits, and that a password stays where it is."""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from engine.database.connections import connect, open_pool
from engine.database.errors import DatabaseUnavailable, InvalidDatabaseUrl
from engine.database.target import Role, Target
from tests.databases import CAMPUS, Database

if TYPE_CHECKING:
    from asyncpg.pool import Pool

PASSWORD = "s3cret"


async def test_pool_is_full_from_the_start_and_no_larger(database: Database) -> None:
    pool = await open_pool(database.target(), CAMPUS, size=3, command_timeout_s=5)
    try:
        assert (pool.get_size(), pool.get_min_size(), pool.get_max_size()) == (3, 3, 3)
    finally:
        await pool.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("search_path", "campus"),
        ("application_name", "campus"),
        ("statement_timeout", "30s"),
        ("lock_timeout", "15s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("jit", "off"),
    ],
)
async def test_settings_hold_on_every_use_of_a_connection(
    pool: "Pool[asyncpg.Record]", setting: str, value: str
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select set_config($1, '1', true)", setting)
    async with pool.acquire() as connection:
        assert await connection.fetchval("select current_setting($1)", setting) == value


async def test_a_transaction_left_open_is_ended_before_the_next_use(
    pool: "Pool[asyncpg.Record]",
) -> None:
    async with pool.acquire() as connection:
        await connection.execute("begin")
        left = await connection.fetchval("select pg_current_xact_id()")
    async with pool.acquire() as connection:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("select pg_xact_status($1)", left) == "aborted"


async def test_statement_that_takes_too_long_is_ended_by_the_server(database: Database) -> None:
    connection = await connect(database.target(), CAMPUS, command_timeout_s=0.2)
    try:
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("select pg_sleep(60)")
        assert await connection.fetchval("select 1") == 1
    finally:
        await connection.close()


async def test_wait_for_a_lock_ends_before_the_statement_does(database: Database) -> None:
    waiting = await connect(database.target(Role.OWNER), CAMPUS, command_timeout_s=0.4)
    try:
        async with database.owner() as owner, owner.transaction():
            await owner.execute("lock table schema_migrations")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await waiting.fetch("select from schema_migrations")
    finally:
        await waiting.close()


async def test_nobody_there_is_an_error_of_ours(tmp_path: Path) -> None:
    nowhere = Target.by_socket(tmp_path, Role.APP, "campus")
    with pytest.raises(DatabaseUnavailable):
        await connect(nowhere, CAMPUS, command_timeout_s=5)
    with pytest.raises(DatabaseUnavailable):
        await open_pool(nowhere, CAMPUS, size=1, command_timeout_s=5)


async def test_missing_database_is_an_error_of_ours(database: Database) -> None:
    missing = database.server.target(Role.APP, "no such database")
    with pytest.raises(DatabaseUnavailable, match="InvalidCatalogName"):
        await connect(missing, CAMPUS, command_timeout_s=5)


async def test_password_is_in_no_error_of_a_connection() -> None:
    target = Target(f"postgresql://campus_app:{PASSWORD}@127.0.0.1:1/campus")
    with pytest.raises(DatabaseUnavailable) as caught:
        await connect(target, CAMPUS, command_timeout_s=5)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_password_is_not_in_the_repr_of_a_target() -> None:
    assert repr(Target(f"postgresql://campus_app:{PASSWORD}@db.example/campus")) == "Target()"


@pytest.mark.parametrize(
    "url",
    [
        "",
        f"mysql://campus_app:{PASSWORD}@db.example/campus",
        f"campus_app:{PASSWORD}@db.example",
        f"postgresql://campus_app:12/{PASSWORD}@db.example/campus",
        f"postgresql://campus_app:12?{PASSWORD}@db.example/campus",
        f"postgresql://campus_app:12#{PASSWORD}@db.example/campus",
        f"postgresql://campus_app:{PASSWORD}/@db.example/campus",
        f"postgresql://campus_app:{PASSWORD}[@db.example/campus",
        f"postgresql://campus_app:{PASSWORD}@db.example:port/campus",
        f"postgresql://campus_app:{PASSWORD}@db.example:0/campus",
    ],
)
def test_unreadable_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as caught:
        Target(url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value, chain=True))
