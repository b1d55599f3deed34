"""What the demo says first: what to open, who may sign in, and what to try."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.demo.habits import CLOSES_S, OPENS_S
from engine.demo.record import Account, DemoRecord

_JSON: Final = "-H content-type:application/json"


def greet(console: Console, remembered: DemoRecord, *, url: str, speed: float) -> None:
    """Print where the campus is, and who may sign in to it."""
    minutes = (CLOSES_S - OPENS_S) / speed / 60
    for line in (
        "",
        f"The campus is open. It is about noon there, and a day takes {minutes:.0f} minutes.",
        "",
        f"  {url}/          the campus, live",
        f"  {url}/v1/docs   the API, to read",
        "",
        "These may sign in; the first of them buys something every ten seconds or so.",
    ):
        console.print(Text(line), soft_wrap=True)
    console.print(_table(remembered))


def suggest(
    console: Console, account: Account, *, url: str, card_id: UUID, payment_id: UUID
) -> None:
    """Print what to type in another terminal, with the ids of this campus."""
    console.print(Text("Try, in another terminal:"))
    for line in _commands(account, url=url, card_id=card_id, payment_id=payment_id):
        console.print(Text(f"  {line}"), soft_wrap=True)
    console.print(Text("\nCtrl-C stops it; the next start goes on with the same campus.\n"))


def _table(remembered: DemoRecord) -> Table:
    table = Table("kind", "login", "name", "password", "PIN", box=box.SIMPLE)
    for kind, accounts in (("person", remembered.people), ("staff", remembered.staff)):
        for account in accounts:
            table.add_row(kind, account.login, account.name, account.password, account.pin or "")
    return table


def _commands(account: Account, *, url: str, card_id: UUID, payment_id: UUID) -> Iterator[str]:
    sign_in = f'{{"kind":"person","login":"{account.login}","password":"{account.password}"}}'
    pin = f'{_JSON} -d \'{{"pin":"{account.pin}"}}\''
    yield f"URL={url}"
    yield f"TOKEN=$(curl -s {_JSON} -d '{sign_in}' $URL/v1/sign-in |"
    yield '  sed \'s/.*"token":"//; s/".*//\')'
    yield 'ME="authorization: Bearer $TOKEN"'
    yield 'curl -H "$ME" $URL/v1/me/balance'
    yield f'curl -H "$ME" {pin} $URL/v1/me/cards/{card_id}/loss'
    yield "  # the next purchase with this card is declined: you read it below"
    yield f'curl -H "$ME" {pin} $URL/v1/me/cards/{card_id}/recovery'
    yield f"campus person show {account.login}"
    yield "campus ledger trial-balance"
    yield "campus ledger verify"
    yield f"campus ledger receipt {payment_id}"
