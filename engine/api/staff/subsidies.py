"""Subsidies: rehearsed, prepared by one member of staff, approved by another, undone."""

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

import msgspec

from engine.api import (
    AmountFen,
    Answer,
    AnyOperation,
    Call,
    CampusTime,
    Method,
    Nothing,
    Operation,
    Received,
    campus_time,
)
from engine.api.staff.acting import ALLOWED, WORKING, StaffDesk
from engine.campus_errors import (
    InvalidName,
    SubsidyConflict,
    SubsidyNeedsAnother,
    SubsidyNotFound,
    SubsidySpent,
)
from engine.errors import CellError, IllegalTransition, ImportRefused, Problem
from engine.people import number_problem
from engine.permissions import Permission
from engine.principals import StaffPrincipal
from engine.subsidies import (
    Batch,
    BatchState,
    NewBatch,
    Undone,
    approve,
    cancel,
    list_batches,
    prepare,
    rehearse,
    undo,
)
from engine.subsidy_files import SubsidyRow, SubsidyTable
from ledger.errors import CampusError, TransferRefused
from ledger.money import Fen

_ROWS_MAX: Final = 20_000
"""What is surely done within the time that a request has; more is a file for the command line."""
_BODY_BYTES_MAX: Final = 4 << 20
_BATCHES_SHOWN: Final = 200
_ERRORS: Final[tuple[type[CampusError], ...]] = (*ALLOWED, SubsidyNotFound)


class Share(Received, frozen=True, kw_only=True):
    """What one person is to get."""

    number: Annotated[str, msgspec.Meta(max_length=40)]
    amount_fen: AmountFen


Shares = Annotated[list[Share], msgspec.Meta(min_length=1, max_length=_ROWS_MAX)]


class SubsidyPlan(Received, frozen=True, kw_only=True):
    """Whom a batch would give what."""

    shares: Shares


class NewSubsidy(Received, frozen=True, kw_only=True):
    """A batch to be prepared; `title` is what people read in their transactions."""

    id: UUID | None = None
    title: Annotated[str, msgspec.Meta(max_length=100)]
    shares: Shares


class SubsidyPlace(Received, frozen=True, kw_only=True):
    """Which batch."""

    batch_id: UUID


class UndoWanted(Received, frozen=True, kw_only=True):
    """Whether people who have spent of it are left out; otherwise they stop the undoing."""

    leave_spent: bool = False


class PlanShown(Answer, frozen=True, kw_only=True):
    """What a batch would hand out."""

    people: int
    total_fen: int


class SubsidyShown(Answer, frozen=True, kw_only=True):
    """A batch on record."""

    id: UUID
    title: str
    state: BatchState
    people: int
    total_fen: int
    prepared_by: UUID
    prepared_at: CampusTime
    approved_by: UUID | None
    posted_at: CampusTime | None
    undone_at: CampusTime | None


class SubsidiesShown(Answer, frozen=True, kw_only=True):
    """The newest batches, by when they were prepared."""

    items: list[SubsidyShown]


class SpentShown(Answer, frozen=True, kw_only=True):
    """Somebody whose subsidy could not be taken back whole."""

    number: str
    handed_out_fen: int
    left_fen: int


class UndoneShown(Answer, frozen=True, kw_only=True):
    """What was taken back of a batch, and from whom it was not."""

    people: int
    total_fen: int
    spent: list[SpentShown]


