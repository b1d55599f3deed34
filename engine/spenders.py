"""Who pays with a card, and whether they may: a pure decision over what was read last.

What is kept in memory is a guess. It may say yes, because the posting verifies it (`spend` in
`engine/sql/spenders.sql`); before it says no, it is read again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from engine.bulk_reads import BulkReads
from engine.campus_errors import DeclineCode
from engine.card_numbers import is_card_number
from engine.cards import CardState
from engine.people import PersonState
from ledger.money import Fen
from ledger.queries import load
from ledger.transfers import Effect

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "spenders")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spender:
    """A card and its holder, as they stood at `version`."""

    person_id: UUID
    version: int
    holder: str
    """The name with all but its last character hidden."""
    person_state: PersonState
    card_state: CardState
    expires_on: date
    cash_account: UUID
    subsidy_account: UUID
    no_pin_limit: Fen
    """The person's own or the campus's, whichever is lower; so below."""
    day_limit: Fen
    day: date
    """The newest business day with a purchase, and what was spent on it."""
    spent: Fen

    def refusal(self, amount: Fen, today: date) -> DeclineCode | None:
        """Return why a purchase is declined, or None. The first reason that applies is told."""
        if (code := self._card_refusal(today)) is not None:
            return code
        if self.person_state is not PersonState.ACTIVE:
            return DeclineCode.HOLDER_NOT_ACTIVE
        spent_today = self.spent.value if self.day >= today else 0
        if spent_today + amount.value > self.day_limit.value:
            return DeclineCode.DAY_LIMIT_EXCEEDED
        return None

    def _card_refusal(self, today: date) -> DeclineCode | None:
        match self.card_state:
            case CardState.ACTIVE:
                return DeclineCode.CARD_EXPIRED if self.expires_on < today else None
            case CardState.ISSUED:
                return DeclineCode.CARD_NOT_ACTIVATED
            case CardState.LOST:
                return DeclineCode.CARD_LOST
            case CardState.REPLACED:
                return DeclineCode.CARD_REPLACED
            case CardState.CLOSED:
                return DeclineCode.CARD_CLOSED
            case CardState.EXPIRED:
                return DeclineCode.CARD_EXPIRED
            case _:
                assert_never(self.card_state)


class Spenders:
    """The spenders behind card numbers: a bounded memory, and fresh reads in bulk."""

    def __init__(self, pool: "Pool[Record]", *, kept_max: int) -> None:
        self._pool = pool
        self._kept_max = kept_max
        self._kept: dict[str, Spender] = {}
        self._reads = BulkReads(self._find)

    def recall(self, card: str) -> Spender | None:
        """Return a spender as last read, from memory alone."""
        return self._kept.get(card)

    async def read(self, card: str) -> Spender | None:
        """Return a spender as it stands now, or None when no card has this number."""
        spender = await self._reads.get(card) if is_card_number(card) else None
        if spender is None:
            self._kept.pop(card, None)
            return None
        self._kept[card] = spender
        if len(self._kept) > self._kept_max:
            del self._kept[next(iter(self._kept))]  # the one that came in first
        return spender

    def forget_all(self) -> None:
        """Empty the memory."""
        self._kept.clear()

    async def _find(self, cards: Collection[str]) -> dict[str, Spender]:
        rows = await self._pool.fetch(_SQL.get("find_spenders"), list(cards))
        return {row["number"]: _read(row) for row in rows}


def spend(spender: Spender, amount: Fen, *, today: date, device_id: UUID, has_pin: bool) -> Effect:
    """Return the condition on which a purchase posts: all that it was decided on still holds.

    That is the state of card and person, the limits, the terminal and its merchant. What it spends
    counts for the day.
    """
    row = (spender.person_id, spender.version, today, amount.value, has_pin, device_id)
    return Effect(_SQL.get("spend"), row)


def give_back(person_id: UUID, *, day: date, amount: Fen) -> Effect:
    """Return what gives a purchase's amount back to the limit of its day, if that is not over."""
    return Effect(_SQL.get("give_back"), (person_id, day, amount.value))


def _read(row: "Record") -> Spender:
    name: str = row["name"]
    return Spender(
        person_id=row["person_id"],
        version=row["version"],
        holder="*" * (len(name) - 1) + name[-1:],
        person_state=PersonState(row["person_state"]),
        card_state=CardState(row["card_state"]),
        expires_on=row["expires_on"],
        cash_account=row["cash_account"],
        subsidy_account=row["subsidy_account"],
        no_pin_limit=Fen(row["no_pin_limit_fen"]),
        day_limit=Fen(row["day_limit_fen"]),
        day=row["day"],
        spent=Fen(row["spent_fen"]),
    )
