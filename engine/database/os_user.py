"""The operating-system user that PostgreSQL runs as: never root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.database.errors import EmbeddedServerFailed

SERVICE_USER = "campus-db"
"""The system user that is made for the server when the program runs as root."""

_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}  # no PG* of the caller gets in


@dataclass(frozen=True, slots=True)
class OsUser:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @property
    def is_current(self) -> bool:
        """Tell whether this process runs as this user."""
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Make a file or folder belong to this user."""
        if not self.is_current:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        timeout_s: float,
        stdin: str = "",
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in `/`, with a clean environment; stderr joins stdout.

        Raises PermissionError when this user may not execute it, and EmbeddedServerFailed when
        it takes too long.
        """
        switch = not self.is_current
        try:
            return subprocess.run(  # noqa: S603  no shell; the commands are ours
                command,
                check=False,
                cwd="/",
                env=_ENVIRONMENT,
                input=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout_s,
                pass_fds=pass_fds,
                user=self.uid if switch else None,
                group=self.gid if switch else None,
                extra_groups=[] if switch else None,
                umask=0o077,
            )
        except subprocess.TimeoutExpired:
            raise EmbeddedServerFailed(f"{command[0]} took longer than {timeout_s} s") from None


def current_user() -> OsUser:
    """Return the user of this process. Raises EmbeddedServerFailed if it has no name."""
    try:
        return _from(pwd.getpwuid(os.geteuid()))
    except KeyError:
        raise EmbeddedServerFailed(
            f"user id {os.geteuid()} has no name on this system, and PostgreSQL needs one"
        ) from None


def server_user() -> OsUser:
    """Return the user that the server runs as: ours, or for root the service user, made if missing.

    PostgreSQL refuses to run as root. Raises EmbeddedServerFailed when the user cannot be made.
    """
    if os.geteuid() != 0:
        return current_user()
    try:
        return _from(pwd.getpwnam(SERVICE_USER))
    except KeyError:
        _make_service_user()
        return _from(pwd.getpwnam(SERVICE_USER))


def _make_service_user() -> None:
    useradd = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if useradd is None:
        raise EmbeddedServerFailed(
            f"there is no useradd here: make a system user {SERVICE_USER}, or do not run as root"
        )
    command = [useradd, "--system", "--user-group", "--no-create-home"]
    command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SERVICE_USER]
    made = current_user().run(command, timeout_s=60)
    already_made = 9  # useradd(8), exit values: another process was faster
    if made.returncode not in {0, already_made}:
        raise EmbeddedServerFailed(f"useradd {SERVICE_USER} failed: {made.stdout.strip()}")


def _from(entry: pwd.struct_passwd) -> OsUser:
    return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