class SubsidyOperations:
    """What staff do about subsidies."""

    def __init__(self, desk: StaffDesk) -> None:
        self._desk = desk

    async def rehearse(self, call: Call[SubsidyPlan, Nothing, StaffPrincipal]) -> PlanShown:
        """Tell what a batch would hand out, and to whom it cannot."""
        async with self._desk.acting(call.principal, Permission.HAND_OUT_SUBSIDIES) as act:
            plan = await rehearse(act.connection, _table(call.body.shares))
        return PlanShown(people=plan.people, total_fen=plan.total.value)

    async def prepare(self, call: Call[NewSubsidy, Nothing, StaffPrincipal]) -> SubsidyShown:
        """Record a batch for another member of staff to approve."""
        form = call.body
        batch = NewBatch(id=call.idempotency_id, title=form.title, table=_table(form.shares))
        async with self._desk.acting(call.principal, Permission.HAND_OUT_SUBSIDIES) as act:
            prepared = await prepare(act.connection, batch, actor=act.actor, at=act.at)
        return _shown(prepared)

    async def list_batches(self, call: Call[Nothing, Nothing, StaffPrincipal]) -> SubsidiesShown:
        """List the newest batches."""
        async with self._desk.acting(call.principal, Permission.READ_BOOKS) as act:
            found = await list_batches(act.connection, limit=_BATCHES_SHOWN)
        return SubsidiesShown(items=[_shown(batch) for batch in found])

    async def approve(self, call: Call[Nothing, SubsidyPlace, StaffPrincipal]) -> SubsidyShown:
        """Hand a batch out, whole or not at all."""
        batch_id = call.parameters.batch_id
        async with self._desk.acting(call.principal, Permission.HAND_OUT_SUBSIDIES) as act:
            approved = await approve(act.connection, batch_id, actor=act.actor, at=act.at)
        return _shown(approved)

    async def cancel(self, call: Call[Nothing, SubsidyPlace, StaffPrincipal]) -> SubsidyShown:
        """Give a batch up that nobody approved."""
        batch_id = call.parameters.batch_id
        async with self._desk.acting(call.principal, Permission.HAND_OUT_SUBSIDIES) as act:
            cancelled = await cancel(act.connection, batch_id, actor=act.actor, at=act.at)
        return _shown(cancelled)

    async def undo(self, call: Call[UndoWanted, SubsidyPlace, StaffPrincipal]) -> UndoneShown:
        """Take a batch back."""
        async with self._desk.acting(call.principal, Permission.HAND_OUT_SUBSIDIES) as act:
            undone = await undo(
                act.connection,
                call.parameters.batch_id,
                leave_spent=call.body.leave_spent,
                actor=act.actor,
                at=act.at,
            )
        return _undone_shown(undone)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (*self._of_plans(), *self._of_records(), *self._of_ends())

    def _of_plans(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="rehearse_subsidy",
                method=Method.POST,
                path="/v1/staff/subsidies/rehearsal",
                summary="Tell what a batch would hand out, with everything that is wrong in it",
                handler=self.rehearse,
                body=SubsidyPlan,
                parameters=Nothing,
                response=PlanShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, ImportRefused),
                body_bytes_max=_BODY_BYTES_MAX,
            ),
            Operation(
                name="prepare_subsidy",
                method=Method.POST,
                path="/v1/staff/subsidies",
                summary="Record a batch for another member of staff to approve",
                handler=self.prepare,
                body=NewSubsidy,
                parameters=Nothing,
                response=SubsidyShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, InvalidName, ImportRefused, SubsidyConflict),
                moves_money=True,
                body_bytes_max=_BODY_BYTES_MAX,
            ),
        )

    def _of_records(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="list_subsidies",
                method=Method.GET,
                path="/v1/staff/subsidies",
                summary="List the newest batches of subsidies",
                handler=self.list_batches,
                body=Nothing,
                parameters=Nothing,
                response=SubsidiesShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=ALLOWED,
            ),
            Operation(
                name="approve_subsidy",
                method=Method.POST,
                path="/v1/staff/subsidies/{batch_id}/approval",
                summary="Hand a batch out that another member of staff prepared; once",
                handler=self.approve,
                body=Nothing,
                parameters=SubsidyPlace,
                response=SubsidyShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*_ERRORS, SubsidyNeedsAnother, IllegalTransition, TransferRefused),
            ),
        )

    def _of_ends(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="cancel_subsidy",
                method=Method.POST,
                path="/v1/staff/subsidies/{batch_id}/cancellation",
                summary="Give a batch up that nobody approved",
                handler=self.cancel,
                body=Nothing,
                parameters=SubsidyPlace,
                response=SubsidyShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*_ERRORS, IllegalTransition),
            ),
            Operation(
                name="undo_subsidy",
                method=Method.POST,
                path="/v1/staff/subsidies/{batch_id}/undoing",
                summary="Take a batch back from everybody; once",
                handler=self.undo,
                body=UndoWanted,
                parameters=SubsidyPlace,
                response=UndoneShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*_ERRORS, IllegalTransition, SubsidySpent),
            ),
        )


def _table(shares: list[Share]) -> SubsidyTable:
    """Return the shares as a table whose first row is 1."""
    rows: list[SubsidyRow] = []
    errors: list[CellError] = []
    first_rows: dict[str, int] = {}
    for row, share in enumerate(shares, start=1):
        first_row = first_rows.setdefault(share.number, row)
        problem = Problem.REPEATED if first_row != row else number_problem(share.number)
        if problem is None:
            amount = Fen(share.amount_fen)
            rows.append(SubsidyRow(row=row, number=share.number, amount=amount))
        else:
            first = first_row if problem is Problem.REPEATED else None
            error = CellError(row=row, column="number", problem=problem, first_row=first)
            errors.append(error)
    return SubsidyTable(rows=tuple(rows), errors=tuple(errors))


def _shown(batch: Batch) -> SubsidyShown:
    return SubsidyShown(
        id=batch.id,
        title=batch.title,
        state=batch.state,
        people=batch.people,
        total_fen=batch.total.value,
        prepared_by=batch.prepared_by,
        prepared_at=campus_time(batch.prepared_at),
        approved_by=batch.approved_by,
        posted_at=None if batch.posted_at is None else campus_time(batch.posted_at),
        undone_at=None if batch.undone_at is None else campus_time(batch.undone_at),
    )


def _undone_shown(undone: Undone) -> UndoneShown:
    spent = [
        SpentShown(
            number=each.number, handed_out_fen=each.handed_out.value, left_fen=each.left.value
        )
        for each in undone.spent
    ]
    return UndoneShown(people=undone.people, total_fen=undone.total.value, spent=spent)
