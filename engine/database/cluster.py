"""The files of the embedded server: where they lie, and the cluster, made whole or not at all.

The area, a folder of the user who runs the program:

    data/             the cluster, owned by the server's user
    log/              its log, one file per weekday
    run/              its socket, unless the path is too long for one
    postgresql.conf   settings, and pg_hba.conf and pg_ident.conf: who may connect;
                      written anew at each start, and not the server's to change
    *.lock            who starts or stops it, who uses it, and whether it lives
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from engine.database.errors import EmbeddedServerFailed
from engine.database.os_user import OsUser
from engine.database.target import Role
from ledger import queries

_INITDB_TIMEOUT_S = 300
_TEST_TIMEOUT_S = 60
_SOCKET_PATH_MAX = 103  # bytes of sun_path without its NUL: 107 on Linux, 103 on macOS
_SOCKET_LOCK = ".s.PGSQL.5432.lock"
_UNQUOTABLE = frozenset('"$`\\\n')  # pg_ctl puts paths between double quotes for a shell
_INITDB = (
    f"--username={Role.SUPERUSER.value}",
    "--auth-local=peer",  # never used: the server is started with a pg_hba.conf of ours
    "--auth-host=scram-sha-256",
    "--data-checksums",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # sorts and folds the same on every system, after any upgrade
    "--builtin-locale=C.UTF-8",
)
_SINGLE = ("-j", "-c", "exit_on_error=on", "postgres")  # -j: an empty line ends a statement
_STATEMENTS = ("make_owner", "make_app", "make_database", "close_database", "open_database")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where one cluster and what belongs to it lie, and the user that its server runs as."""

    area: Path
    user: OsUser
    program: Path

    @property
    def data(self) -> Path:
        """The data directory of PostgreSQL."""
        return self.area / "data"

    @property
    def log(self) -> Path:
        """The folder of the server's log."""
        return self.area / "log"

    @property
    def settings(self) -> Path:
        """The settings file that the server is started with."""
        return self.area / "postgresql.conf"

    @property
    def socket_folder(self) -> Path:
        """The folder of the socket: in the area, or under /tmp when that path is too long."""
        near = self.area / "run"
        if len(os.fsencode(near / _SOCKET_LOCK)) <= _SOCKET_PATH_MAX and "," not in str(near):
            return near
        digest = hashlib.sha256(os.fsencode(self.area)).hexdigest()[:16]
        return Path("/tmp") / f"campus-{digest}"  # noqa: S108  short, and checked when made

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def make_if_missing(self, lock: int) -> None:
        """Make the cluster with its roles and database, unless it is there.

        It appears under its name by one rename, so whatever ends this process leaves no half
        cluster. The programs that make it hold the lock for as long as they live.
        """
        for leftover in self.area.glob("data.new-*"):
            shutil.rmtree(leftover)
        if self.data.exists():
            return
        unfinished = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.area))
        self.user.own(unfinished)
        self._initdb(unfinished, lock)
        unfinished.rename(self.data)
        for folder in (self.area, self.area.parent):
            _sync(folder)

    def postmaster_pid(self) -> int | None:
        """Return the process id that the last postmaster wrote down, unless it left in order."""
        try:
            return int(self._pid_file.read_text(encoding="ascii").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def forget_dead_postmaster(self) -> None:
        """Remove the lock files of a postmaster that is none.

        Its number belongs to another program now, or to a zombie. A server that someone started
        by hand keeps its files, and PostgreSQL will refuse to start a second one.
        """
        if not self._pid_file.exists() or not Path("/proc/self/cmdline").exists():
            return
        try:
            command = Path(f"/proc/{self.postmaster_pid()}/cmdline").read_bytes()
        except OSError:
            command = b""
        if os.fsencode(self.data) not in command:
            (self.socket_folder / _SOCKET_LOCK).unlink(missing_ok=True)
            self._pid_file.unlink()

    def _initdb(self, folder: Path, lock: int) -> None:
        sql = queries.load("engine.database", "cluster")
        script = "".join(f"{sql.get(name)};\n\n" for name in _STATEMENTS)
        programs = self.program / "bin"
        initdb: list[str | Path] = [programs / "initdb", "-D", folder, *_INITDB]
        single: list[str | Path] = [programs / "postgres", "--single", "-D", folder, *_SINGLE]
        for command, stdin in ((initdb, ""), (single, script)):
            done = self.user.run(
                command, stdin=stdin, timeout_s=_INITDB_TIMEOUT_S, pass_fds=(lock,)
            )
            if done.returncode != 0:
                raise EmbeddedServerFailed(f"a cluster could not be made: {done.stdout[-2000:]}")


def make_area(area: Path, user: OsUser) -> None:
    """Make the area, open to the server's user but not its to change.

    Raises EmbeddedServerFailed for a path that PostgreSQL could not use.
    """
    if set(str(area)) & _UNQUOTABLE:
        raise EmbeddedServerFailed(f"pg_ctl cannot handle the path {area}")
    area.mkdir(parents=True, exist_ok=True)
    if area.stat().st_uid != os.geteuid():
        raise EmbeddedServerFailed(f"{area} belongs to another user of this system")
    area.chmod(0o700 if user.is_current else 0o755)
    if user.run(["test", "-x", area], timeout_s=_TEST_TIMEOUT_S).returncode != 0:
        raise EmbeddedServerFailed(f"{area} lies in a folder that user {user.name} cannot enter")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
