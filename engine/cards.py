"""Cards: what a person shows at a terminal. The money is in the wallets, so it outlives a card.

Each change locks the spender's row first: it waits for the purchases that are being committed, and
those that come after see it (docs/adr/0008).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.actions import CampusAction
from engine.audit_trail import Actor, AuditEvent, Subject, record
from engine.campus_errors import CardAlreadyHeld, CardNotFound, InvalidExpiry
from engine.card_numbers import new_card_number
from engine.errors import IllegalTransition
from engine.wallets import lock_spender
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.queries import load
from ledger.time import business_day

if TYPE_CHECKING:
    from asyncpg import Record

_SQL = load("engine.sql", "cards")


class CardState(StrEnum):
    """Whether a card pays. A person has at most one of the first three."""

    ISSUED = "issued"
    """Made, and not yet handed to its holder."""
    ACTIVE = "active"
    LOST = "lost"
    REPLACED = "replaced"
    CLOSED = "closed"
    EXPIRED = "expired"


class CardEvent(StrEnum):
    """What changes a card's state."""

    ACTIVATE = "activate"
    REPORT_LOST = "report_lost"
    FIND = "find"
    REPLACE = "replace"
    CLOSE = "close"
    EXPIRE = "expire"


TRANSITIONS: Final[Mapping[tuple[CardState, CardEvent], CardState]] = MappingProxyType(
    {
        (CardState.ISSUED, CardEvent.ACTIVATE): CardState.ACTIVE,
        (CardState.ISSUED, CardEvent.REPLACE): CardState.REPLACED,
        (CardState.ISSUED, CardEvent.CLOSE): CardState.CLOSED,
        (CardState.ISSUED, CardEvent.EXPIRE): CardState.EXPIRED,
        (CardState.ACTIVE, CardEvent.REPORT_LOST): CardState.LOST,
        (CardState.ACTIVE, CardEvent.REPLACE): CardState.REPLACED,
        (CardState.ACTIVE, CardEvent.CLOSE): CardState.CLOSED,
        (CardState.ACTIVE, CardEvent.EXPIRE): CardState.EXPIRED,
        (CardState.LOST, CardEvent.FIND): CardState.ACTIVE,
        (CardState.LOST, CardEvent.REPLACE): CardState.REPLACED,
        (CardState.LOST, CardEvent.CLOSE): CardState.CLOSED,
        (CardState.LOST, CardEvent.EXPIRE): CardState.EXPIRED,
    }
)

