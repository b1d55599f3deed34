"""Who gets into the embedded server, and what its log never shows."""

import os
import pwd
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from engine.database.embedded import EmbeddedServer
from engine.database.os_user import OsUser, server_user
from engine.database.program import readable_program, wheel_program
from engine.database.target import Role
from tests.databases import Database

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def nobody() -> OsUser:
    found = pwd.getpwnam("nobody")
    return OsUser(found.pw_name, found.pw_uid, found.pw_gid)


def read_log(area: Path) -> str:
    return "".join(path.read_text("utf-8") for path in (area / "postgres/log").iterdir())


@pytest.mark.usefixtures("server")
def test_only_peers_are_let_in(area: Path) -> None:
    rules = (area / "postgres/pg_hba.conf").read_text(encoding="utf-8").splitlines()
    assert [line for line in rules if not line.startswith("#")] == [
        "local all postgres,campus_owner,campus_app peer map=campus"
    ]


@pytest.mark.usefixtures("server")
def test_only_the_user_and_the_server_are_peers(area: Path) -> None:
    lines = (area / "postgres/pg_ident.conf").read_text(encoding="utf-8").splitlines()
    names = {line.split()[1].strip('"') for line in lines}
    assert names == {pwd.getpwuid(os.geteuid()).pw_name, server_user().name}


async def test_rules_in_force_are_ours(server: EmbeddedServer) -> None:
    connection = await asyncpg.connect(server.target(Role.SUPERUSER).url)
    rules = await connection.fetch("select type, auth_method, error from pg_hba_file_rules")
    await connection.close()
    assert [tuple(rule.values()) for rule in rules] == [("local", "peer", None)]


@as_root
def test_another_user_of_the_machine_is_refused(server: EmbeddedServer, nobody: OsUser) -> None:
    psql: list[str | Path] = [server.program / "bin/psql", server.target().url, "-c", "select 1"]
    refused = nobody.run(psql, timeout_s=60)
    assert refused.returncode != 0
    assert "Permission denied" in refused.stdout


@as_root
def test_another_user_who_reaches_the_socket_is_refused(
    server: EmbeddedServer, nobody: OsUser
) -> None:
    folder = Path(parse_qs(urlsplit(server.target().url).query)["host"][0])
    socket = folder / ".s.PGSQL.5432"
    psql: list[str | Path] = [server.program / "bin/psql", server.target().url, "-c", "select 1"]
    folder.chmod(0o755)
    socket.chmod(0o777)
    try:
        refused = nobody.run(psql, timeout_s=60)
    finally:
        socket.chmod(0o700)
        folder.chmod(0o700)
    assert refused.returncode != 0
    assert "Peer authentication failed" in refused.stdout


def test_no_network_port_is_open(server: EmbeddedServer) -> None:
    held = {str(path.readlink()) for path in Path(f"/proc/{server.pid}/fd").iterdir()}
    lines = [
        line.split()
        for protocol in ("tcp", "tcp6")
        for line in Path(f"/proc/{server.pid}/net/{protocol}").read_text("ascii").splitlines()[1:]
    ]
    inode = 9  # the tenth column of proc(5) net/tcp
    assert not held & {f"socket:[{columns[inode]}]" for columns in lines}


def test_server_never_runs_as_root(server: EmbeddedServer) -> None:
    assert Path(f"/proc/{server.pid}").stat().st_uid == server_user().uid != 0


@as_root
def test_program_below_a_private_home_is_copied(tmp_path: Path, area: Path) -> None:
    private = tmp_path / "pginstall"
    private.symlink_to(wheel_program())
    copy = readable_program(private, server_user(), area)
    assert copy.parent == area
    postgres = server_user().run([copy / "bin/postgres", "--version"], timeout_s=60)
    assert "(PostgreSQL) 18" in postgres.stdout


def test_program_that_the_server_can_read_is_used_where_it_is(
    server: EmbeddedServer, area: Path
) -> None:
    assert readable_program(server.program, server_user(), area / "unused") == server.program


async def test_log_names_the_failure_but_no_value(database: Database, area: Path) -> None:
    async with database.owner() as owner:
        await owner.execute("create table known_people (number text primary key)")
        with pytest.raises(asyncpg.UniqueViolationError):
            await owner.execute("insert into known_people values ('20239999'), ('20239999')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await owner.execute("insert into known_people values ($1), ($1)", "20239999")
    log = read_log(area)
    assert log.count('violates unique constraint "known_people_pkey"') == 2
    assert "20239999" not in log
    assert "insert into" not in log
