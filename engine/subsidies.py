"""Subsidies (补助): a batch is prepared by one member of staff and handed out by another.

A batch posts whole or not at all, in one transaction, and once. Undoing takes each person's subsidy
back whole; where somebody has spent of it nothing is taken back from anybody, unless it is asked to
leave those people out. Either way that is the batch's end.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from engine.actions import CampusAction
from engine.audit_trail import Actor, ActorKind, AuditEvent, Subject, record
from engine.campus_errors import (
    Spent,
    SubsidyConflict,
    SubsidyNeedsAnother,
    SubsidyNotFound,
    SubsidySpent,
)
from engine.chart import AccountKind, TransferKind, account_id
from engine.errors import CellError, IllegalTransition, ImportRefused, Problem
from engine.merchants import check_name
from engine.subsidy_files import SubsidyTable
from ledger.answers import Outcome, Posted
from ledger.book import Asked, LedgerConnection, post
from ledger.errors import CampusError, RefusalCode, TransferRefused
from ledger.ids import derived_id
from ledger.money import Fen, total
from ledger.queries import load
from ledger.transfers import Entry, Transfer

if TYPE_CHECKING:
    from asyncpg import Record

_SQL = load("engine.sql", "subsidies")
_POSTED_AT_ONCE: Final = 1_000
"""Transfers in one batch of the ledger, so that the event loop serves others in between."""


class BatchState(StrEnum):
    """How far a batch has come."""

    PREPARED = "prepared"
    CANCELLED = "cancelled"
    POSTED = "posted"
    UNDONE = "undone"


class BatchEvent(StrEnum):
    """What changes a batch's state."""

    APPROVE = "approve"
    CANCEL = "cancel"
    UNDO = "undo"


