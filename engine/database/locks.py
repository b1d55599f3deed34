"""File locks between the processes that share one embedded server.

The kernel drops a lock with the process that held it, however that process ended.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.02


@contextmanager
def exclusive(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock alone while inside. Raises TimeoutError when others keep it too long."""
    descriptor = _open(path)
    try:
        deadline = time.monotonic() + timeout_s
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} is held by another process")
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


class Membership:
    """A place among the users of something: shared by all of them, known to be the last one."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)
        if not _try(self._descriptor, fcntl.LOCK_SH):
            os.close(self._descriptor)
            raise RuntimeError(f"{path} is locked without the lock that goes before it")

    def is_last(self) -> bool:
        """Tell whether no other user is left. Only exact while nobody can join."""
        return _try(self._descriptor, fcntl.LOCK_EX)

    def end(self) -> None:
        """Give the place up."""
        os.close(self._descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
