"""The sealer: links committed batches into the hash chain, and signs its head.

Posting never waits for it: a batch carries its own Merkle root from the start, and has its place
in the chain a second later. Any number of sealers may run; a row lock makes them take turns.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from asyncpg import InterfaceError, Pool, PostgresError, Record, UniqueViolationError

from ledger.book import LedgerConnection
from ledger.proof.chain import START, Chain, Link, batch_digest, skips
from ledger.proof.errors import HistoryRewritten
from ledger.proof.head_file import append_head, last_head
from ledger.proof.heads import SignedHead, Signer
from ledger.queries import load
from ledger.time import Clock
from ledger.writer import LOST

_SQL = load("ledger.sql", "sealer")
_BATCHES_AT_A_TIME: Final = 1_000
"""Batches linked in one transaction: a few milliseconds of hashing."""
# asyncpg raises InterfaceError for a connection that the pool has taken back because it was lost.
_TRIED_AGAIN: Final = (*LOST, PostgresError, InterfaceError)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealerSettings:
    """The pace of a sealer."""

    seal_every_s: float = 1.0
    sign_every_s: float = 60.0
    """The time between heads, as long as there is something new to sign."""
    timeout_s: float = 10.0
    """The time that one database transaction may take."""


class Sealer:
    """Seals batches and signs heads for one campus."""

    def __init__(
        self,
        pool: "Pool[Record]",
        signer: Signer,
        *,
        clock: Clock,
        head_file: Path | None = None,
        settings: SealerSettings | None = None,
    ) -> None:
        self._pool = pool
        self._signer = signer
        self._clock = clock
        self._head_file = head_file
        self._settings = settings or SealerSettings()
        self._last: SignedHead | None = None

    async def run_once(self) -> int:
        """Seal every committed batch that is not sealed yet; return how many there were.

        Raises HistoryRewritten when the database is not as the last sealer left it, and what the
        driver raises when it is out of reach; what was not sealed then is sealed by the next call.
        """
        sealed = 0
        while some := await self._seal_some():
            sealed += some
        return sealed

    async def sign_head(self) -> SignedHead:
        """Sign the end of the chain, put the head into the file, then into the database.

        Raises HistoryRewritten rather than sign what contradicts the head before, which is the
        last of this sealer or else of the file.
        """
        before = await self._last_signed()
        async with asyncio.timeout(self._settings.timeout_s), self._pool.acquire() as connection:
            link, transfers_total = await _find_end(connection)
            await _check_extends(connection, before, link)
        signed = self._signer.sign(link, transfers_total=transfers_total, at=self._clock())
        await self._publish(signed)
        self._last = signed
        return signed

    async def run(self, stopping: asyncio.Event) -> None:
        """Seal about once a second and sign about once a minute; a last time when told to stop.

        Whatever goes wrong with the database or the file is tried again; only HistoryRewritten
        ends the sealer, because nothing it could sign then would be true.
        """
        loop = asyncio.get_running_loop()
        sign_at = loop.time()
        while True:
            is_last = stopping.is_set()
            try:
                await self.run_once()
                if (is_last or loop.time() >= sign_at) and await self._has_news():
                    await self.sign_head()
                    sign_at = loop.time() + self._settings.sign_every_s
            except _TRIED_AGAIN as error:
                _log.warning("sealing put off", error=type(error).__name__)
            if is_last:
                return
            await _pause(stopping, self._settings.seal_every_s)

    async def _seal_some(self) -> int:
        async with asyncio.timeout(self._settings.timeout_s), self._pool.acquire() as connection:
            # An idle ledger is not locked every second: that would write to disk.
            if not await connection.fetchval(_SQL.get("has_unsealed")):
                return 0
            async with connection.transaction():
                return await _seal(connection)

    async def _has_news(self) -> bool:
        before = await self._last_signed()
        async with asyncio.timeout(self._settings.timeout_s):
            position = await self._pool.fetchval(_SQL.get("find_position"))
        return bool(position != (0 if before is None else before.head.position))

    async def _last_signed(self) -> SignedHead | None:
        if self._last is None and self._head_file is not None:
            self._last = await asyncio.to_thread(last_head, self._head_file)
        return self._last

    async def _publish(self, signed: SignedHead) -> None:
        if self._head_file is not None:
            # In a thread, so that a slow disk does not hold up the posting.
            await asyncio.to_thread(append_head, self._head_file, signed)
        head = signed.head
        async with asyncio.timeout(self._settings.timeout_s):
            await self._pool.execute(
                _SQL.get("add_head"),
                head.position,
                head.signed_at,
                signed.key_id,
                head.campus,
                head.chain_hash,
                head.transfers_total,
                signed.signature,
            )


async def _seal(connection: LedgerConnection) -> int:
    """Link the next batches within the caller's transaction."""
    end = await connection.fetchrow(_SQL.get("lock_end"))
    assert end is not None, "the migration made the row"
    batches = await connection.fetch(_SQL.get("find_unsealed"), _BATCHES_AT_A_TIME)
    if not batches:
        return 0  # another sealer was faster
    chain = Chain(await _find_links(connection, end["position"]))
    links = [chain.append(batch_digest(*batch)) for batch in batches]
    try:
        status = await connection.execute(
            _SQL.get("seal"),
            [batch["number"] for batch in batches],
            [link.position for link in links],
            [link.hash for link in links],
        )
    except UniqueViolationError as error:
        raise HistoryRewritten("a batch has a place that no sealer gave it") from error
    if status != f"UPDATE {len(batches)}":
        raise HistoryRewritten("batches have changed places while they were sealed")
    sealed = sum(batch["transfers"] for batch in batches)
    await connection.execute(
        _SQL.get("move_end"), chain.end.position, end["transfers_total"] + sealed
    )
    return len(batches)


async def _find_links(connection: LedgerConnection, position: int) -> list[Link]:
    """Return the links from which those after a position are made."""
    wanted = skips(position)
    rows = await connection.fetch(_SQL.get("find_links"), wanted)
    links = [Link(0, START), *(Link(row["position"], row["chain_hash"]) for row in rows)]
    if [link.position for link in links] != wanted:
        raise HistoryRewritten(f"the chain has lost links on the way to position {position}")
    return links


async def _find_end(connection: LedgerConnection) -> tuple[Link, int]:
    end = await connection.fetchrow(_SQL.get("find_end"))
    assert end is not None, "the migration made the row"
    chain_hash = end["chain_hash"] if end["position"] else START
    if chain_hash is None:
        raise HistoryRewritten(f"the chain has lost its link at position {end['position']}")
    return Link(end["position"], chain_hash), end["transfers_total"]


async def _check_extends(
    connection: LedgerConnection, before: SignedHead | None, end: Link
) -> None:
    if before is None or not before.head.position:
        return
    position = before.head.position
    rows = await connection.fetch(_SQL.get("find_links"), [position])
    if position > end.position or [row["chain_hash"] for row in rows] != [before.head.chain_hash]:
        raise HistoryRewritten(f"the chain is not the one whose head at {position} was signed")


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
