"""Tills that sell over real links, and write down what they were told of each sale."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from ledger.errors import LedgerBusy
from ledger.ids import uuid7
from ledger.time import wall_clock
from terminals.errors import LinkDown, OutcomeUnknown
from terminals.link import Link
from terminals.messages import (
    Answer,
    Approved,
    Declined,
    Purchase,
    Request,
    Reversal,
    Reversed,
    to_moment,
)


class Fate(Enum):
    """What a till was told in the end; it must stay true."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    REVERSED = "reversed"


@dataclass(slots=True)
class Sale:
    """One purchase, from the first touch on."""

    purchase: Purchase
    fate: Fate = Fate.OPEN
    was_unknown: bool = False
    reversal: Reversal | None = None
    """Once it is sent, nothing else is."""

    @property
    def request(self) -> Request:
        """What is to be sent next."""
        return self.reversal or self.purchase

    def take_back(self) -> None:
        now = wall_clock()
        self.reversal = Reversal(
            id=uuid7(now), purchase_id=self.purchase.id, event_at=to_moment(now)
        )

    def hear(self, answer: Answer) -> None:
        match answer:
            case Approved():
                assert answer.amount_fen == self.purchase.amount_fen
                self.fate = Fate.APPROVED
            case Declined(code=LedgerBusy.code):
                pass  # asked again
            case Declined():
                assert self.reversal is None, answer
                self.fate = Fate.DECLINED
            case Reversed():
                self.fate = Fate.REVERSED
            case _:
                raise AssertionError(f"{answer} answers no sale")


@dataclass(slots=True)
class Till:
    """Sells to one customer after the other, until it is closed."""

    link: Link
    cards: Sequence[str]
    random: Random
    answered: Callable[[], None]
    sales: list[Sale] = field(default_factory=list)
    is_closing: bool = False

    async def run(self) -> None:
        """Sell until closed; every sale is settled then. Every tenth is taken back."""
        keeping = asyncio.ensure_future(self.link.run())
        while not self.is_closing:
            sale = Sale(self._purchase())
            self.sales.append(sale)
            await self._settle(sale)
            if sale.fate is Fate.APPROVED and self.random.random() < 0.1:
                sale.take_back()
                await self._settle(sale)
        keeping.cancel()
        await asyncio.wait([keeping])

    async def _settle(self, sale: Sale) -> None:
        sale.fate = Fate.OPEN
        while sale.fate is Fate.OPEN:
            await self.link.up()
            try:
                sale.hear(await self.link.request(sale.request))
            except LinkDown:
                continue
            except OutcomeUnknown:
                sale.was_unknown = True
                if sale.reversal is None and self.random.random() < 0.5:
                    sale.take_back()
            else:
                self.answered()

    def _purchase(self) -> Purchase:
        now = wall_clock()
        return Purchase(
            id=uuid7(now),
            card=self.random.choice(self.cards),
            amount_fen=self.random.randint(1, 1_500),
            event_at=to_moment(now),
        )
