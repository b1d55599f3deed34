"""The embedded PostgreSQL server: started by whoever needs it first, stopped by the last one."""

import re
import time
from contextlib import AbstractContextManager
from enum import Enum
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Self

from engine.database import locks
from engine.database.cluster import Cluster, make_area
from engine.database.errors import EmbeddedServerFailed
from engine.database.os_user import server_user
from engine.database.program import readable_program
from engine.database.target import Role, Target

_DATABASE = "campus"
_POLL_S = 0.05
_PROBE_TIMEOUT_S = 5


class _Answer(Enum):
    """What pg_isready says: its exit values."""

    ACCEPTS = 0
    NOT_YET = 1
    NOBODY = 2
    NOT_ASKED = 3


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
        self._area = data_dir.absolute()
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

        Makes the cluster the first time. Raises EmbeddedServerFailed, and TimeoutError when another
        process keeps starting or stopping it for too long.
        """
        if self._membership is not None:
            raise RuntimeError("this server is in use already")
        user = server_user()
        make_area(self._area, user)
        with self._alone():
            program = readable_program(user, self._area)
            self._cluster = Cluster(area=self._area, user=user, program=program)
            self._cluster.make_if_missing()
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
        finally:
            membership.end()

    def ensure_running(self) -> None:
        """Start the server again if it died, and wait for its recovery."""
        if self._membership is None:
            raise RuntimeError("this server is not in use")
        with self._alone():
            self._run()

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster as it wrote it down, None after an orderly stop."""
        try:
            return int(self._pid_file.read_text(encoding="ascii").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

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
    def _pid_file(self) -> Path:
        return self._area / "data" / "postmaster.pid"

    def _alone(self) -> AbstractContextManager[None]:
        timeout_s = self._start_timeout_s + self._stop_timeout_s
        return locks.exclusive(self._area / "start.lock", timeout_s=timeout_s)

    def _run(self) -> None:
        """Start the server unless it answers; after a crash, as soon as its last backends are gone.

        PostgreSQL itself refuses to start beside them: they hold the shared memory.
        """
        deadline = time.monotonic() + self._start_timeout_s
        refusal = "it is still starting or stopping"
        while (answer := self._ask()) is not _Answer.ACCEPTS:
            left_s = deadline - time.monotonic()
            if left_s < 0:
                raise EmbeddedServerFailed(f"no connection in {self._start_timeout_s} s: {refusal}")
            if answer is _Answer.NOBODY:
                crashed = self._has_crashed()
                self._forget_the_dead()
                refusal = self._launch(left_s)
                if refusal and not crashed:
                    raise EmbeddedServerFailed(refusal)
            time.sleep(_POLL_S if refusal else 0)

    def _launch(self, timeout_s: float) -> str:
        """Start the server and wait. Return why it did not start, or nothing."""
        cluster = self._started
        cluster.write_settings(shared_buffers_mib=self._shared_buffers_mib)
        output = cluster.log / "startup.log"
        options = f"-c config_file={quote(str(cluster.settings))}"
        try:
            self._pg_ctl("start", "-l", str(output), "-o", options, timeout_s=timeout_s)
        except EmbeddedServerFailed as refusal:
            said = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
            return f"{refusal}; {said[-1000:]} (more in {cluster.log})"
        return ""

    def _ask(self) -> _Answer:
        cluster = self._started
        command = [cluster.program / "bin/pg_isready", "-q", "-h", str(cluster.socket_folder)]
        command += ["-p", "5432", "-d", "postgres", "-U", Role.SUPERUSER, "-t", "3"]
        return _Answer(cluster.user.run(command, timeout_s=_PROBE_TIMEOUT_S).returncode)

    def _has_crashed(self) -> bool:
        cluster = self._started
        command = [cluster.program / "bin/pg_controldata", "-D", cluster.data]
        state = cluster.user.run(command, timeout_s=_PROBE_TIMEOUT_S).stdout
        return re.search(r"^Database cluster state: +shut down$", state, re.MULTILINE) is None

    def _forget_the_dead(self) -> None:
        """Remove the lock files of a postmaster that is none.

        Its number may now belong to another program, or to a zombie that nobody buries (a container
        without an init), and PostgreSQL would wait for its end.
        """
        pid = self.pid
        if pid is None or not Path("/proc/self/cmdline").exists():
            return
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            command = b""
        if bytes(self._started.data) not in command:
            self._started.socket_lock.unlink(missing_ok=True)
            self._pid_file.unlink(missing_ok=True)

    def _pg_ctl(self, *arguments: str, timeout_s: float) -> None:
        cluster = self._started
        command = [cluster.program / "bin/pg_ctl", "-D", cluster.data, "-w", "-s"]
        command += ["-t", str(max(1, int(timeout_s))), *arguments]
        done = cluster.user.run(command, timeout_s=timeout_s + _PROBE_TIMEOUT_S)
        if done.returncode != 0:
            raise EmbeddedServerFailed(f"pg_ctl {arguments[0]}: {done.stdout.strip()[-1000:]}")
