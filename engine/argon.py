"""Hashing secrets with Argon2id, in a bounded pool of worker threads.

Argon2 is slow and large on purpose, and argon2-cffi computes it with the interpreter lock released:
so it runs in threads, as many as there shall be hashes at once. The memory taken is at most
workers x memory_kib. Past a bounded queue callers are refused at the door (docs/adr/0004).
"""

import asyncio
import base64
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type

from engine.errors import TooBusy

_HASH_BYTES: Final = 32  # RFC 9106, 3.1: 256 bits for most applications
_SALT_BYTES: Final = 16  # RFC 9106, 3.1: 16 bytes are recommended for password hashing


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgonParameters:
    """The cost of one Argon2id hash: memory, passes over it, and lanes computed in parallel."""

    memory_kib: int
    passes: int
    lanes: int


OWASP: Final = ArgonParameters(memory_kib=19_456, passes=2, lanes=1)
"""OWASP Password Storage Cheat Sheet, section Argon2id: m=19456 (19 MiB), t=2, p=1."""

DEMO: Final = ArgonParameters(memory_kib=64, passes=1, lanes=1)
"""Thousands of hashes a second, for made-up people only: it protects nobody."""


class Hasher:
    """Hashes and verifies in worker threads; reached through the door of an `ArgonPool`."""

    def __init__(self, parameters: ArgonParameters, threads: ThreadPoolExecutor) -> None:
        self._argon2 = PasswordHasher(
            time_cost=parameters.passes,
            memory_cost=parameters.memory_kib,
            parallelism=parameters.lanes,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        self._nobody = _hash_of_nothing(parameters)
        self._threads = threads
        self.computed = 0
        """Hashes computed so far."""

    async def hash(self, secret: bytes) -> str:
        """Return the hash of a secret with a salt of its own, in the PHC string format."""
        self.computed += 1
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._argon2.hash, secret)

    async def verify(self, encoded: str | None, secret: bytes) -> bool:
        """Tell whether a hash is that of the secret.

        Without a hash (an unknown user) the same work is done for nothing. Raises argon2's
        InvalidHashError for what is no hash at all.
        """
        self.computed += 1
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(
                self._threads, self._argon2.verify, encoded or self._nobody, secret
            )
        except VerifyMismatchError:
            return False
        return True

    def is_outdated(self, encoded: str) -> bool:
        """Tell whether a hash was made with other parameters than new ones are."""
        return self._argon2.check_needs_rehash(encoded)


class ArgonPool:
    """A bounded number of workers behind a bounded queue: `turns_max` callers in all."""

    def __init__(self, parameters: ArgonParameters, *, workers: int, turns_max: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._hasher = Hasher(parameters, self._threads)
        self._turns_free = turns_max

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the workers: waits for the hashes being computed, drops those that wait."""
        self._threads.shutdown(cancel_futures=True)

    @property
    def computed(self) -> int:
        """Hashes computed so far, for metrics."""
        return self._hasher.computed

    @contextmanager
    def turn(self) -> Iterator[Hasher]:
        """Take a place in the queue for as long as the block lasts. Raises TooBusy at once.

        It is taken before a try is counted, so that a full queue costs nobody a try.
        """
        if not self._turns_free:
            raise TooBusy("too many passwords and PINs to check at this moment")
        self._turns_free -= 1
        try:
            yield self._hasher
        finally:
            self._turns_free += 1


def _hash_of_nothing(parameters: ArgonParameters) -> str:
    """Return a hash that no secret is known to have, as costly to verify as a real one."""
    costs = f"m={parameters.memory_kib},t={parameters.passes},p={parameters.lanes}"
    salt, tag = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_SALT_BYTES, _HASH_BYTES)
    )
    return f"$argon2id$v=19${costs}${salt}${tag}"
