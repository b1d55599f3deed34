"""The engine as a process: how it starts, how it stops, and that it is never half alive."""

import asyncio
import os
import signal
import socket
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from asyncpg import Record
from asyncpg.connection import Connection

from engine.database.embedded import EmbeddedServer
from engine.database.target import Role
from tests.databases import Database, open_connection
from tests.engine.processes import PROGRAM, engine_process, environment, ready_engine


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    return environment(database, tmp_path)


@asynccontextmanager
async def sealing_stands_still(database: Database) -> AsyncIterator[None]:
    """Keep the sealer waiting, so that an orderly stop cannot finish meanwhile."""
    async with database.owner() as owner, owner.transaction():
        await owner.execute("lock table batches in access exclusive mode")
        yield


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_engine_in_order(
    settings: dict[str, str], told: signal.Signals
) -> None:
    async with ready_engine(settings) as (engine, url):
        assert await is_ready(url)
        engine.tell(told)
        assert await engine.ended() == 0
    assert engine.events[-2:] == ["engine stopping", "engine stopped"]


async def test_a_second_signal_ends_it_at_once(
    database: Database, settings: dict[str, str]
) -> None:
    async with ready_engine(settings) as (engine, _), sealing_stands_still(database):
        engine.tell(signal.SIGTERM)
        await engine.logged("engine stopping")
        engine.tell(signal.SIGTERM)
        assert await engine.ended() == 1
    assert engine.lines[-1]["code"] == "stop_forced"


async def test_a_stop_that_takes_too_long_is_given_up_and_told(
    database: Database, settings: dict[str, str]
) -> None:
    hurried = settings | {"CAMPUS_DRAIN_TIMEOUT_S": "0.5"}
    async with ready_engine(hurried) as (engine, _), sealing_stands_still(database):
        engine.tell(signal.SIGTERM)
        assert await engine.ended() == 1
    assert engine.lines[-1]["code"] == "drain_too_long"


async def test_an_engine_that_stops_takes_no_new_connection(
    database: Database, settings: dict[str, str]
) -> None:
    async with ready_engine(settings) as (engine, url):
        async with sealing_stands_still(database):
            engine.tell(signal.SIGTERM)
            await engine.logged("engine stopping")
            with pytest.raises(httpx.ConnectError):
                await is_ready(url)
        assert await engine.ended() == 0


async def test_an_address_that_is_taken_is_named_with_code_3(settings: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with engine_process(settings | {"CAMPUS_PORT": port}) as engine:
            assert await engine.ended() == 3
    assert engine.lines[-1]["code"] == "address_in_use"
    assert port in str(engine.lines[-1]["reason"])


async def test_a_database_that_may_lose_money_is_refused(
    database: Database, settings: dict[str, str]
) -> None:
    async with superuser_of(database) as superuser:
        text = "alter role campus_app in database {} set synchronous_commit = off"
        await superuser.execute(text.format(database.name))
    async with engine_process(settings) as engine:
        assert await engine.ended() == 2
    assert engine.lines[-1]["code"] == "unsafe_database"
    assert "synchronous_commit is off" in str(engine.lines[-1]["reason"])


async def test_a_database_that_nobody_answers_at_is_unavailable(
    settings: dict[str, str], tmp_path: Path
) -> None:
    away = f"postgresql:///campus?host={tmp_path}&user=campus_app"
    async with engine_process(settings | {"CAMPUS_DATABASE_URL": away}) as engine:
        assert await engine.ended() == 3
    assert engine.lines[-1]["code"] == "database_unavailable"


async def test_a_part_that_fails_ends_the_process(
    database: Database, settings: dict[str, str]
) -> None:
    """The sealer gives up when the books are not as it left them."""
    async with ready_engine(settings) as (engine, _), database.owner() as owner:
        await owner.execute("update seal_state set position = 5")
        await owner.execute(
            "insert into batches (number, transfers, root, leaf_marks, committed_at) "
            "values (1, 1, sha256(''), '', now())"
        )
        assert await engine.ended() == 1
    assert engine.lines[-1]["code"] == "history_rewritten"


async def test_the_database_may_go_away_and_come_back(
    database: Database, settings: dict[str, str]
) -> None:
    """Whoever cuts the engine's connections stops nothing: they are made anew."""
    async with ready_engine(settings) as (engine, url):
        async with superuser_of(database) as superuser:
            await superuser.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and usename = 'campus_app'"
            )
        assert await is_ready(url)
        engine.tell(signal.SIGTERM)
        assert await engine.ended() == 0


@pytest.fixture
def home() -> Iterator[Path]:
    """A data directory to be made, below a folder that the server's user can enter."""
    with TemporaryDirectory(prefix="campus-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "home"


@pytest.fixture
def own_settings(home: Path) -> dict[str, str]:
    """Settings of a newcomer, but for a folder and a port of the test's own."""
    return {
        "CAMPUS_DATA_DIR": str(home),
        "CAMPUS_PORT": "0",
        "CAMPUS_POOL_SIZE": "6",
        "CAMPUS_LOG_FORMAT": "json",
        "CAMPUS_SHARED_BUFFERS_MIB": "64",
    }


async def test_a_first_start_makes_everything_and_a_stop_leaves_nothing_running(
    own_settings: dict[str, str], home: Path
) -> None:
    async with ready_engine(own_settings) as (engine, url):
        assert await is_ready(url)
        engine.tell(signal.SIGTERM)
        assert await engine.ended() == 0
    assert (home / "postgres/data").is_dir()
    assert not (home / "postgres/data/postmaster.pid").exists()


async def test_two_engines_share_one_server(own_settings: dict[str, str]) -> None:
    async with (
        ready_engine(own_settings) as (first, _),
        ready_engine(own_settings) as (second, url),
    ):
        first.tell(signal.SIGTERM)
        assert await first.ended() == 0
        assert await is_ready(url)
        second.tell(signal.SIGTERM)
        assert await second.ended() == 0


async def test_a_command_works_beside_a_running_engine(own_settings: dict[str, str]) -> None:
    async with ready_engine(own_settings) as (engine, url):
        command = await asyncio.create_subprocess_exec(
            *PROGRAM, "staff", "list", "--json", env=own_settings, stdout=PIPE, stderr=PIPE
        )
        stdout, stderr = await command.communicate()
        assert (command.returncode, stdout, stderr) == (0, b'{"staff":[]}\n', b"")
        assert await is_ready(url)
        engine.tell(signal.SIGTERM)
        assert await engine.ended() == 0


async def test_an_embedded_server_that_is_killed_is_revived(
    own_settings: dict[str, str], home: Path
) -> None:
    with EmbeddedServer(home / "postgres", shared_buffers_mib=64) as server:
        async with ready_engine(own_settings) as (engine, url):
            kill(server)
            await engine.logged("database was revived")
            assert await is_ready(url)
            engine.tell(signal.SIGTERM)
            assert await engine.ended() == 0


def superuser_of(database: Database) -> "AbstractAsyncContextManager[Connection[Record]]":
    return open_connection(database.target(Role.SUPERUSER))


async def is_ready(url: str) -> bool:
    """Ask over a new connection."""
    async with httpx.AsyncClient(base_url=url) as client:
        return (await client.get("/readyz")).status_code == 200


def kill(server: EmbeddedServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