TRANSITIONS: Final[Mapping[tuple[BatchState, BatchEvent], BatchState]] = MappingProxyType(
    {
        (BatchState.PREPARED, BatchEvent.APPROVE): BatchState.POSTED,
        (BatchState.PREPARED, BatchEvent.CANCEL): BatchState.CANCELLED,
        (BatchState.POSTED, BatchEvent.UNDO): BatchState.UNDONE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch that is to be prepared. The id, a UUIDv7, is made before it is first asked."""

    id: UUID
    title: str
    """What people read in their transactions."""
    table: SubsidyTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch on record."""

    id: UUID
    title: str
    state: BatchState
    people: int
    total: Fen
    prepared_by: UUID
    prepared_at: datetime
    approved_by: UUID | None
    posted_at: datetime | None
    undone_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a table would hand out."""

    people: int
    total: Fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What was taken back of a batch, and from whom it was not."""

    people: int
    total: Fen
    spent: tuple[Spent, ...]


class _Item(NamedTuple):
    person_id: UUID
    number: str
    amount: Fen


async def rehearse(connection: LedgerConnection, table: SubsidyTable) -> Plan:
    """Return what a table would hand out. Raises ImportRefused with every bad cell."""
    items = await _check(connection, table)
    return Plan(people=len(items), total=total([item.amount for item in items]))


async def prepare(
    connection: LedgerConnection, batch: NewBatch, *, actor: Actor, at: datetime
) -> Batch:
    """Record a batch that another member of staff may approve, in the caller's transaction.

    The same again changes nothing. Raises InvalidName, ImportRefused with every bad cell,
    SubsidyConflict.
    """
    assert actor.kind is ActorKind.STAFF, "two members of staff hand a batch out"
    check_name("title", batch.title)
    items = await _check(connection, batch.table)
    content_hash = _hash(batch.title, items)
    is_new = await connection.fetchval(
        _SQL.get("add_batch"),
        batch.id,
        batch.title,
        content_hash,
        len(items),
        sum(item.amount.value for item in items),
        actor.id,
        at,
    )
    if is_new:
        await connection.execute(
            _SQL.get("add_items"),
            batch.id,
            [item.person_id for item in items],
            [item.amount.value for item in items],
        )
        await _record(connection, CampusAction.SUBSIDY_PREPARED, batch.id, actor=actor, at=at)
    elif await connection.fetchval(_SQL.get("find_hash"), batch.id) != content_hash:
        raise SubsidyConflict("this id was used before for another batch")
    return await get_batch(connection, batch.id)


async def approve(
    connection: LedgerConnection, batch_id: UUID, *, actor: Actor, at: datetime
) -> Batch:
    """Hand a batch out, whole or not at all, in the caller's transaction.

    Approved again it is not handed out again. Raises SubsidyNotFound, SubsidyNeedsAnother,
    IllegalTransition, TransferRefused when the ledger refuses a part.
    """
    batch = await _lock(connection, batch_id)
    if batch.prepared_by == actor.id:
        raise SubsidyNeedsAnother("another member of staff must approve it")
    if batch.state is BatchState.POSTED:
        return batch
    _step(batch, BatchEvent.APPROVE)
    items = await _find_items(connection, batch_id)
    for outcome in await _post(connection, items, lambda item: _hand_out(batch, item, at)):
        if isinstance(outcome, CampusError):
            raise outcome
    await connection.execute(_SQL.get("approve"), batch_id, actor.id, at)
    await _record(connection, CampusAction.SUBSIDY_POSTED, batch_id, actor=actor, at=at)
    return await get_batch(connection, batch_id)


async def cancel(
    connection: LedgerConnection, batch_id: UUID, *, actor: Actor, at: datetime
) -> Batch:
    """Give a batch up that nobody approved. Raises SubsidyNotFound, IllegalTransition."""
    batch = await _lock(connection, batch_id)
    if batch.state is not BatchState.CANCELLED:
        _step(batch, BatchEvent.CANCEL)
        await connection.execute(_SQL.get("cancel"), batch_id)
        await _record(connection, CampusAction.SUBSIDY_CANCELLED, batch_id, actor=actor, at=at)
    return await get_batch(connection, batch_id)


async def undo(
    connection: LedgerConnection,
    batch_id: UUID,
    *,
    leave_spent: bool,
    actor: Actor,
    at: datetime,
) -> Undone:
    """Take a batch that was handed out back, in the caller's transaction.

    People of whose subsidy something is spent are left out if `leave_spent`; otherwise they stop
    the undoing. Undone again it is not taken back again. Raises SubsidyNotFound,
    IllegalTransition, SubsidySpent.
    """
    batch = await _lock(connection, batch_id)
    items = await _find_items(connection, batch_id)
    is_done = batch.undone_at is not None
    if not is_done:
        _step(batch, BatchEvent.UNDO)
    # Of a batch that was undone before, all transfers are on record and are answered from there.
    undone_at = batch.undone_at or at
    outcomes = await _post(connection, items, lambda item: _take_back(batch, item, undone_at))
    result = _undone(items, outcomes)
    if result.spent and not (leave_spent or is_done):
        raise SubsidySpent(result.spent)
    if not is_done:
        await connection.execute(_SQL.get("undo"), batch_id, undone_at)
        await _record(connection, CampusAction.SUBSIDY_UNDONE, batch_id, actor=actor, at=at)
    return result


async def get_batch(connection: LedgerConnection, batch_id: UUID) -> Batch:
    """Return a batch. Raises SubsidyNotFound."""
    row = await connection.fetchrow(_SQL.get("find_batch"), batch_id)
    if row is None:
        raise SubsidyNotFound("there is no such batch")
    return _read(row)


async def list_batches(connection: LedgerConnection, *, limit: int) -> list[Batch]:
    """Return the newest batches, by when they were prepared."""
    return [_read(row) for row in await connection.fetch(_SQL.get("list_batches"), limit)]


async def _check(connection: LedgerConnection, table: SubsidyTable) -> list[_Item]:
    """Return the items of a table by person. Raises ImportRefused with every bad cell."""
    rows = await connection.fetch(_SQL.get("find_people"), [row.number for row in table.rows])
    known = {row["number"]: row["id"] for row in rows}
    unknown = [
        CellError(row=row.row, column=table.number_column, problem=Problem.UNKNOWN)
        for row in table.rows
        if row.number not in known
    ]
    errors = sorted([*table.errors, *unknown], key=lambda error: (error.row, error.column))
    if not errors and not table.rows:
        errors = [CellError(row=1, column=table.number_column, problem=Problem.MISSING)]
    if errors:
        raise ImportRefused(tuple(errors))
    items = [_Item(known[row.number], row.number, row.amount) for row in table.rows]
    return sorted(items, key=lambda item: item.person_id)


def _hash(title: str, items: Sequence[_Item]) -> bytes:
    digest = hashlib.sha256(title.encode())
    for item in items:
        digest.update(item.person_id.bytes + item.amount.value.to_bytes(8))
    return digest.digest()


async def _lock(connection: LedgerConnection, batch_id: UUID) -> Batch:
    row = await connection.fetchrow(_SQL.get("lock_batch"), batch_id)
    if row is None:
        raise SubsidyNotFound("there is no such batch")
    return _read(row)


def _step(batch: Batch, event: BatchEvent) -> None:
    if (batch.state, event) not in TRANSITIONS:
        raise IllegalTransition(batch.state, event)


async def _find_items(connection: LedgerConnection, batch_id: UUID) -> list[_Item]:
    rows = await connection.fetch(_SQL.get("find_items"), batch_id)
    return [_Item(row["person_id"], row["number"], Fen(row["amount_fen"])) for row in rows]


async def _post(
    connection: LedgerConnection, items: Sequence[_Item], transfer_for: Callable[[_Item], Transfer]
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for start in range(0, len(items), _POSTED_AT_ONCE):
        chunk = items[start : start + _POSTED_AT_ONCE]
        outcomes += await post(connection, [Asked(Entry(transfer_for(item))) for item in chunk])
    return outcomes


def _hand_out(batch: Batch, item: _Item, at: datetime) -> Transfer:
    return Transfer(
        id=derived_id(batch.id, f"subsidy {item.person_id}"),
        kind=TransferKind.SUBSIDY,
        event_at=at,
        amount=item.amount,
        debit_account=account_id(AccountKind.SUBSIDY_FUNDING),
        credit_account=account_id(AccountKind.SUBSIDY_WALLET, item.person_id),
        about=batch.id,
    )


def _take_back(batch: Batch, item: _Item, at: datetime) -> Transfer:
    return Transfer(
        id=derived_id(batch.id, f"subsidy undo {item.person_id}"),
        kind=TransferKind.SUBSIDY_UNDO,
        event_at=at,
        amount=item.amount,
        debit_account=account_id(AccountKind.SUBSIDY_WALLET, item.person_id),
        credit_account=account_id(AccountKind.SUBSIDY_FUNDING),
        about=batch.id,
    )


def _undone(items: Sequence[_Item], outcomes: Sequence[Outcome]) -> Undone:
    """Tell what was taken back. Raises what is neither that nor a lack of funds."""
    spent: list[Spent] = []
    taken: list[Fen] = []
    for item, outcome in zip(items, outcomes, strict=True):
        match outcome:
            case Posted():
                taken.append(item.amount)
            case TransferRefused(code=RefusalCode.INSUFFICIENT_FUNDS, available_fen=int(left)):
                spent.append(Spent(number=item.number, handed_out=item.amount, left=Fen(left)))
            case _:
                raise outcome
    return Undone(people=len(taken), total=total(taken), spent=tuple(spent))


async def _record(
    connection: LedgerConnection,
    action: CampusAction,
    batch_id: UUID,
    *,
    actor: Actor,
    at: datetime,
) -> None:
    batch = await get_batch(connection, batch_id)
    event = AuditEvent(
        at=at,
        actor=actor,
        action=action,
        subject=Subject(kind="subsidy_batch", id=batch_id),
        details={"people": batch.people, "total_fen": batch.total.value},
    )
    await record(connection, event)


def _read(row: "Record") -> Batch:
    return Batch(
        id=row["id"],
        title=row["title"],
        state=BatchState(row["state"]),
        people=row["people"],
        total=Fen(row["total_fen"]),
        prepared_by=row["prepared_by"],
        prepared_at=row["prepared_at"],
        approved_by=row["approved_by"],
        posted_at=row["posted_at"],
        undone_at=row["undone_at"],
    )
