"""The embedded PostgreSQL server: started by whoever needs it first, stopped by the last one."""

import time
from contextlib import AbstractContextManager
from enum import IntEnum
from math import ceil
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Self

from engine.database import locks
from engine.database.cluster import Cluster, make_area
from engine.database.configuration import write_settings
from engine.database.errors import EmbeddedServerFailed
from engine.database.os_user import server_user
from engine.database.program import readable_program, wheel_program
from engine.database.target import Role, Target

_DATABASE = "campus"
_POLL_S = 0.05
_PROBE_TIMEOUT_S = 30


class _Answer(IntEnum):
    """What pg_isready says: its exit values."""

    ACCEPTS = 0
    NOT_YET = 1
    NOBODY = 2


class EmbeddedServer:
    """A PostgreSQL server of our own in a folder, reached by its socket alone.

    Several processes may use one folder at once. The server is started by the first that finds
    none and stopped by the last that leaves. A process that was killed leaves it running for the
    next one; a server that was killed is recovered by the next start. Calls block; use one object
    from one thread.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        shared_buffers_mib: int | None = None,
        start_timeout_s: float = 300,
        stop_timeout_s: float = 120,
    ) -> None:
        self._area = data_dir.resolve()
        self._shared_buffers_mib = shared_buffers_mib
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._cluster: Cluster | None = None
        self._membership: locks.Membership | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Use the server until `stop`; return when it accepts connections.

        Makes the cluster the first time. Raises EmbeddedServerFailed.
        """
        if self._membership is not None:
            raise RuntimeError("this server is in use already")
        user = server_user()
        make_area(self._area, user)
        with self._alone():
            program = readable_program(wheel_program(), user, self._area)
            self._cluster = Cluster(area=self._area, user=user, program=program)
            self._run()
            self._membership = locks.Membership(self._area / "users.lock")

    def stop(self) -> None:
        """Give up the use; the last user stops the server and waits for its shutdown."""
        if self._membership is None:
            return
        membership, self._membership = self._membership, None
        try:
            with self._alone():
                if membership.is_last() and self._ask() is not _Answer.NOBODY:
                    self._pg_ctl("stop", "--mode=fast", timeout_s=self._stop_timeout_s)
                    with locks.exclusive(self._server_lock, timeout_s=self._stop_timeout_s):
                        pass  # the last of its processes has ended
        finally:
            membership.end()

    def ensure_running(self) -> None:
        """Start the server again if it died, and wait for its recovery.

        Raises EmbeddedServerFailed.
        """
        if self._membership is None:
            raise RuntimeError("this server is not in use")
        with self._alone():
            self._run()

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster as it wrote it down, None after an orderly stop."""
        return self._started.postmaster_pid()

    @property
    def program(self) -> Path:
        """The folder with `bin` of the server's own tools: psql, pg_dump, pgbench."""
        return self._started.program

    def target(self, role: Role = Role.APP, database: str = _DATABASE) -> Target:
        """Return the address of a database for a role."""
        return Target.by_socket(self._started.socket_folder, role, database)

    @property
    def _started(self) -> Cluster:
        if self._cluster is None:
            raise RuntimeError("this server was not started")
        return self._cluster

    @property
    def _server_lock(self) -> Path:
        return self._area / "server.lock"

    def _alone(self) -> AbstractContextManager[None]:
        timeout_s = self._start_timeout_s + self._stop_timeout_s
        return locks.exclusive(self._area / "start.lock", timeout_s=timeout_s)

    def _run(self) -> None:
        """Return when the server accepts connections; start it when no process of one is left."""
        deadline = time.monotonic() + self._start_timeout_s
        while (answer := self._ask()) is not _Answer.ACCEPTS:
            left_s = deadline - time.monotonic()
            if left_s < 0:
                raise EmbeddedServerFailed(
                    f"PostgreSQL in {self._area} lives, but took no connection for "
                    f"{self._start_timeout_s} s; see {self._started.log}"
                )
            with locks.inheritable(self._server_lock) as lock:
                if answer is _Answer.NOBODY and lock is not None:
                    self._launch(lock, timeout_s=left_s)
            time.sleep(_POLL_S)

    def _launch(self, lock: int, *, timeout_s: float) -> None:
        """Start the server, made if missing, with a lock that all its processes hold.

        So the processes of a server that was killed are known to be gone before the next one
        starts: also in a container where nobody buries them, or when their numbers were given
        to other programs, which PostgreSQL would take for itself.
        """
        cluster = self._started
        cluster.make_if_missing(lock)
        write_settings(cluster, shared_buffers_mib=self._shared_buffers_mib)
        cluster.forget_dead_postmaster()
        output = cluster.log / "startup.log"
        output.unlink(missing_ok=True)
        settings = f"-c config_file={quote(str(cluster.settings))}"
        try:
            self._pg_ctl(
                "start", "-l", output, "-o", settings, timeout_s=timeout_s, pass_fds=(lock,)
            )
        except EmbeddedServerFailed as error:
            said = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
            raise EmbeddedServerFailed(f"{error} {said[-1000:]} (more in {cluster.log})") from None

    def _ask(self) -> _Answer:
        cluster = self._started
        command: list[str | Path] = [
            cluster.program / "bin/pg_isready",
            "-h",
            cluster.socket_folder,
            "-p",
            "5432",
        ]
        command += ["-d", "postgres", "-U", Role.SUPERUSER.value]
        done = cluster.user.run(command, timeout_s=_PROBE_TIMEOUT_S)
        if done.returncode not in set(_Answer):
            raise EmbeddedServerFailed(f"pg_isready: {done.stdout.strip()}")
        return _Answer(done.returncode)

    def _pg_ctl(
        self, action: str, *options: str | Path, timeout_s: float, pass_fds: tuple[int, ...] = ()
    ) -> None:
        cluster = self._started
        command: list[str | Path] = [
            cluster.program / "bin/pg_ctl",
            action,
            "-D",
            cluster.data,
            "-w",
            "-s",
        ]
        command += ["-t", str(ceil(timeout_s)), *options]
        limit_s = timeout_s + _PROBE_TIMEOUT_S
        done = cluster.user.run(command, timeout_s=limit_s, pass_fds=pass_fds)
        if done.returncode != 0:
            raise EmbeddedServerFailed(f"pg_ctl {action}: {done.stdout.strip()[-1000:]}")
