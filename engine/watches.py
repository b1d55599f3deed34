"""What the engine keeps an eye on, and how it stood at the last look.

Each watch has a `run_once` that is a job; health checks, metrics and the live page read the rest,
so that however often they are asked, the database is looked at no more often.
"""

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import asyncpg
import structlog

from engine.database.embedded import EmbeddedServer
from ledger.audit import audit, quick_checks
from ledger.queries import load
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "watches")
_NO_ANSWER: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke between preparing and executing
    OSError,
)

log = structlog.get_logger()


class DatabaseWatch:
    """Knows whether the database is there, and starts an embedded server again that died."""

    def __init__(self, pool: "Pool[Record]", embedded: EmbeddedServer | None) -> None:
        self._pool = pool
        self._embedded = embedded
        self._seen_at: float | None = None

    @property
    def silent_s(self) -> float:
        """The seconds since the database last answered; infinite before the first time."""
        return float("inf") if self._seen_at is None else time.monotonic() - self._seen_at

    async def run_once(self) -> int:
        """Ask the database for an answer; return how often the embedded server was revived."""
        try:
            await self._pool.fetchval(_SQL.get("probe"))
        except _NO_ANSWER:
            if self._embedded is None:
                raise
            # Blocks for the length of a recovery: minutes, after a crash under load.
            await asyncio.to_thread(self._embedded.ensure_running)
            self._seen_at = time.monotonic()
            log.warning("database was revived")
            return 1
        self._seen_at = time.monotonic()
        return 0


class Books(NamedTuple):
    """What the last audit found."""

    findings: int
    checked_at: datetime


class BooksWatch:
    """Knows whether the books are in balance, by checks whose cost does not grow with history."""

    def __init__(self, pool: "Pool[Record]", clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self.books: Books | None = None
        """None before the first look."""

    async def run_once(self) -> int:
        """Audit the books; return the number of findings, each of which was logged."""
        at = self._clock()
        async with self._pool.acquire() as connection:
            findings = await audit(connection, quick_checks())
        for finding in findings:
            log.error("books are wrong", check=finding.check, detail=finding.detail)
        self.books = Books(len(findings), at)
        return len(findings)


class Proof(NamedTuple):
    """How far the ledger is proven, in batches; and since when it is not."""

    sealed: int
    transfers: int
    unsealed: int
    unsealed_since: datetime | None
    head_position: int | None
    signed_at: datetime | None


class ProofWatch:
    """Knows how far sealing and signing are behind."""

    def __init__(self, pool: "Pool[Record]", clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self.proof: Proof | None = None
        """None before the first look."""

    @property
    def lag_s(self) -> float:
        """The age of the oldest batch that is not in the chain; 0 when all are."""
        since = self.proof.unsealed_since if self.proof else None
        return (self._clock() - since).total_seconds() if since else 0.0

    @property
    def head_age_s(self) -> float:
        """The age of the newest signed head; not a number before the first."""
        signed_at = self.proof.signed_at if self.proof else None
        return (self._clock() - signed_at).total_seconds() if signed_at else float("nan")

    async def run_once(self) -> int:
        """Look; return how many batches wait to be sealed."""
        row = await self._pool.fetchrow(_SQL.get("proof"))
        assert row is not None, "the migration made the row"
        self.proof = Proof(*row)
        return self.proof.unsealed
