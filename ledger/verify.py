"""Verification: the whole ledger replayed from its rows, and compared with batches, chain, heads.

One snapshot is read, so posting and sealing may go on meanwhile. On two cores this takes about
four seconds for a million transfers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final
from uuid import UUID

from ledger.book import LedgerConnection
from ledger.evidence import copy_rows, head_of
from ledger.proof.diagnosis import RecordedBatch, differences, is_intact, orphans
from ledger.proof.errors import BadHead
from ledger.proof.findings import Finding, FindingKind, Report, in_order
from ledger.proof.heads import Head, SignedHead, Trust
from ledger.proof.replay import ChainReplay, SealedBatch
from ledger.proof.transfer_row import seq_of
from ledger.queries import load
from ledger.rows import BATCH_BITS

_SQL = load("ledger.sql", "verify")
_SEQ_MIN: Final = -(2**63)
_SEQ_MAX: Final = 2**63 - 1
_PREFETCH: Final = 1_000
_FINDINGS_MAX: Final = 1_000

Progress = Callable[[int, int], None]
"""Is told how many transfers of how many were compared."""


async def verify(
    connection: LedgerConnection,
    heads: Iterable[SignedHead],
    *,
    trust: Trust,
    progress: Progress = lambda _done, _total: None,
    window_transfers: int = 64_000,
) -> Report:
    """Replay everything and report what differs from what was posted, sealed and signed.

    `heads` are those kept outside the database, read before this is called; those in the database
    are compared as well. `window_transfers` are read at a time, or one batch if it has more;
    64,000 take about 50 MB. After a thousand findings the rest is not compared. The connection
    must not be of a replica that lags behind.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_SQL.get("make_room"))
        trusted, findings = await _sift(connection, heads, trust)
        chain = await _replay_chain(connection, trusted)
        transfers = _TransferReplay(connection, progress, window_transfers)
        await transfers.run()
        findings += chain.findings + transfers.findings
        lost = await _find_lost(connection, findings)
        return Report(
            transfers=transfers.done,
            batches_sealed=chain.position,
            batches_unsealed=await connection.fetchval(_SQL.get("count_unsealed")),
            proven_position=chain.proven_position,
            heads=len(trusted),
            lost_ids=lost,
            findings=in_order(_with_lost_id(findings, lost)),
        )


async def _sift(
    connection: LedgerConnection, heads: Iterable[SignedHead], trust: Trust
) -> tuple[set[Head], list[Finding]]:
    """Return the heads that a trusted key signed, kept and stored ones, and complain of others."""
    candidates = set(heads)
    trusted: set[Head] = set()
    faults: list[BadHead] = []
    for row in await connection.fetch(_SQL.get("heads")):
        try:
            candidates.add(head_of(row))
        except BadHead as fault:
            faults.append(fault)
    for signed in candidates:
        try:
            trusted.add(trust.check(signed))
        except BadHead as fault:
            faults.append(fault)
    return trusted, [Finding(kind=FindingKind.HEAD_UNSIGNED, text=str(each)) for each in faults]


async def _replay_chain(connection: LedgerConnection, heads: Iterable[Head]) -> ChainReplay:
    replay = ChainReplay(heads)
    async for row in connection.cursor(_SQL.get("sealed_batches"), prefetch=_PREFETCH):
        if not replay.add(SealedBatch(*row)):
            return replay
    replay.finish(await connection.fetchval(_SQL.get("find_position")))
    return replay


class _TransferReplay:
    """Compares all transfers with their batches, a window of seqs after the other.

    Together the windows cover every seq there can be, so that no row is passed by.
    """

    def __init__(
        self, connection: LedgerConnection, progress: Progress, window_transfers: int
    ) -> None:
        self.findings: list[Finding] = []
        self.done = 0
        self._connection = connection
        self._progress = progress
        self._window_transfers = window_transfers
        self._total = 0

    async def run(self) -> None:
        self._total = await self._connection.fetchval(_SQL.get("count_recorded"))
        window: list[RecordedBatch] = []
        start, room = _SEQ_MIN, self._window_transfers
        async for row in self._connection.cursor(_SQL.get("batches"), prefetch=_PREFETCH):
            batch = RecordedBatch(*row)
            if room <= 0:
                following = min(batch.first_seq, _SEQ_MAX)
                await self._compare(window, start, following - 1)
                if len(self.findings) > _FINDINGS_MAX:
                    return
                window, start, room = [], following, self._window_transfers
            window.append(batch)
            room -= max(batch.transfers, 1)
        await self._compare(window, start, _SEQ_MAX)
        await self._count()

    async def _compare(self, window: list[RecordedBatch], first: int, last: int) -> None:
        rows = await copy_rows(self._connection, first, last)
        self.findings += _compare(window, rows)
        self.done += len(rows)
        self._progress(self.done, self._total)

    async def _count(self) -> None:
        await self._connection.execute(_SQL.get("distrust_indexes"))
        count = await self._connection.fetchval(_SQL.get("count_rows"))
        if count != self.done:
            text = f"the index on seq hides {count - self.done} of {count} transfers"
            self.findings.append(Finding(kind=FindingKind.INSERTED, text=text))


def _compare(batches: Sequence[RecordedBatch], rows: Sequence[bytes]) -> list[Finding]:
    if _are_intact(batches, rows):
        return []
    by_number = {number: list(own) for number, own in groupby(rows, _number_of)}
    findings: list[Finding] = []
    for batch in batches:
        own = by_number.pop(batch.number, [])
        if not is_intact(batch, own):
            findings += differences(batch, own)
    for strangers in by_number.values():
        findings += orphans(strangers)
    return findings


def _are_intact(batches: Sequence[RecordedBatch], rows: Sequence[bytes]) -> bool:
    start = 0
    for batch in batches:
        end = start + batch.transfers
        if not is_intact(batch, rows[start:end]):
            return False
        start = end
    return start == len(rows)


def _number_of(row: bytes) -> int:
    return seq_of(row) >> BATCH_BITS


async def _find_lost(connection: LedgerConnection, findings: Iterable[Finding]) -> tuple[UUID, ...]:
    kinds = {finding.kind for finding in findings}
    if not kinds & {FindingKind.DROPPED, FindingKind.ALTERED}:
        return ()
    return tuple(row["id"] for row in await connection.fetch(_SQL.get("find_lost")))


def _with_lost_id(findings: list[Finding], lost: tuple[UUID, ...]) -> list[Finding]:
    """Name a single dropped transfer by the single id that is missing."""
    dropped = [each for each in findings if each.kind is FindingKind.DROPPED]
    if len(dropped) != 1 or len(lost) != 1:
        return findings
    text = f"{dropped[0].text}; later transfers name it as {lost[0]}"
    named = replace(dropped[0], transfer_id=lost[0], text=text)
    return [named if each is dropped[0] else each for each in findings]