ACTIONS: Final[Mapping[CardEvent, CampusAction]] = MappingProxyType(
    {
        CardEvent.ACTIVATE: CampusAction.CARD_STATE_CHANGED,
        CardEvent.REPORT_LOST: CampusAction.CARD_REPORTED_LOST,
        CardEvent.FIND: CampusAction.CARD_FOUND,
        CardEvent.REPLACE: CampusAction.CARD_REPLACED,
        CardEvent.CLOSE: CampusAction.CARD_STATE_CHANGED,
        CardEvent.EXPIRE: CampusAction.CARD_STATE_CHANGED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card on record. The number is shown to its holder and to staff, and never logged."""

    id: UUID
    number: str
    person_id: UUID
    state: CardState
    expires_on: date
    issued_at: datetime
    changed_at: datetime

    def __repr__(self) -> str:
        """Leave the number out: this text may end in a log."""
        return f"Card(id={self.id}, state={self.state.value!r})"


async def issue_card(
    connection: LedgerConnection,
    person_id: UUID,
    *,
    expires_on: date,
    actor: Actor,
    at: datetime,
) -> Card:
    """Make a card for a person with wallets; it pays once it is activated.

    Raises WalletNotFound, CardAlreadyHeld, InvalidExpiry.
    """
    await lock_spender(connection, person_id)
    card = await _add(connection, person_id, CardState.ISSUED, expires_on=expires_on, at=at)
    await _record(connection, CampusAction.CARD_ISSUED, card, actor=actor, at=at)
    return card


async def change_card(
    connection: LedgerConnection, card_id: UUID, event: CardEvent, *, actor: Actor, at: datetime
) -> Card:
    """Activate or close a card, and so on; what needs a new card is `replace_card`.

    Raises CardNotFound, IllegalTransition.
    """
    card = await get_card(connection, card_id)
    await lock_spender(connection, card.person_id)
    card = await _move(connection, card_id, event)
    await _record(connection, ACTIONS[event], card, actor=actor, at=at)
    return card


async def replace_card(
    connection: LedgerConnection, card_id: UUID, *, expires_on: date, actor: Actor, at: datetime
) -> Card:
    """Put a new card, active at once, in the place of one that is lost or handed in.

    Raises CardNotFound, IllegalTransition, InvalidExpiry.
    """
    old = await change_card(connection, card_id, CardEvent.REPLACE, actor=actor, at=at)
    card = await _add(connection, old.person_id, CardState.ACTIVE, expires_on=expires_on, at=at)
    await _record(connection, CampusAction.CARD_ISSUED, card, actor=actor, at=at)
    return card


async def expire_cards(connection: LedgerConnection, *, at: datetime) -> int:
    """Mark the cards whose last day is over, which have not paid since; return how many."""
    rows = await connection.fetch(_SQL.get("expire_cards"), business_day(at))
    return len(rows)


async def get_card(connection: LedgerConnection, card_id: UUID) -> Card:
    """Return a card. Raises CardNotFound."""
    row = await connection.fetchrow(_SQL.get("find_card"), card_id)
    if row is None:
        raise CardNotFound("there is no such card")
    return _read(row)


async def find_card(connection: LedgerConnection, number: str) -> Card | None:
    """Return the card with this number, if there is one."""
    row = await connection.fetchrow(_SQL.get("find_by_number"), number)
    return None if row is None else _read(row)


async def find_current_card(connection: LedgerConnection, person_id: UUID) -> Card | None:
    """Return the one card of a person that pays or may pay again, if there is one."""
    row = await connection.fetchrow(_SQL.get("find_current"), person_id)
    return None if row is None else _read(row)


async def list_cards(connection: LedgerConnection, person_id: UUID) -> list[Card]:
    """Return all cards that a person ever had, the newest first."""
    rows = await connection.fetch(_SQL.get("list_cards"), person_id)
    return [_read(row) for row in rows]


async def _add(
    connection: LedgerConnection,
    person_id: UUID,
    state: CardState,
    *,
    expires_on: date,
    at: datetime,
) -> Card:
    if expires_on < business_day(at):
        raise InvalidExpiry("the card would have expired already")
    row = await connection.fetchrow(
        _SQL.get("add_card"), uuid7(at), new_card_number(), person_id, state, expires_on
    )
    if row is None:
        raise CardAlreadyHeld("the person has a card: replace or close it first")
    return _read(row)


async def _move(connection: LedgerConnection, card_id: UUID, event: CardEvent) -> Card:
    """Change the state of a card whose spender is locked."""
    before = (await get_card(connection, card_id)).state
    after = TRANSITIONS.get((before, event))
    if after is None:
        raise IllegalTransition(before, event)
    row = await connection.fetchrow(_SQL.get("move_card"), card_id, after)
    assert row is not None, "the card was just read"
    return _read(row)


async def _record(
    connection: LedgerConnection, action: CampusAction, card: Card, *, actor: Actor, at: datetime
) -> None:
    event = AuditEvent(
        at=at,
        actor=actor,
        action=action,
        subject=Subject(kind="person", id=card.person_id),
        details={"card_id": str(card.id), "state": card.state.value},
    )
    await record(connection, event)


def _read(row: "Record") -> Card:
    return Card(
        id=row["id"],
        number=row["number"],
        person_id=row["person_id"],
        state=CardState(row["state"]),
        expires_on=row["expires_on"],
        issued_at=row["issued_at"],
        changed_at=row["changed_at"],
    )
