"""Who buys in the demo: everybody who has a card, with the habits that the demo gave them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from engine.demo.chance import chance
from engine.demo.founding import pin_of
from engine.demo.habits import Customer
from engine.demo.lines import CardReplaced
from engine.demo.population import monthly_purchases
from engine.demo.record import DemoRecord
from ledger.book import LedgerConnection
from ledger.queries import load

_SQL = load("engine.demo", "customers")
_PIN_SHARE: Final = 0.04
_RESTLESS_PURCHASES: Final = 3_000
"""In a month: one every ten seconds at the usual speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cardholder:
    """A customer, and who that is to the engine."""

    person_id: UUID
    customer: Customer


async def find_cardholders(
    connection: LedgerConnection, remembered: DemoRecord
) -> list[Cardholder]:
    """Return everybody who has a card that pays or may pay again."""
    rows = await connection.fetch(_SQL.get("current_cards"))
    return [
        Cardholder(person_id=row["id"], customer=_customer(remembered, row["number"], row["card"]))
        for row in rows
    ]


async def find_replacements(connection: LedgerConnection, *, since: datetime) -> list[CardReplaced]:
    """Return the cards that were issued since a moment, with the people who have them now."""
    rows = await connection.fetch(_SQL.get("newer_cards"), since)
    return [CardReplaced(number=row["number"], card=row["card"]) for row in rows]


async def find_ids_to_try(connection: LedgerConnection, number: str) -> tuple[UUID, UUID]:
    """Return the ids of somebody's newest card and of the first cash they paid in."""
    row = await connection.fetchrow(_SQL.get("to_try"), number)
    assert row is not None, "nobody is ever removed"
    return row["card_id"], row["payment_id"]


def _customer(remembered: DemoRecord, number: str, card: str) -> Customer:
    seed = remembered.seed
    is_named = any(number == account.login for account in remembered.people)
    is_restless = number == remembered.people[0].login
    has_pin = is_named or chance("has pin", seed, number).random() < _PIN_SHARE
    return Customer(
        number=number,
        card=card,
        purchases_per_month=_RESTLESS_PURCHASES if is_restless else _purchases(remembered, number),
        pin=pin_of(seed, number) if has_pin else None,
        is_restless=is_restless,
    )


def _purchases(remembered: DemoRecord, number: str) -> int:
    if remembered.purchases is None:
        return monthly_purchases(remembered.seed, number)
    return remembered.purchases.get(number, 0)
