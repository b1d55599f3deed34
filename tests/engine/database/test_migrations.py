"""Migrations: in order, whole or not at all, once, and frozen after that."""

import asyncio
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from engine.database.errors import (
    MigrationChanged,
    MigrationFailed,
    MigrationGap,
    MigrationUnknown,
)
from engine.database.migrations import Component, migrate
from tests.databases import CAMPUS, Database

if TYPE_CHECKING:
    from asyncpg.connection import Connection

ONE = {"0001_one.sql": "create table one (n integer); insert into one values (1);"}
TWO = {"0002_two.sql": "insert into one values (2);"}


@pytest.fixture
def component(tmp_path: Path) -> Component:
    return Component("trial", tmp_path)


def write(component: Component, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        Path(str(component.folder / name)).write_text(text, encoding="utf-8")


def remove(component: Component, name: str) -> None:
    Path(str(component.folder / name)).unlink()


async def run(
    owner: "Connection[asyncpg.Record]", component: Component, *, tries: int = 3
) -> list[str]:
    await owner.execute("create schema if not exists trial")
    return await migrate(owner, "trial", [component], lock_timeout_s=0.1, tries=tries)


async def test_files_apply_in_order_and_once(database: Database, component: Component) -> None:
    write(component, TWO | ONE)
    async with database.owner() as owner:
        assert await run(owner, component) == ["trial/0001_one", "trial/0002_two"]
        assert await run(owner, component) == []
        assert await owner.fetchval("select array_agg(n order by n) from trial.one") == [1, 2]


async def test_later_file_alone_applies_later(database: Database, component: Component) -> None:
    async with database.owner() as owner:
        write(component, ONE)
        await run(owner, component)
        write(component, TWO)
        assert await run(owner, component) == ["trial/0002_two"]


async def test_component_without_files_is_no_error(
    database: Database, component: Component
) -> None:
    missing = Component("missing", component.folder / "missing")
    async with database.owner() as owner:
        assert await run(owner, component) == []
        assert await run(owner, missing) == []


async def test_tables_land_in_the_schema_and_the_session_keeps_its_path(
    database: Database, component: Component
) -> None:
    write(component, ONE)
    async with database.owner() as owner:
        await run(owner, component)
        assert await owner.fetchval("show search_path") == CAMPUS
        schema = "select schemaname from pg_tables where tablename = 'one'"
        assert await owner.fetchval(schema) == "trial"


@pytest.mark.parametrize(
    ("renamed", "text"),
    [("0001_one.sql", "create table one (m integer)"), ("0001_uno.sql", ONE["0001_one.sql"])],
    ids=["text", "name"],
)
async def test_changed_file_is_refused(
    database: Database, component: Component, renamed: str, text: str
) -> None:
    async with database.owner() as owner:
        write(component, ONE)
        await run(owner, component)
        remove(component, "0001_one.sql")
        write(component, {renamed: text} | TWO)
        with pytest.raises(MigrationChanged) as caught:
            await run(owner, component)
        assert caught.value.file == f"trial/{renamed.removesuffix('.sql')}"
        assert await owner.fetchval("select count(*) from trial.one") == 1


async def test_database_newer_than_the_program_is_refused(
    database: Database, component: Component
) -> None:
    async with database.owner() as owner:
        write(component, ONE | TWO)
        await run(owner, component)
        remove(component, "0002_two.sql")
        with pytest.raises(MigrationUnknown) as caught:
            await run(owner, component)
        assert caught.value.file == "trial/0002_two"


@pytest.mark.parametrize(
    ("names", "at_fault"),
    [
        (["0002_two.sql"], "trial/0002_two.sql"),
        (["0001_one.sql", "0003_three.sql"], "trial/0003_three.sql"),
        (["0001_one.sql", "0001_uno.sql"], "trial/0001_uno.sql"),
        (["1_one.sql"], "trial/1_one.sql"),
        (["0001_One.sql"], "trial/0001_One.sql"),
    ],
)
async def test_files_not_numbered_one_to_n_are_refused(
    connection: "Connection[asyncpg.Record]",
    component: Component,
    names: list[str],
    at_fault: str,
) -> None:
    write(component, dict.fromkeys(names, "select 1"))
    with pytest.raises(MigrationGap) as caught:
        await migrate(connection, "trial", [component], lock_timeout_s=1, tries=1)
    assert caught.value.file == at_fault


async def test_file_that_fails_half_way_leaves_nothing(
    database: Database, component: Component
) -> None:
    write(component, ONE | {"0002_two.sql": "create table two (); select 1 / 0;"})
    async with database.owner() as owner:
        with pytest.raises(MigrationFailed) as caught:
            await run(owner, component)
        assert (caught.value.file, caught.value.sqlstate) == ("trial/0002_two", "22012")
        assert await owner.fetchval("select to_regclass('trial.two')") is None
        write(component, TWO)
        assert await run(owner, component) == ["trial/0002_two"]


async def test_file_that_commits_by_itself_is_refused(
    database: Database, component: Component
) -> None:
    write(component, {"0001_one.sql": "create table one (); commit; create table two ();"})
    async with database.owner() as owner:
        with pytest.raises(MigrationFailed, match="ends the transaction"):
            await run(owner, component)
        assert await owner.fetchval("select count(*) from trial.schema_migrations") == 0


async def test_functions_with_dollar_quotes_apply(database: Database, component: Component) -> None:
    body = "create function f() returns integer language plpgsql as $$ begin return 7; end; $$;"
    write(component, {"0001_f.sql": f"{body}\n{body.replace('f()', 'g()')}"})
    async with database.owner() as owner:
        await run(owner, component)
        assert await owner.fetchval("select trial.f() + trial.g()") == 14


async def test_migrators_at_once_apply_each_file_once(
    database: Database, component: Component
) -> None:
    write(component, ONE | TWO)
    async with database.owner() as a, database.owner() as b, database.owner() as c:
        await a.execute("create schema trial")
        done = await asyncio.gather(*(run(owner, component, tries=50) for owner in (a, b, c)))
        assert sorted(chain(*done)) == ["trial/0001_one", "trial/0002_two"]
        assert await a.fetchval("select array_agg(n order by n) from trial.one") == [1, 2]


async def wait_until(watcher: "Connection[asyncpg.Record]", pid: int, *, waiting: bool) -> None:
    """Return when a backend waits for a lock, or when it does not."""
    query = "select exists (select 1 from pg_locks where pid = $1 and not granted)"
    while await watcher.fetchval(query, pid) is not waiting:
        pass


async def test_lock_not_had_in_time_is_tried_again(
    database: Database, component: Component
) -> None:
    write(component, ONE)
    async with database.owner() as owner, database.owner() as other, database.owner() as watcher:
        await run(owner, component)
        write(component, {"0002_two.sql": "alter table one add column m integer"})
        pid = owner.get_server_pid()
        async with asyncio.TaskGroup() as tasks, other.transaction():
            await other.execute("select from trial.one")
            migrated = tasks.create_task(run(owner, component, tries=100))
            await wait_until(watcher, pid, waiting=True)
            await wait_until(watcher, pid, waiting=False)
            assert not migrated.done()
        assert migrated.result() == ["trial/0002_two"]


async def test_lock_never_had_is_an_error_that_changes_nothing(
    database: Database, component: Component
) -> None:
    write(component, ONE)
    async with database.owner() as owner, database.owner() as other:
        await run(owner, component)
        write(component, {"0002_two.sql": "alter table one add column m integer"})
        async with other.transaction():
            await other.execute("select from trial.one")
            with pytest.raises(MigrationFailed) as caught:
                await run(owner, component, tries=2)
        assert caught.value.sqlstate == "55P03"
        assert await owner.fetchval("select count(*) from trial.schema_migrations") == 1
