"""The embedded server: who starts it, who stops it, and what survives a kill."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from engine.database.embedded import EmbeddedServer
from engine.database.errors import EmbeddedServerFailed
from engine.database.os_user import server_user
from engine.database.target import Role

Holder = subprocess.Popen[str]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as someone else")


@contextmanager
def holder(area: Path) -> Iterator[Holder]:
    """Run another process that uses the server; it leaves when its input is closed."""
    with subprocess.Popen(  # noqa: S603  our own module
        [sys.executable, "-m", "tests.engine.database.holder", area],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def server_pid(process: Holder) -> int:
    """Wait until a holder has its server; return the postmaster's process id."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def leave(process: Holder) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def lives(pid: int | None) -> bool:
    assert pid is not None
    return (
        Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    )


def started(area: Path) -> EmbeddedServer:
    return EmbeddedServer(area, shared_buffers_mib=64, start_timeout_s=60)


async def fetch(server: EmbeddedServer, query: str, role: Role = Role.OWNER) -> object:
    connection = await asyncpg.connect(server.target(role).url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def test_last_of_two_processes_stops_the_server(own_area: Path) -> None:
    with started(own_area) as server, holder(own_area) as other:
        pid = server.pid
        assert server_pid(other) == pid
        server.stop()
        assert lives(pid)
        leave(other)
        assert not lives(pid)


def test_processes_that_start_at_once_share_one_server(own_area: Path) -> None:
    with ExitStack() as stack:
        holders = [stack.enter_context(holder(own_area)) for _ in range(4)]
        assert len({server_pid(process) for process in holders}) == 1
        for process in holders:
            leave(process)


def test_killed_user_leaves_the_server_to_the_next_one(own_area: Path) -> None:
    with holder(own_area) as first:
        pid = server_pid(first)
    assert first.returncode == -signal.SIGKILL
    with started(own_area) as server:
        assert server.pid == pid
    assert not lives(pid)


def test_start_that_is_killed_leaves_no_half_cluster(own_area: Path) -> None:
    with holder(own_area) as process:
        while not list(own_area.glob("data.new-*/base")):
            assert process.poll() is None
    assert not (own_area / "data").exists()
    with started(own_area) as server:
        assert [path.name for path in own_area.glob("data*")] == ["data"]
        assert server.pid is not None


async def test_killed_postmaster_is_recovered_with_what_it_committed(own_area: Path) -> None:
    with started(own_area) as server:
        await fetch(server, "create schema kept")
        killed = server.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        server.ensure_running()
        assert server.pid != killed
        assert await fetch(server, "select count(*) from pg_namespace where nspname = 'kept'") == 1


async def test_server_does_not_start_beside_a_backend_of_a_killed_one(own_area: Path) -> None:
    with started(own_area) as server:
        connection = await asyncpg.connect(server.target().url)
        backend, postmaster = connection.get_server_pid(), server.pid
        assert postmaster is not None
        os.kill(backend, signal.SIGSTOP)
        os.kill(postmaster, signal.SIGKILL)
        second = EmbeddedServer(own_area, start_timeout_s=0.5)
        with pytest.raises(EmbeddedServerFailed, match="lives"):
            second.start()
        os.kill(backend, signal.SIGCONT)
        server.ensure_running()
        assert server.pid != postmaster
        assert not lives(backend)
        connection.terminate()


@pytest.mark.parametrize("left_by_a_crash", [lambda: f"{os.getpid()}\n", lambda: ""])
def test_pid_file_that_names_no_postmaster_is_no_obstacle(
    own_area: Path, left_by_a_crash: Callable[[], str]
) -> None:
    with started(own_area):
        pass
    pid_file = own_area / "data" / "postmaster.pid"
    pid_file.write_text(left_by_a_crash(), encoding="ascii")
    server_user().own(pid_file)
    with started(own_area) as server:
        assert server.pid != os.getpid()


def test_server_that_cannot_start_says_why(own_area: Path) -> None:
    with started(own_area):
        pass
    (own_area / "data" / "PG_VERSION").write_text("9\n", encoding="ascii")
    with pytest.raises(EmbeddedServerFailed, match="incompatible"):
        started(own_area).start()


def test_path_too_long_for_a_socket_gets_a_short_one(own_area: Path) -> None:
    deep = own_area / ("a" * 60) / ("'b' c" * 10)
    with started(deep) as server:
        assert asyncio.run(fetch(server, "select current_user", Role.APP)) == "campus_app"
        folder = Path(parse_qs(urlsplit(server.target().url).query)["host"][0])
        assert own_area not in folder.parents
        assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()


def test_socket_folder_that_others_can_enter_is_refused(own_area: Path) -> None:
    with started(own_area):
        pass
    (own_area / "run").chmod(0o755)
    with pytest.raises(EmbeddedServerFailed, match="only its owner"):
        started(own_area).start()


def test_path_that_a_shell_would_read_is_refused(own_area: Path) -> None:
    with pytest.raises(EmbeddedServerFailed, match="cannot handle"):
        started(own_area / "$HOME").start()


@as_root
def test_area_that_the_server_cannot_enter_is_refused(own_area: Path) -> None:
    own_area.mkdir(mode=0o700)
    with pytest.raises(EmbeddedServerFailed, match="cannot enter"):
        started(own_area / "below").start()


@as_root
def test_folders_of_another_user_are_refused(own_area: Path) -> None:
    own_area.mkdir()
    os.chown(own_area, 65534, 65534)
    with pytest.raises(EmbeddedServerFailed, match="another user"):
        started(own_area).start()
