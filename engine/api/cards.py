"""How cards are shown, to their holder and to staff."""

from datetime import date
from uuid import UUID

from engine.api import Answer, CampusTime, Received, campus_time
from engine.cards import Card, CardState


class CardShown(Answer, frozen=True, kw_only=True):
    """A card. `expires_on` is the last day on which it pays."""

    id: UUID
    number: str
    person_id: UUID
    state: CardState
    expires_on: date
    issued_at: CampusTime
    changed_at: CampusTime


class CardsShown(Answer, frozen=True, kw_only=True):
    """All cards that a person ever had, the newest first."""

    items: list[CardShown]


class CardPlace(Received, frozen=True, kw_only=True):
    """Which card."""

    card_id: UUID


def card_shown(card: Card) -> CardShown:
    """Render a card."""
    return CardShown(
        id=card.id,
        number=card.number,
        person_id=card.person_id,
        state=card.state,
        expires_on=card.expires_on,
        issued_at=campus_time(card.issued_at),
        changed_at=campus_time(card.changed_at),
    )
