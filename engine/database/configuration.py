"""The settings of the embedded server, and who may connect to it."""

import os
import stat
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from engine.database.cluster import Cluster
from engine.database.errors import EmbeddedServerFailed
from engine.database.os_user import OsUser, current_user
from engine.database.target import Role

_IDENT_MAP = "campus"
_SHARED_BUFFERS_MIN_MIB = 64
_SHARED_BUFFERS_MAX_MIB = 2048


def write_settings(cluster: Cluster, *, shared_buffers_mib: int | None) -> None:
    """Write the settings for the next start of a server, and make the folders that they name.

    Without a size, the shared buffers are a quarter of the memory, at most 2 GiB.
    """
    for folder in (cluster.log, cluster.socket_folder):
        _make_private(folder, cluster.user)
    hba, ident = cluster.area / "pg_hba.conf", cluster.area / "pg_ident.conf"
    computed = {
        "hba_file": str(hba),
        "ident_file": str(ident),
        "log_directory": str(cluster.log),
        "unix_socket_directories": f'"{cluster.socket_folder}"',
        "shared_buffers": f"{shared_buffers_mib or _shared_buffers_mib()}MB",
    }
    lines = "".join(f"{name} = {_quoted(value)}\n" for name, value in computed.items())
    fixed = files("engine.database").joinpath("postgresql.conf").read_text(encoding="utf-8")
    _write(cluster.settings, f"{fixed}\n{lines}")
    _write(hba, _who_may_connect())
    _write(ident, _who_is_who({current_user().name, cluster.user.name}))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def _make_private(folder: Path, user: OsUser) -> None:
    """Make a folder that only one user can enter, or see that it is one already."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise EmbeddedServerFailed(f"{folder} is not a folder that only its owner can enter")
    if found.st_uid == os.geteuid():  # made now, or by a process that was killed at this point
        user.own(folder)
    elif found.st_uid != user.uid:
        raise EmbeddedServerFailed(f"{folder} belongs to another user of this system")


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
    return max(_SHARED_BUFFERS_MIN_MIB, min(memory // 4 // 1024**2, _SHARED_BUFFERS_MAX_MIB))
