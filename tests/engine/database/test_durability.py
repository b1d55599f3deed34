"""Settings under which money could be lost, each made wrong on a real server."""

from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from engine.database.durability import check_durability, wrong_settings
from engine.database.embedded import EmbeddedServer
from engine.database.errors import UnsafeDatabase
from engine.database.os_user import server_user
from engine.database.target import Role
from tests.databases import Database

if TYPE_CHECKING:
    from asyncpg.connection import Connection

OLDEST = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "data_checksums": "on",
    "server_version_num": "160000",
}


async def complaint(connection: "Connection[asyncpg.Record]") -> tuple[str, ...]:
    with pytest.raises(UnsafeDatabase) as caught:
        await check_durability(connection)
    return caught.value.wrong


async def test_embedded_server_is_safe(connection: "Connection[asyncpg.Record]") -> None:
    await check_durability(connection)


@pytest.mark.parametrize("value", ["off", "local", "remote_write"])
async def test_commit_that_does_not_wait_is_refused(
    connection: "Connection[asyncpg.Record]", value: str
) -> None:
    await connection.execute("select set_config('synchronous_commit', $1, true)", value)
    needed = f"synchronous_commit is {value}, needed is on or remote_apply"
    assert await complaint(connection) == (needed,)


async def test_commit_that_waits_for_more_is_accepted(
    connection: "Connection[asyncpg.Record]",
) -> None:
    await connection.execute("set local synchronous_commit = remote_apply")
    await check_durability(connection)


async def test_setting_of_the_role_counts(database: Database) -> None:
    async with database.owner() as owner:
        await owner.execute("alter role current_user set synchronous_commit = off")
    try:
        async with database.owner() as owner:
            assert "synchronous_commit is off" in (await complaint(owner))[0]
    finally:
        async with database.owner() as owner:
            await owner.execute("alter role current_user reset synchronous_commit")


async def test_every_wrong_setting_of_a_server_is_named(own_area: Path) -> None:
    with EmbeddedServer(own_area, shared_buffers_mib=64) as server:
        superuser = await asyncpg.connect(server.target(Role.SUPERUSER).url)
        await superuser.execute("alter system set fsync = off")
        await superuser.execute("alter system set full_page_writes = off")
        await superuser.close()
        program = server.program / "bin/pg_checksums"
    disabled = server_user().run([program, "--disable", "-D", own_area / "data"], timeout_s=60)
    assert disabled.returncode == 0, disabled.stdout
    with EmbeddedServer(own_area, shared_buffers_mib=64) as server:
        engine = await asyncpg.connect(server.target(Role.APP).url)
        assert await complaint(engine) == (
            "fsync is off, needed is on",
            "full_page_writes is off, needed is on",
            "data_checksums is off, needed is on",
        )
        await engine.close()


def test_postgresql_15_is_too_old() -> None:
    assert wrong_settings(OLDEST) == ()
    found = OLDEST | {"server_version_num": "159999"}
    assert wrong_settings(found) == ("server_version_num is 159999, needed is 160000 or later",)
