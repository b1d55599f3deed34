"""The files of the embedded server: the cluster, made whole or not at all, and its settings.

The area, a folder of the user who runs the program:

    data/             the cluster, owned by the server's user
    log/              its log, one file per weekday
    run/              its socket, unless the path is too long for one
    postgresql.conf   settings, and pg_hba.conf and pg_ident.conf: who may connect;
                      written anew at each start, and not the server's to change
"""

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from engine.database.errors import EmbeddedServerFailed
from engine.database.os_user import OsUser, current_user
from engine.database.target import Role
from ledger import queries

_INITDB_TIMEOUT_S = 300
_SOCKET_PATH_MAX = 103  # bytes of sun_path without its NUL: 107 on Linux, 103 on macOS
_SOCKET_LOCK = ".s.PGSQL.5432.lock"
_SHARED_BUFFERS_MAX_MIB = 2048
_IDENT_MAP = "campus"
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
    def socket_lock(self) -> Path:
        """The file by which a postmaster claims the socket."""
        return self.socket_folder / _SOCKET_LOCK

    def make_if_missing(self) -> None:
        """Make the cluster with its roles and database, unless it is there.

        It appears under its name by one rename, so whatever ends this process leaves no half
        cluster. The caller holds the start lock.
        """
        if self.data.exists():
            return
        for leftover in self.area.glob("data.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.area))
        self.user.own(unfinished)
        self._initdb(unfinished)
        unfinished.rename(self.data)
        _sync(self.area)

    def write_settings(self, *, shared_buffers_mib: int | None) -> None:
        """Write the settings for the next start, and the folders that they name."""
        for folder in (self.log, self.socket_folder):
            _make_private(folder, self.user)
        hba, ident = self.area / "pg_hba.conf", self.area / "pg_ident.conf"
        hba.write_text(_who_may_connect(), encoding="utf-8")
        ident.write_text(_who_is_who({current_user().name, self.user.name}), encoding="utf-8")
        computed = {
            "hba_file": str(hba),
            "ident_file": str(ident),
            "log_directory": str(self.log),
            "unix_socket_directories": f'"{self.socket_folder}"',
            "shared_buffers": f"{shared_buffers_mib or _shared_buffers_mib()}MB",
        }
        lines = [f"{name} = {_quoted(value)}\n" for name, value in computed.items()]
        fixed = files("engine.database").joinpath("postgresql.conf").read_text(encoding="utf-8")
        self.settings.write_text(fixed + "\n" + "".join(lines), encoding="utf-8")
        for path in (hba, ident, self.settings):
            path.chmod(0o644)

    def _initdb(self, folder: Path) -> None:
        sql = queries.load("engine.database", "cluster")
        script = "".join(f"{sql.get(name)};\n\n" for name in _STATEMENTS)
        initdb = [self.program / "bin/initdb", "-D", folder, "--username", Role.SUPERUSER.value]
        initdb += ["--auth-local=peer", "--auth-host=scram-sha-256", "--data-checksums"]
        initdb += ["--encoding=UTF8", "--locale=C"]
        initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        single = [self.program / "bin/postgres", "--single", "-j", "-D", folder]
        single += ["-c", "exit_on_error=on", "postgres"]
        for command, stdin in ((initdb, ""), (single, script)):
            done = self.user.run(command, stdin=stdin, timeout_s=_INITDB_TIMEOUT_S)
            if done.returncode != 0:
                raise EmbeddedServerFailed(f"a cluster could not be made: {done.stdout[-2000:]}")


def make_area(area: Path, user: OsUser) -> None:
    """Make the folder of everything, readable to the server's user but not its to change."""
    area.mkdir(parents=True, exist_ok=True)
    if area.stat().st_uid != os.geteuid():
        raise EmbeddedServerFailed(f"{area} belongs to another user of this system")
    area.chmod(0o700 if user.is_current else 0o755)


def _make_private(folder: Path, user: OsUser) -> None:
    """Make a folder that only one user can enter, or see that it is one already."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user.uid or found.st_mode & 0o077:
            raise EmbeddedServerFailed(
                f"{folder} is not a private folder of user {user.name}"
            ) from None
    else:
        user.own(folder)


def _who_may_connect() -> str:
    roles = ",".join(role.value for role in Role)
    return f"# Who is not named here is refused.\nlocal all {roles} peer map={_IDENT_MAP}\n"


def _who_is_who(names: set[str]) -> str:
    pairs = [(name, role.value) for name in sorted(names) for role in Role]
    return "".join(f'{_IDENT_MAP} "{name}" {role}\n' for name, role in pairs)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _shared_buffers_mib() -> int:
    """Return a quarter of the memory that we may use, at most 2 GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")  # cgroup v2: a number, or "max"
    if limit.exists() and (text := limit.read_text(encoding="ascii").strip()).isdecimal():
        memory = min(memory, int(text))
    return max(64, min(memory // 4 // 1024**2, _SHARED_BUFFERS_MAX_MIB))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
