"""A small campus of our own: operations that use everything the frame has."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from starlette.requests import HTTPConnection

from engine.api import (
    About,
    AmountFen,
    Answer,
    Anybody,
    AnyOperation,
    Bearer,
    Call,
    CampusTime,
    Cursors,
    Method,
    Moment,
    Nothing,
    Operation,
    Page,
    PageParameters,
    RateLimit,
    Received,
    Scheme,
    Visitor,
    campus_time,
)
from engine.errors import NotSignedIn
from ledger.errors import CampusError, RefusalCode, TransferConflict, TransferRefused

ABOUT = About(title="Example", version="1", description="A campus to ask questions of.")
GENEROUS = RateLimit(name="generous", burst=1000, per_second=1000)
SELDOM = RateLimit(name="seldom", burst=2, per_second=1)
NOON = datetime(2025, 9, 1, 4, 0, tzinfo=UTC)
ENTRIES = 7
LARGE_BODY_BYTES_MAX = 256 * 1024

cursors = Cursors("entries", tuple[int, str])


@dataclass(frozen=True, slots=True)
class Member:
    name: str

    @property
    def key(self) -> str:
        return self.name


class Members:
    schemes: tuple[Scheme, ...] = (Bearer(name="member", description="The member's token."),)
    errors: tuple[type[CampusError], ...] = (NotSignedIn,)

    async def authenticate(self, connection: HTTPConnection) -> Member:
        scheme, _, name = connection.headers.get("authorization", "").partition(" token-of-")
        if scheme != "Bearer":
            raise NotSignedIn
        return Member(name)


class Payment(Received, frozen=True, kw_only=True):
    id: UUID | None = None
    amount_fen: AmountFen
    event_at: Moment
    note: Annotated[str, msgspec.Meta(max_length=20)] = ""
    pin: Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")] | None = None


class Receipt(Answer, frozen=True, kw_only=True):
    id: UUID
    payer: str
    amount_fen: int
    event_at: CampusTime


class Cards(Received, frozen=True, kw_only=True):
    card_id: UUID
    at_most: Annotated[int, msgspec.Meta(ge=1)] = 10


class Card(Answer, frozen=True, kw_only=True):
    id: UUID
    at_most: int


class Entry(Answer, frozen=True, kw_only=True):
    number: int


class Failure(Received, frozen=True, kw_only=True):
    name: str


class Done(Answer, frozen=True, kw_only=True):
    done: bool = True


class NoStatus(CampusError):
    """Nobody gave this one a status."""

    code = "no_status"


@dataclass(slots=True)
class World:
    """What the handlers need, and what a test may look at."""

    errors: dict[str, Callable[[], Exception]] = field(default_factory=dict)
    visits: RateLimit = SELDOM
    started: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False

    async def pay(self, call: Call[Payment, Nothing, Member]) -> Receipt:
        return Receipt(
            id=call.idempotency_id,
            payer=call.principal.name,
            amount_fen=call.body.amount_fen,
            event_at=campus_time(call.body.event_at),
        )

    async def show_card(self, call: Call[Nothing, Cards, Member]) -> Card:
        return Card(id=call.parameters.card_id, at_most=call.parameters.at_most)

    async def forget_card(self, _: Call[Nothing, Cards, Member]) -> Nothing:
        return Nothing()

    async def list_entries(self, call: Call[Nothing, PageParameters, Member]) -> Page[Entry]:
        asked = call.parameters
        first = cursors.read(asked.cursor)[0] + 1 if asked.cursor else 1
        items = [Entry(number=number) for number in range(first, ENTRIES + 1)][: asked.limit]
        is_last = not items or items[-1].number == ENTRIES
        following = None if is_last else cursors.write((items[-1].number, "entry"))
        return Page(items=items, next_cursor=following)

    async def fail(self, call: Call[Nothing, Failure, Visitor]) -> Nothing:
        error = self.errors[call.parameters.name]()
        raise error

    async def visit(self, _: Call[Nothing, Nothing, Visitor]) -> Done:
        return Done()

    async def greet(self, _: Call[Nothing, Nothing, Member]) -> Done:
        return Done()

    async def wait(self, _: Call[Nothing, Nothing, Visitor]) -> Done:
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return Done()

    async def load(self, call: Call[Payment, Nothing, Visitor]) -> Done:
        return Done(done=bool(call.body))

    def operations(self) -> tuple[AnyOperation, ...]:
        return (*self._of_members(), *self._of_anybody())

    def _of_members(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="pay",
                method=Method.POST,
                path="/v1/payments",
                summary="Pay",
                handler=self.pay,
                body=Payment,
                parameters=Nothing,
                response=Receipt,
                status=HTTPStatus.CREATED,
                access=Members(),
                rate_limit=GENEROUS,
                errors=(TransferRefused, TransferConflict),
                moves_money=True,
            ),
            Operation(
                name="show_card",
                method=Method.GET,
                path="/v1/cards/{card_id}",
                summary="Show a card",
                handler=self.show_card,
                body=Nothing,
                parameters=Cards,
                response=Card,
                access=Members(),
                rate_limit=GENEROUS,
            ),
            Operation(
                name="forget_card",
                method=Method.DELETE,
                path="/v1/cards/{card_id}",
                summary="Forget a card",
                handler=self.forget_card,
                body=Nothing,
                parameters=Cards,
                response=Nothing,
                status=HTTPStatus.NO_CONTENT,
                access=Members(),
                rate_limit=GENEROUS,
            ),
            Operation(
                name="list_entries",
                method=Method.GET,
                path="/v1/entries",
                summary="List entries",
                handler=self.list_entries,
                body=Nothing,
                parameters=PageParameters,
                response=Page[Entry],
                access=Members(),
                rate_limit=GENEROUS,
            ),
            Operation(
                name="greet",
                method=Method.POST,
                path="/v1/greetings",
                summary="Be greeted, not too often",
                handler=self.greet,
                body=Nothing,
                parameters=Nothing,
                response=Done,
                access=Members(),
                rate_limit=self.visits,
            ),
        )

    def _of_anybody(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="fail",
                method=Method.GET,
                path="/v1/failures/{name}",
                summary="Fail",
                handler=self.fail,
                body=Nothing,
                parameters=Failure,
                response=Nothing,
                status=HTTPStatus.NO_CONTENT,
                access=Anybody(),
                rate_limit=GENEROUS,
            ),
            Operation(
                name="visit",
                method=Method.POST,
                path="/v1/visits",
                summary="Visit, not too often",
                handler=self.visit,
                body=Nothing,
                parameters=Nothing,
                response=Done,
                access=Anybody(),
                rate_limit=self.visits,
            ),
            Operation(
                name="wait",
                method=Method.POST,
                path="/v1/waits",
                summary="Wait for the test",
                handler=self.wait,
                body=Nothing,
                parameters=Nothing,
                response=Done,
                access=Anybody(),
                rate_limit=GENEROUS,
            ),
            Operation(
                name="load",
                method=Method.POST,
                path="/v1/loads",
                summary="Take a large body",
                handler=self.load,
                body=Payment,
                parameters=Nothing,
                response=Done,
                access=Anybody(),
                rate_limit=GENEROUS,
                body_bytes_max=LARGE_BODY_BYTES_MAX,
            ),
        )


def insufficient() -> TransferRefused:
    return TransferRefused(RefusalCode.INSUFFICIENT_FUNDS, needed_fen=1250, available_fen=300)
