"""`campus card` and `campus recharge`."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import RenderableType

from engine.campus_errors import CardNotFound
from engine.cards import (
    Card,
    CardEvent,
    change_card,
    find_current_card,
    issue_card,
    replace_card,
)
from engine.cash_desk import CashPayment, CashReceipt, pay_in
from engine.cli.desk import Desk, open_desk, person_of
from engine.cli.output import AsJson
from engine.cli.values import Amount, Number
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.time import business_day, wall_clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

_YEARS = 5

card = typer.Typer(help="Cards: made, activated, lost, found and replaced.", no_args_is_help=True)

Expiry = Annotated[
    date | None,
    typer.Option(
        "--expires",
        parser=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="The last day on which it pays; five years from now unless given.",
    ),
]


class CardChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A card as it is now."""

    number: str
    state: str
    expires_on: str


class PaidIn(msgspec.Struct, frozen=True, kw_only=True):
    """Cash that was credited."""

    id: str
    amount_fen: int
    cash_after_fen: int


@card.command("issue")
def issue(
    context: typer.Context, number: Number, *, expires: Expiry = None, as_json: AsJson = False
) -> None:
    """Make the card of a person; it pays once it is activated."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: LedgerConnection) -> Card:
        holder = await person_of(connection, number)
        return await issue_card(
            connection,
            holder.id,
            expires_on=expires or _in_some_years(),
            actor=desk.actor,
            at=wall_clock(),
        )

    _change(desk, work)


@card.command("replace")
def replace(
    context: typer.Context, number: Number, *, expires: Expiry = None, as_json: AsJson = False
) -> None:
    """Put a new card, active at once, in the place of the present one; the money stays."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: LedgerConnection) -> Card:
        return await replace_card(
            connection,
            (await _current(connection, number)).id,
            expires_on=expires or _in_some_years(),
            actor=desk.actor,
            at=wall_clock(),
        )

    _change(desk, work)


@card.command("activate")
def activate(context: typer.Context, number: Number, *, as_json: AsJson = False) -> None:
    """Let the card of a person pay, when it is handed out."""
    _move(open_desk(context, as_json=as_json), number, CardEvent.ACTIVATE)


@card.command("report-lost")
def report_lost(context: typer.Context, number: Number, *, as_json: AsJson = False) -> None:
    """Report the card of a person lost: from now on it pays nothing."""
    _move(open_desk(context, as_json=as_json), number, CardEvent.REPORT_LOST)


@card.command("found")
def found(context: typer.Context, number: Number, *, as_json: AsJson = False) -> None:
    """Let a lost card that was found pay again."""
    _move(open_desk(context, as_json=as_json), number, CardEvent.FIND)


@card.command("close")
def close(context: typer.Context, number: Number, *, as_json: AsJson = False) -> None:
    """Close the card of a person for good; the money stays in the wallets."""
    _move(open_desk(context, as_json=as_json), number, CardEvent.CLOSE)


def recharge(
    context: typer.Context, number: Number, yuan: Amount, *, as_json: AsJson = False
) -> None:
    """Credit cash that a person pays in at the desk."""
    desk = open_desk(context, as_json=as_json)
    payment_id = uuid7()

    async def work(connection: "Connection[Record]") -> CashReceipt:
        holder = await person_of(connection, number)
        payment = CashPayment(id=payment_id, person_id=holder.id, amount=yuan)
        async with connection.transaction():
            return await pay_in(connection, payment, actor=desk.actor, at=wall_clock())

    receipt = desk.in_campus(work)
    paid_in = PaidIn(
        id=str(receipt.id),
        amount_fen=receipt.amount.value,
        cash_after_fen=receipt.cash_after.value,
    )
    desk.output.show(paid_in, _draw_paid_in)


def _move(desk: Desk, number: str, event: CardEvent) -> None:
    async def work(connection: LedgerConnection) -> Card:
        present = await _current(connection, number)
        return await change_card(connection, present.id, event, actor=desk.actor, at=wall_clock())

    _change(desk, work)


def _change(desk: Desk, change: Callable[[LedgerConnection], Awaitable[Card]]) -> None:
    """Change a card in a transaction of its own, and show it."""

    async def work(connection: "Connection[Record]") -> Card:
        async with connection.transaction():
            return await change(connection)

    changed = desk.in_campus(work)
    shown = CardChanged(
        number=changed.number, state=changed.state, expires_on=str(changed.expires_on)
    )
    desk.output.show(shown, _draw_card)


async def _current(connection: LedgerConnection, number: str) -> Card:
    holder = await person_of(connection, number)
    present = await find_current_card(connection, holder.id)
    if present is None:
        raise CardNotFound("this person has no card")
    return present


def _in_some_years() -> date:
    today = business_day(wall_clock())
    return today.replace(year=today.year + _YEARS, month=today.month, day=min(today.day, 28))


def _draw_card(shown: CardChanged) -> RenderableType:
    return f"card {shown.number} is {shown.state}, and ends on {shown.expires_on}"


def _draw_paid_in(paid_in: PaidIn) -> RenderableType:
    amount, after = Fen(paid_in.amount_fen).yuan(), Fen(paid_in.cash_after_fen).yuan()
    return f"{amount} yuan credited; the cash wallet holds {after} yuan"
