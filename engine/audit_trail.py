"""The audit trail: what was done by whom, in a hash chain that shows whether it was tampered with.

An event's hash is SHA-256 over the previous event's hash and the canonical JSON (RFC 8785) of the
array [seq, at, actor kind, actor id, actor name, action, subject kind, subject id, details], with
`at` as RFC 3339 in UTC with six decimals. A stranger who has the rows can compute it again.

Whoever rewrites the rows and every hash after them leaves a consistent chain: that is found by a
head kept elsewhere. `find_head` hands it out, `verify_trail` takes it back.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from asyncpg import Record

from ledger.book import LedgerConnection
from ledger.queries import load

_SQL = load("engine.sql", "audit_trail")
_GENESIS: Final = bytes(32)
_PROGRESS_EVERY: Final = 1000


class ActorKind(StrEnum):
    """Who can act."""

    PERSON = "person"
    STAFF = "staff"
    SYSTEM = "system"
    """The program itself, or its operator at the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it, under the name of that time."""

    kind: ActorKind
    id: UUID | None
    name: str


class Action(StrEnum):
    """What was done. A word here is never renamed: old events keep theirs."""

    PEOPLE_IMPORTED = "people.imported"
    PERSON_ADDED = "person.added"
    PERSON_STATE_CHANGED = "person.state_changed"
    PERSONAL_DATA_READ = "person.read"
    STAFF_CREATED = "staff.created"
    STAFF_ROLES_CHANGED = "staff.roles_changed"
    STAFF_STATE_CHANGED = "staff.state_changed"
    STAFF_SIGNED_IN = "staff.signed_in"
    CODE_ISSUED = "code.issued"
    PASSWORD_SET = "password.set"  # noqa: S105  a word, not a secret
    PASSWORD_CHANGED = "password.changed"  # noqa: S105  a word, not a secret
    PIN_SET = "pin.set"
    PIN_CHANGED = "pin.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What it was done to: a kind of thing, such as `person`, and which one, unless all."""

    kind: str
    id: UUID | None = None


Details = Mapping[str, str | int | bool | None]
"""Facts of an event, none of them a secret. Integers stay below 2^53, as canonical JSON asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Something that was done."""

    at: datetime
    actor: Actor
    action: str
    """An `Action`, or a word of the same form from another module's list."""
    subject: Subject
    details: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedEvent:
    """An event as it stands in the trail."""

    seq: int
    event: AuditEvent
    prev_hash: bytes
    hash: bytes

    @property
    def is_sound(self) -> bool:
        """Tell whether the hash is that of the content and the previous hash."""
        return self.hash == _hash(self.prev_hash, self.seq, self.event)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The newest event: whoever keeps it can later prove that nothing up to it was changed."""

    seq: int
    hash: bytes


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


async def record(connection: LedgerConnection, event: AuditEvent) -> AuditHead:
    """Add an event in the caller's transaction; it stands or falls with what it tells of.

    Holds the head of the trail until that transaction ends, so that chained events never fork:
    record last, and commit soon after. Returns the new head, which is final once committed.
    """
    newest = await connection.fetchrow(_SQL.get("lock_head"))
    assert newest is not None, "the migration made the head"
    seq, prev_hash = newest["seq"] + 1, newest["hash"]
    own_hash = _hash(prev_hash, seq, event)
    await connection.execute(
        _SQL.get("add_event"),
        seq,
        event.at,
        event.actor.kind,
        event.actor.id,
        event.actor.name,
        event.action,
        event.subject.kind,
        event.subject.id,
        _canonical(event.details),
        prev_hash,
        own_hash,
    )
    return AuditHead(seq=seq, hash=own_hash)


async def record_reading(
    connection: LedgerConnection, actor: Actor, *, person_id: UUID, what: str, at: datetime
) -> None:
    """Record that staff looked at personal data of one person; `what` is a word such as `profile`.

    Callers record before they hand the data out.
    """
    event = AuditEvent(
        at=at,
        actor=actor,
        action=Action.PERSONAL_DATA_READ,
        subject=Subject(kind="person", id=person_id),
        details={"what": what},
    )
    await record(connection, event)


async def find_head(connection: LedgerConnection) -> AuditHead:
    """Return the newest event's place and hash; 0 and zeros before the first."""
    newest = await connection.fetchrow(_SQL.get("find_head"))
    assert newest is not None, "the migration made the head"
    return AuditHead(seq=newest["seq"], hash=newest["hash"])


async def list_events(
    connection: LedgerConnection,
    *,
    before_seq: int | None = None,
    subject_id: UUID | None = None,
    actor_id: UUID | None = None,
    limit: int,
) -> list[ChainedEvent]:
    """Return events, newest first. The next page is before the last one's `seq`."""
    rows = await connection.fetch(_SQL.get("list_events"), before_seq, subject_id, actor_id, limit)
    return [_read(row) for row in rows]


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
        return await _walk(_events(connection), head, kept, progress)


async def _walk(
    events: AsyncIterator[ChainedEvent],
    head: AuditHead,
    kept: Sequence[AuditHead],
    progress: Callable[[int, int], None],
) -> Verdict:
    kept_hashes = {known.seq: known.hash for known in kept}
    sound: ChainedEvent | None = None
    current = await anext(events, None)
    while current is not None:
        following = await anext(events, None)
        fault = _judge(sound, current, following)
        if fault is None and current.seq > head.seq:
            fault = Fault.INSERTED, current.seq
        if fault is None and kept_hashes.get(current.seq, current.hash) != current.hash:
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


async def _events(connection: LedgerConnection) -> AsyncIterator[ChainedEvent]:
    async for row in connection.cursor(_SQL.get("walk_events"), prefetch=_PROGRESS_EVERY):
        yield _read(row)


def _read(row: Record) -> ChainedEvent:
    event = AuditEvent(
        at=row["at"],
        actor=Actor(kind=ActorKind(row["actor_kind"]), id=row["actor_id"], name=row["actor_name"]),
        action=row["action"],
        subject=Subject(kind=row["subject_kind"], id=row["subject_id"]),
        details=json.loads(row["details"]),
    )
    return ChainedEvent(seq=row["seq"], event=event, prev_hash=row["prev_hash"], hash=row["hash"])


def _hash(prev_hash: bytes, seq: int, event: AuditEvent) -> bytes:
    content = [
        seq,
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.actor.kind.value,
        _text(event.actor.id),
        event.actor.name,
        str(event.action),
        event.subject.kind,
        _text(event.subject.id),
        dict(event.details),
    ]
    return hashlib.sha256(prev_hash + _canonical(content).encode()).digest()


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
