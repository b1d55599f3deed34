"""`campus subsidy`: hand-outs, prepared by one member of staff and approved by another."""

from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import msgspec
import typer
from rich.console import Group, RenderableType

from engine.audit_trail import Actor, ActorKind
from engine.cli.desk import Desk, open_desk
from engine.cli.output import AsJson, table
from engine.cli.values import ExistingFile
from engine.errors import NotAllowed, StaffNotFound
from engine.permissions import PERMISSIONS, Permission
from engine.staff import StaffState, find_staff
from engine.subsidies import (
    Batch,
    NewBatch,
    Undone,
    approve,
    cancel,
    list_batches,
    prepare,
    rehearse,
    undo,
)
from engine.subsidy_files import read_subsidies
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.time import wall_clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

_WORKBOOK_LIMIT_S: Final = 120.0
_BATCH_LIMIT_S: Final = 600.0
"""For one statement over tens of thousands of people."""
_LISTED: Final = 50

subsidy = typer.Typer(
    help="Subsidies: prepared by one member of staff, approved by another.", no_args_is_help=True
)

BatchId = Annotated[UUID, typer.Argument(metavar="ID")]
StaffName = Annotated[
    str, typer.Option("--as", metavar="NAME", help="In whose name: a member of finance staff.")
]


class BatchShown(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of subsidies."""

    id: str
    title: str
    state: str
    people: int
    total_fen: int


class AllBatches(msgspec.Struct, frozen=True, kw_only=True):
    """The newest batches."""

    batches: list[BatchShown]


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """What a file would hand out."""

    people: int
    total_fen: int


class SpentShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody from whom nothing was taken back."""

    number: str
    handed_out_fen: int
    left_fen: int


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back of a batch."""

    people: int
    total_fen: int
    left_out: list[SpentShown]


@subsidy.command("import")
def import_file(
    context: typer.Context,
    file: ExistingFile,
    *,
    title: Annotated[str, typer.Option(help="What people read in their transactions.")],
    name: StaffName,
    as_json: AsJson = False,
) -> None:
    """Prepare a batch from a table of numbers and yuan; nothing is handed out before approval."""
    desk = open_desk(context, as_json=as_json)
    batch_id = uuid7()

    async def work(connection: "Connection[Record]") -> Batch:
        found = await read_subsidies(file.read_bytes(), timeout_s=_WORKBOOK_LIMIT_S)
        async with connection.transaction():
            actor = await _actor(connection, name, desk)
            batch = NewBatch(id=batch_id, title=title, table=found)
            return await prepare(connection, batch, actor=actor, at=wall_clock())

    desk.output.show(_shown(desk.in_campus(work, limit_s=_BATCH_LIMIT_S)), _draw)


@subsidy.command("check")
def check_file(context: typer.Context, file: ExistingFile, *, as_json: AsJson = False) -> None:
    """Tell what a file would hand out, or everything that is wrong with it. Does nothing."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Rehearsed:
        found = await read_subsidies(file.read_bytes(), timeout_s=_WORKBOOK_LIMIT_S)
        plan = await rehearse(connection, found)
        return Rehearsed(people=plan.people, total_fen=plan.total.value)

    desk.output.show(desk.in_campus(work), _draw_rehearsed)


@subsidy.command("approve")
def approve_batch(
    context: typer.Context, batch_id: BatchId, *, name: StaffName, as_json: AsJson = False
) -> None:
    """Hand a batch out, whole or not at all; by another member of staff than prepared it."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Batch:
        async with connection.transaction():
            actor = await _actor(connection, name, desk)
            return await approve(connection, batch_id, actor=actor, at=wall_clock())

    desk.output.show(_shown(desk.in_campus(work, limit_s=_BATCH_LIMIT_S)), _draw)


@subsidy.command("cancel")
def cancel_batch(
    context: typer.Context, batch_id: BatchId, *, name: StaffName, as_json: AsJson = False
) -> None:
    """Give up a batch that nobody approved."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Batch:
        async with connection.transaction():
            actor = await _actor(connection, name, desk)
            return await cancel(connection, batch_id, actor=actor, at=wall_clock())

    desk.output.show(_shown(desk.in_campus(work)), _draw)


@subsidy.command("undo")
def undo_batch(
    context: typer.Context,
    batch_id: BatchId,
    *,
    name: StaffName,
    leave_spent: Annotated[
        bool, typer.Option("--leave-spent", help="Leave those out who have spent of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a batch back from everybody; if some have spent of it, from nobody."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Undone:
        async with connection.transaction():
            actor = await _actor(connection, name, desk)
            return await undo(
                connection, batch_id, leave_spent=leave_spent, actor=actor, at=wall_clock()
            )

    undone = desk.in_campus(work, limit_s=_BATCH_LIMIT_S)
    taken = TakenBack(
        people=undone.people,
        total_fen=undone.total.value,
        left_out=[
            SpentShown(
                number=each.number, handed_out_fen=each.handed_out.value, left_fen=each.left.value
            )
            for each in undone.spent
        ],
    )
    desk.output.show(taken, _draw_taken)


@subsidy.command("list")
def list_newest(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the newest batches."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> list[Batch]:
        return await list_batches(connection, limit=_LISTED)

    found = AllBatches(batches=[_shown(each) for each in desk.in_campus(work)])
    desk.output.show(found, lambda each: _draw(*each.batches))


async def _actor(connection: LedgerConnection, name: str, desk: Desk) -> Actor:
    """Return the member of staff in whose name the operator acts; the trail names both.

    Raises StaffNotFound, NotAllowed.
    """
    member = await find_staff(connection, name)
    if member is None or member.state is not StaffState.ACTIVE:
        raise StaffNotFound("no active member of staff has this name")
    permission = Permission.HAND_OUT_SUBSIDIES
    if not any(permission in PERMISSIONS[role] for role in member.roles):
        raise NotAllowed(permission)
    typed_by = f"{member.name}, by {desk.actor.name}"
    return Actor(kind=ActorKind.STAFF, id=member.id, name=typed_by)


def _shown(batch: Batch) -> BatchShown:
    return BatchShown(
        id=str(batch.id),
        title=batch.title,
        state=batch.state,
        people=batch.people,
        total_fen=batch.total.value,
    )


def _draw(*batches: BatchShown) -> RenderableType:
    rows = [
        (each.id, each.title, each.state, each.people, Fen(each.total_fen).yuan())
        for each in batches
    ]
    return table("id", "title", "state", "people", "yuan", rows=rows)


def _draw_rehearsed(plan: Rehearsed) -> RenderableType:
    return f"{plan.people:,} people would get {Fen(plan.total_fen).yuan()} yuan together"


def _draw_taken(taken: TakenBack) -> RenderableType:
    said = f"{Fen(taken.total_fen).yuan()} yuan were taken back from {taken.people:,} people"
    if not taken.left_out:
        return said
    rows = [
        (each.number, Fen(each.handed_out_fen).yuan(), Fen(each.left_fen).yuan())
        for each in taken.left_out
    ]
    return Group(said, table("left out", "handed out", "left", rows=rows))
