"""Growing pauses after wrong tries at a secret, agreed on by all processes through the database.

A try is reserved before the secret is looked at, and counts as a failure until it has succeeded:
so any number of guesses at once get no more looks than the same guesses one after another.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger.book import LedgerConnection
from ledger.queries import load

_SQL = load("engine.sql", "tries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """After failure n one waits `after[n - 1]`, after all later ones the last of them.

    A count that no try was added to for `forget_after` is forgotten.
    """

    after: tuple[timedelta, ...]
    forget_after: timedelta

    def __post_init__(self) -> None:
        if self.forget_after < max(self.after):
            raise ValueError("a pause must end before its reason is forgotten")

    @property
    def free(self) -> int:
        """How many failures in a row are followed by no pause."""
        return sum(not pause for pause in self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """What reserving brought: the count with this try, or None when a pause refused it."""

    failures: int | None
    paused_until: datetime | None

    def pause_s(self, at: datetime) -> int:
        """Return the whole seconds from `at` to the end of the pause, 0 without one."""
        if self.paused_until is None:
            return 0
        return max(1, math.ceil((self.paused_until - at).total_seconds()))


def pauses(*after_s: int, forget_after: timedelta) -> Pauses:
    """Return pauses given in seconds."""
    return Pauses(
        after=tuple(timedelta(seconds=seconds) for seconds in after_s), forget_after=forget_after
    )


def try_key(*parts: str) -> bytes:
    """Return the key of a thing that is tried: a hash, so that nothing typed is kept."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode(errors="surrogatepass")
        digest.update(len(encoded).to_bytes(4) + encoded)
    return digest.digest()


async def reserve(connection: LedgerConnection, key: bytes, *, pauses: Pauses, at: datetime) -> Try:
    """Count a try at `key`, or learn how long to wait. Commit it before looking at the secret."""
    row = await connection.fetchrow(
        _SQL.get("reserve_try"), key, at, pauses.after, pauses.forget_after
    )
    if row is None:  # a pause was there and its row is gone: somebody succeeded meanwhile
        return Try(failures=None, paused_until=at)
    return Try(failures=row["failures"], paused_until=row["paused_until"])


async def clear(connection: LedgerConnection, keys: Sequence[bytes]) -> None:
    """Forget the failures under these keys: a try succeeded."""
    await connection.execute(_SQL.get("clear_tries"), keys)


async def forget_tries(connection: LedgerConnection, *, at: datetime) -> None:
    """Delete all that is to be forgotten by now, which bounds the table."""
    await connection.execute(_SQL.get("forget_tries"), at)
