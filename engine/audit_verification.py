"""Verifying the audit trail: which event was altered, dropped or inserted, if any."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.audit_trail import AuditHead, ChainedEvent, find_head, walk_events
from ledger.book import LedgerConnection

_GENESIS: Final = bytes(32)
_PROGRESS_EVERY: Final = 1000


class Fault(StrEnum):
    """What is wrong with the trail."""

    ALTERED = "altered"
    DROPPED = "dropped"
    INSERTED = "inserted"
    """An event stands where the chain has none: it was made up, or comes from another place."""
    REWRITTEN = "rewritten"
    """The chain is whole but not the one whose head was kept: an event up to it was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verification found: the head it reached, and the first fault, if any."""

    head: AuditHead
    fault: Fault | None = None
    seq: int | None = None
    """The event at fault."""

    @property
    def is_clean(self) -> bool:
        """Tell whether the whole trail is as it was written."""
        return self.fault is None


async def verify_trail(
    connection: LedgerConnection,
    *,
    kept: Sequence[AuditHead] = (),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Verdict:
    """Walk the whole trail and return the first fault, or none.

    `kept` are heads that were exported before. `progress` is told how many events of how many were
    read. Reads one snapshot, so events may be added meanwhile; the connection must not be in a
    transaction.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        head = await find_head(connection)
        return await _walk(walk_events(connection), head, kept, progress)


async def _walk(
    events: AsyncIterator[ChainedEvent],
    head: AuditHead,
    kept: Sequence[AuditHead],
    progress: Callable[[int, int], None],
) -> Verdict:
    kept_hashes: dict[int, set[bytes]] = defaultdict(set)
    for known in kept:
        kept_hashes[known.seq].add(known.hash)
    sound: ChainedEvent | None = None
    current = await anext(events, None)
    while current is not None:
        following = await anext(events, None)
        fault = _judge(sound, current, following)
        if fault is None and current.seq > head.seq:
            fault = Fault.INSERTED, current.seq
        if fault is None and not kept_hashes[current.seq] <= {current.hash}:
            fault = Fault.REWRITTEN, current.seq
        if fault is not None:
            return Verdict(head=_head_at(sound), fault=fault[0], seq=fault[1])
        if current.seq % _PROGRESS_EVERY == 0 or following is None:
            progress(current.seq, head.seq)
        sound, current = current, following
    return _judge_end(_head_at(sound), [head, *kept])


def _judge(
    sound: ChainedEvent | None, current: ChainedEvent, following: ChainedEvent | None
) -> tuple[Fault, int] | None:
    """Compare an event with the sound one before it and, when it is at fault, with the next."""
    reached = _head_at(sound)
    if current.seq != reached.seq + 1:
        return Fault.DROPPED, reached.seq + 1
    is_linked = current.prev_hash == reached.hash
    if is_linked and current.is_sound:
        return None
    if sound is not None and current.prev_hash == sound.prev_hash:
        return Fault.INSERTED, sound.seq  # both claim the same predecessor, and one was renumbered
    if sound is not None and current.is_sound:
        return Fault.ALTERED, sound.seq  # this event remembers another hash of the one before
    if following is not None and following.prev_hash == reached.hash:
        return Fault.INSERTED, current.seq  # the chain passes it by
    return Fault.ALTERED, current.seq


def _judge_end(reached: AuditHead, heads: Sequence[AuditHead]) -> Verdict:
    for head in heads:
        if head.seq > reached.seq:
            return Verdict(head=reached, fault=Fault.DROPPED, seq=reached.seq + 1)
        if head.seq == reached.seq and head.hash != reached.hash:
            return Verdict(head=reached, fault=Fault.ALTERED, seq=reached.seq)
    return Verdict(head=reached)


def _head_at(event: ChainedEvent | None) -> AuditHead:
    return (
        AuditHead(seq=0, hash=_GENESIS)
        if event is None
        else AuditHead(seq=event.seq, hash=event.hash)
    )
