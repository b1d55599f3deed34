"""`campus staff`: who works with the system."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import RenderableType

from engine.cli.desk import Desk, open_desk
from engine.cli.output import AsJson, table
from engine.cli.people import IssuedCode, draw_code
from engine.errors import StaffNotFound
from engine.one_time_codes import Purpose, issue_code
from engine.permissions import Role
from engine.principals import Owner, OwnerKind
from engine.staff import (
    Staff,
    StaffEvent,
    change_roles,
    change_state,
    create_staff,
    find_staff,
    list_staff,
)
from ledger.book import LedgerConnection
from ledger.time import wall_clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

staff = typer.Typer(help="Who works with the system, and as what.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What they sign in with.")]
Roles = Annotated[list[Role], typer.Option("--role", help="May be given several times.")]


class StaffShown(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff."""

    name: str
    roles: list[str]
    state: str


class AllStaff(msgspec.Struct, frozen=True, kw_only=True):
    """All members of staff."""

    staff: list[StaffShown]


@staff.command("create")
def create(context: typer.Context, name: Name, *, role: Roles, as_json: AsJson = False) -> None:
    """Add a member of staff, and make the code with which they set their password."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> IssuedCode:
        async with connection.transaction():
            created = await create_staff(connection, name, role, actor=desk.actor, at=wall_clock())
            return await _issue_code(connection, created, desk)

    desk.output.show(desk.in_campus(work), draw_code)


@staff.command("code")
def issue_staff_code(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Make the code with which a member of staff sets a new password."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> IssuedCode:
        async with connection.transaction():
            return await _issue_code(connection, await _get(connection, name), desk)

    desk.output.show(desk.in_campus(work), draw_code)


@staff.command("roles")
def set_roles(context: typer.Context, name: Name, *, role: Roles, as_json: AsJson = False) -> None:
    """Give a member of staff these roles in place of the present ones."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Staff:
        async with connection.transaction():
            present = await _get(connection, name)
            return await change_roles(
                connection, present.id, role, actor=desk.actor, at=wall_clock()
            )

    desk.output.show(_shown(desk.in_campus(work)), _draw)


@staff.command("disable")
def disable(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Sign a member of staff out everywhere, and let them in no more."""
    _move(open_desk(context, as_json=as_json), name, StaffEvent.DISABLE)


@staff.command("enable")
def enable(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Let a disabled member of staff in again."""
    _move(open_desk(context, as_json=as_json), name, StaffEvent.ENABLE)


@staff.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all members of staff."""
    desk = open_desk(context, as_json=as_json)
    found = AllStaff(staff=[_shown(each) for each in desk.in_campus(list_staff)])
    desk.output.show(found, lambda each: _draw(*each.staff))


def _move(desk: Desk, name: str, event: StaffEvent) -> None:
    async def work(connection: "Connection[Record]") -> Staff:
        async with connection.transaction():
            present = await _get(connection, name)
            return await change_state(
                connection, present.id, event, actor=desk.actor, at=wall_clock()
            )

    desk.output.show(_shown(desk.in_campus(work)), _draw)


async def _get(connection: LedgerConnection, name: str) -> Staff:
    present = await find_staff(connection, name)
    if present is None:
        raise StaffNotFound("no member of staff has this name")
    return present


async def _issue_code(connection: LedgerConnection, owner: Staff, desk: Desk) -> IssuedCode:
    code = await issue_code(
        connection,
        Owner(OwnerKind.STAFF, owner.id),
        Purpose.SET_PASSWORD,
        actor=desk.actor,
        at=wall_clock(),
    )
    return IssuedCode(code=code, purpose=Purpose.SET_PASSWORD)


def _shown(member: Staff) -> StaffShown:
    return StaffShown(name=member.name, roles=sorted(member.roles), state=member.state)


def _draw(*members: StaffShown) -> RenderableType:
    rows = [(each.name, ", ".join(each.roles), each.state) for each in members]
    return table("name", "roles", "state", rows=rows)
