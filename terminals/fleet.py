"""A fleet of simulated tills in one process, each with a link, a queue and a cashier of its own.

    fleet = Fleet(identities, LinkOptions(url=...), clock=wall_clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(fleet.run())
        fleet.queue(Order(till=0, card=..., amount=Fen(1250)))
        fleet.close()

A till serves one customer after the other and does what real ones do: it reverses what it got no
answer to, takes a purchase back, or gives part of the money back. What came of it all is counted
in `figures`.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, assert_never

from ledger.errors import LedgerBusy
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.time import Clock
from terminals.errors import LinkDown, LinkRefused, OutcomeUnknown
from terminals.identity import Identity
from terminals.latencies import Latencies
from terminals.link import Link, LinkOptions
from terminals.messages import (
    Answer,
    Approved,
    Declined,
    Purchase,
    Refund,
    Refunded,
    Request,
    Reversal,
    Reversed,
    to_moment,
)

_QUEUE_MAX: Final = 50
"""Customers at one till; whoever finds more walks away."""
_RETRY_WAIT_S: Final = 0.25


class Aftermath(StrEnum):
    """What the cashier does about a purchase once it is asked for."""

    NONE = "none"
    TAKE_BACK = "take_back"
    """Wrong amount, say: the approved purchase is reversed."""
    REFUND = "refund"
    """Half of it is given back."""
    GIVE_UP = "give_up"
    """The till does not wait for the answer, so that it must reverse what it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A customer who comes to a till."""

    till: int
    """The place of the till in the fleet."""
    card: str = field(repr=False)
    amount: Fen
    pin: str | None = field(default=None, repr=False)
    aftermath: Aftermath = Aftermath.NONE


@dataclass(slots=True)
class FleetFigures:
    """What a fleet has seen."""

    approved: int = 0
    declined: Counter[str] = field(default_factory=Counter)
    """By the code of the engine's answer."""
    unknown: int = 0
    """Purchases without an answer; each is reversed."""
    reversed: Counter[str] = field(default_factory=Counter)
    """By what the reversal found."""
    refunded: int = 0
    walked_away: int = 0
    """Customers who found the till closed, its link down or its queue full."""
    out_of_service: int = 0
    """Tills that the engine no longer admits."""
    latencies: Latencies = field(default_factory=Latencies)
    """Of purchases, from the request to its answer."""


class Fleet:
    """Tills that serve who is queued at them."""

    def __init__(
        self,
        identities: Sequence[Identity],
        options: LinkOptions,
        *,
        clock: Clock,
        heard: Callable[[Order, Answer], None] = lambda _, __: None,
    ) -> None:
        """Take the tills in the order in which orders number them; `heard` is told each answer."""
        self._shared = _Shared(FleetFigures(), clock, heard)
        self._tills = [_Till(Link(identity, options), self._shared) for identity in identities]

    @property
    def figures(self) -> FleetFigures:
        """What the fleet has seen, as it counts on."""
        return self._shared.figures

    def take_figures(self) -> FleetFigures:
        """Return what the fleet has seen since the last call, and count anew."""
        taken, self._shared.figures = self._shared.figures, FleetFigures()
        return taken

    async def run(self) -> None:
        """Serve until `close`. A till that the engine refuses stays closed, the others go on."""
        async with asyncio.TaskGroup() as group:
            for till in self._tills:
                group.create_task(till.run())

    def queue(self, order: Order) -> None:
        """Let a customer come; one who finds the till closed or too many before them walks away."""
        self._tills[order.till].queue(order)

    def close(self) -> None:
        """Let `run` return when everybody who waits is served."""
        for till in self._tills:
            till.close()


@dataclass(slots=True)
class _Shared:
    """What all tills of a fleet share."""

    figures: FleetFigures
    clock: Clock
    heard: Callable[[Order, Answer], None]


