"""`campus merchant` and `campus terminal`: who is paid, and at which tills."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer
from rich.console import RenderableType

from engine.campus_errors import MerchantNotFound
from engine.cli.desk import Desk, open_desk
from engine.cli.output import AsJson, table
from engine.devices import Device, add_device, list_devices, revoke_device
from engine.enrolments import issue_code
from engine.merchants import Merchant, MerchantEvent, add_merchant, change_merchant, list_merchants
from ledger.book import LedgerConnection
from ledger.time import wall_clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

merchant = typer.Typer(help="Who is paid on campus.", no_args_is_help=True)
terminal = typer.Typer(help="Terminals at tills and doors.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]
TerminalId = Annotated[UUID, typer.Argument(metavar="ID")]


class MerchantShown(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant."""

    id: str
    name: str
    state: str


class AllMerchants(msgspec.Struct, frozen=True, kw_only=True):
    """All merchants."""

    merchants: list[MerchantShown]


class TerminalShown(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal."""

    id: str
    kind: str
    place: str
    merchant: str | None
    state: str


class AllTerminals(msgspec.Struct, frozen=True, kw_only=True):
    """All terminals."""

    terminals: list[TerminalShown]


class EnrolmentCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code with which a terminal hands in its key; shown this once."""

    id: str
    place: str
    code: str


@merchant.command("create")
def create_merchant(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Add a merchant with an account of what the university owes them."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Merchant:
        async with connection.transaction():
            return await add_merchant(connection, name, actor=desk.actor, at=wall_clock())

    desk.output.show(_merchant(desk.in_campus(work)), _draw_merchants)


@merchant.command("close")
def close_merchant(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Let the tills of a merchant take no more money."""
    _move(open_desk(context, as_json=as_json), name, MerchantEvent.CLOSE)


@merchant.command("reopen")
def reopen_merchant(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Let the tills of a closed merchant take money again."""
    _move(open_desk(context, as_json=as_json), name, MerchantEvent.REOPEN)


@merchant.command("list")
def list_all_merchants(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all merchants."""
    desk = open_desk(context, as_json=as_json)
    found = [_merchant(each) for each in desk.in_campus(list_merchants)]
    desk.output.show(AllMerchants(merchants=found), lambda each: _draw_merchants(*each.merchants))


@terminal.command("create")
def create_terminal(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="PLACE", help="Where it stands.")],
    *,
    merchant_name: Annotated[
        str | None,
        typer.Option("--merchant", metavar="NAME", help="Whose till it is; a door without one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a terminal, and make the code with which it hands in its key."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> EnrolmentCode:
        async with connection.transaction():
            owner = None if merchant_name is None else await _find(connection, merchant_name)
            device = await add_device(
                connection,
                place,
                merchant_id=None if owner is None else owner.id,
                actor=desk.actor,
                at=wall_clock(),
            )
            return await _issue_code(connection, device.id, place=place, desk=desk)

    desk.output.show(desk.in_campus(work), _draw_code)


@terminal.command("enrol")
def enrol(context: typer.Context, terminal_id: TerminalId, *, as_json: AsJson = False) -> None:
    """Make another enrolment code for a terminal that awaits one; an earlier one is void."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> EnrolmentCode:
        async with connection.transaction():
            return await _issue_code(connection, terminal_id, place="", desk=desk)

    desk.output.show(desk.in_campus(work), _draw_code)


@terminal.command("revoke")
def revoke(context: typer.Context, terminal_id: TerminalId, *, as_json: AsJson = False) -> None:
    """Revoke a terminal for good: nothing more is taken from it, its link ends in a second."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Device:
        async with connection.transaction():
            return await revoke_device(connection, terminal_id, actor=desk.actor, at=wall_clock())

    desk.output.show(_terminal(desk.in_campus(work)), _draw_terminals)


@terminal.command("list")
def list_all_terminals(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all terminals."""
    desk = open_desk(context, as_json=as_json)
    found = [_terminal(each) for each in desk.in_campus(list_devices)]
    desk.output.show(AllTerminals(terminals=found), lambda each: _draw_terminals(*each.terminals))


def _move(desk: Desk, name: str, event: MerchantEvent) -> None:
    async def work(connection: "Connection[Record]") -> Merchant:
        async with connection.transaction():
            present = await _find(connection, name)
            return await change_merchant(
                connection, present.id, event, actor=desk.actor, at=wall_clock()
            )

    desk.output.show(_merchant(desk.in_campus(work)), _draw_merchants)


async def _find(connection: LedgerConnection, name: str) -> Merchant:
    for each in await list_merchants(connection):
        if each.name == name:
            return each
    raise MerchantNotFound("no merchant has this name")


async def _issue_code(
    connection: LedgerConnection, device_id: UUID, *, place: str, desk: Desk
) -> EnrolmentCode:
    code = await issue_code(connection, device_id, actor=desk.actor, at=wall_clock())
    return EnrolmentCode(id=str(device_id), place=place, code=code)


def _merchant(found: Merchant) -> MerchantShown:
    return MerchantShown(id=str(found.id), name=found.name, state=found.state)


def _terminal(found: Device) -> TerminalShown:
    return TerminalShown(
        id=str(found.id),
        kind=found.kind,
        place=found.place,
        merchant=None if found.till is None else found.till.merchant_name,
        state=found.state,
    )


def _draw_merchants(*merchants: MerchantShown) -> RenderableType:
    return table("merchant", "state", rows=[(each.name, each.state) for each in merchants])


def _draw_terminals(*terminals: TerminalShown) -> RenderableType:
    rows = [(each.id, each.kind, each.merchant or "", each.place, each.state) for each in terminals]
    return table("id", "kind", "merchant", "place", "state", rows=rows)


def _draw_code(made: EnrolmentCode) -> RenderableType:
    return f"{made.code}   enrols terminal {made.id} within a day, shown this once"
