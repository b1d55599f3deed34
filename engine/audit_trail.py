"""The audit trail: what was done by whom, in a hash chain that shows whether it was tampered with.

An event's hash is SHA-256 over the previous event's hash and the canonical JSON (RFC 8785) of the
array [seq, at, actor kind, actor id, actor name, action, subject kind, subject id, details], with
`at` as RFC 3339 in UTC with six decimals. A stranger who has the rows can compute it again.

Whoever rewrites the rows and every hash after them leaves a consistent chain: that is found by a
head kept elsewhere: `find_head` hands it out, `audit_verification` takes it back.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from asyncpg import Record

from ledger.book import LedgerConnection
from ledger.queries import load

_SQL = load("engine.sql", "audit_trail")
_PREFETCH: Final = 1000


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


async def walk_events(connection: LedgerConnection) -> AsyncIterator[ChainedEvent]:
    """Yield the whole trail in order, holding little of it; needs a transaction."""
    async for row in connection.cursor(_SQL.get("walk_events"), prefetch=_PREFETCH):
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