class _Till:
    def __init__(self, link: Link, shared: _Shared) -> None:
        self._link = link
        self._shared = shared
        self._waiting: deque[Order] = deque()
        self._wake = asyncio.Event()
        self._is_refused = False
        self._is_closing = False

    def queue(self, order: Order) -> None:
        """Let a customer in, if there is room and anybody to serve."""
        if self._is_refused or len(self._waiting) >= _QUEUE_MAX:
            self._shared.figures.walked_away += 1
            return
        self._waiting.append(order)
        self._wake.set()

    def close(self) -> None:
        """Serve who waits, then end."""
        self._is_closing = True
        self._wake.set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(self._link.run())
                await self._link.up()  # whoever comes before the till opens waits
                await self._serve_all()
                keeping.cancel()
        except* LinkRefused:
            self._shared.figures.out_of_service += 1
            self._shared.figures.walked_away += len(self._waiting)
            self._is_refused = True

    async def _serve_all(self) -> None:
        while True:
            while self._waiting:
                await self._serve(self._waiting.popleft())
            if self._is_closing:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _serve(self, order: Order) -> None:
        now = self._shared.clock()
        purchase = Purchase(
            id=uuid7(now),
            card=order.card,
            amount_fen=order.amount.value,
            event_at=to_moment(now),
            pin=order.pin,
        )
        try:
            answer = await self._purchase(purchase, order)
        except LinkDown:
            self._shared.figures.walked_away += 1
        except (OutcomeUnknown, TimeoutError):
            self._shared.figures.unknown += 1
            await self._reverse(purchase)
        else:
            self._shared.heard(order, answer)
            await self._count(purchase, order, answer)

    async def _purchase(self, purchase: Purchase, order: Order) -> Answer:
        loop = asyncio.get_running_loop()
        patience_s = 0 if order.aftermath is Aftermath.GIVE_UP else None
        started_at = loop.time()
        async with asyncio.timeout(patience_s):
            answer = await self._link.request(purchase)
        self._shared.figures.latencies.add(loop.time() - started_at)
        return answer

    async def _count(self, purchase: Purchase, order: Order, answer: Answer) -> None:
        match answer:
            case Declined():
                self._shared.figures.declined[answer.code] += 1
            case Approved():
                self._shared.figures.approved += 1
                await self._follow_up(purchase, order)
            case _:
                raise RuntimeError(f"{type(answer).__name__} does not answer a purchase")

    async def _follow_up(self, purchase: Purchase, order: Order) -> None:
        match order.aftermath:
            case Aftermath.NONE | Aftermath.GIVE_UP:
                pass
            case Aftermath.TAKE_BACK:
                await self._reverse(purchase)
            case Aftermath.REFUND:
                await self._refund(purchase, order.amount.split([1, 1])[0])
            case _:
                assert_never(order.aftermath)

    async def _reverse(self, purchase: Purchase) -> None:
        now = self._shared.clock()
        answer = await self._until_answered(
            Reversal(id=uuid7(now), purchase_id=purchase.id, event_at=to_moment(now))
        )
        if isinstance(answer, Reversed):
            self._shared.figures.reversed[answer.state] += 1
        elif isinstance(answer, Declined):
            self._shared.figures.declined[answer.code] += 1

    async def _refund(self, purchase: Purchase, amount: Fen) -> None:
        now = self._shared.clock()
        answer = await self._until_answered(
            Refund(
                id=uuid7(now),
                purchase_id=purchase.id,
                amount_fen=amount.value,
                event_at=to_moment(now),
            )
        )
        if isinstance(answer, Refunded):
            self._shared.figures.refunded += 1
        elif isinstance(answer, Declined):
            self._shared.figures.declined[answer.code] += 1

    async def _until_answered(self, request: Request) -> Answer:
        """Send the same request, over as many links as it takes, until the engine has decided."""
        while True:
            await self._link.up()
            try:
                answer = await self._link.request(request)
            except (LinkDown, OutcomeUnknown):
                await asyncio.sleep(_RETRY_WAIT_S)
                continue
            if not (isinstance(answer, Declined) and answer.code == LedgerBusy.code):
                return answer
            await asyncio.sleep(_RETRY_WAIT_S)
