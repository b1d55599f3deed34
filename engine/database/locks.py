"""File locks between the processes that share one embedded server.

The kernel drops a lock with the last process that holds it, however that process ended.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.database.errors import EmbeddedServerFailed

_POLL_S = 0.02


@contextmanager
def exclusive(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold a lock alone while inside. Raises EmbeddedServerFailed when others keep it too long."""
    deadline = time.monotonic() + timeout_s
    descriptor = _open(path)
    try:
        while not _take(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedServerFailed(f"{path} is held by another process")
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def inheritable(path: Path) -> Iterator[int | None]:
    """Take a lock that started processes can inherit; give its descriptor, None if it is held.

    It stays held until each process that inherited the descriptor has ended.
    """
    descriptor = _open(path)
    try:
        yield descriptor if _take(descriptor, fcntl.LOCK_EX) else None
    finally:
        os.close(descriptor)


class Membership:
    """A place among the users of something, which tells whether it is the last one."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)
        if not _take(self._descriptor, fcntl.LOCK_SH):
            os.close(self._descriptor)
            raise RuntimeError(f"{path} is only locked under the lock that goes before it")

    def is_last(self) -> bool:
        """Tell whether no other user is left. Exact while nobody can join."""
        return _take(self._descriptor, fcntl.LOCK_EX)

    def end(self) -> None:
        """Give the place up."""
        os.close(self._descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
