"""A campus in a few lines behind a real link, for fleets and loads to sell to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar, assert_never
from uuid import UUID

from prometheus_client import CollectorRegistry

from engine.api.link import LinkServer
from engine.api.link_connection import TerminalSession
from engine.devices import Device
from ledger.time import wall_clock
from terminals.identity import Identity
from terminals.messages import (
    Answer,
    CloseReason,
    Declined,
    Ping,
    Purchase,
    Query,
    Refund,
    Refunded,
    Request,
    Reversal,
    ReversalState,
    Reversed,
    to_moment,
)
from tests.links import SETTINGS, approved, device_of, served, stranger

Asked = TypeVar("Asked", Purchase, Reversal, Refund)

NO_MONEY: Final = "a card without money"


class Shop:
    """Approves but for one card, remembers what stands, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.devices: dict[UUID, Device] = {}
        self.asked: list[tuple[UUID, Request]] = []
        self.standing: dict[UUID, int] = {}
        self.lost: set[str] = set()
        """Cards that are declined as lost."""
        self.faults: dict[type[Request], list[Exception]] = {}
        self.cuts = 0
        """So many links are cut while a request is being answered."""
        self._came_back = asyncio.Event()
        self.link = LinkServer(
            SETTINGS,
            find_device=self._find_device,
            handle=self._handle,
            clock=wall_clock,
            registry=CollectorRegistry(),
        )

    def enrol(self, count: int) -> list[Identity]:
        """Return terminals that are admitted from now on."""
        made = [stranger() for _ in range(count)]
        for identity in made:
            self.devices[identity.terminal_id] = device_of(identity)
        return made

    def of_kind(self, kind: type[Asked]) -> list[Asked]:
        """Return what was asked of one kind."""
        return [request for _, request in self.asked if isinstance(request, kind)]

    async def _find_device(self, terminal_id: UUID) -> Device | None:
        self._came_back.set()
        return self.devices.get(terminal_id)

    async def _handle(self, session: TerminalSession, request: Request) -> Answer:
        terminal_id = session.device.id
        self.asked.append((terminal_id, request))
        if self.cuts:
            self.cuts -= 1
            self._came_back.clear()
            self.link._links[terminal_id].end(CloseReason.TOO_SLOW)
            answer = self._decide(request)
            await self._came_back.wait()
            return answer
        if faults := self.faults.get(type(request)):
            raise faults.pop(0)
        return self._decide(request)

    def _decide(self, request: Request) -> Answer:
        match request:
            case Purchase(card=card) if card == NO_MONEY:
                return Declined(no=request.no, code="insufficient_funds", transient=True)
            case Purchase(card=card) if card in self.lost:
                return Declined(no=request.no, code="card_lost", transient=False)
            case Purchase():
                self.standing[request.id] = request.amount_fen
                return approved(request)
            case Reversal():
                is_known = self.standing.pop(request.purchase_id, None) is not None
                state = ReversalState.UNDONE if is_known else ReversalState.PREVENTED
                return Reversed(no=request.no, id=request.id, state=state)
            case Refund():
                self.standing[request.purchase_id] -= request.amount_fen
                return _refunded(request)
            case Query() | Ping():
                raise AssertionError("no till asks this, or the link answers it")
            case _:
                assert_never(request)


def _refunded(request: Refund) -> Refunded:
    return Refunded(
        no=request.no,
        id=request.id,
        amount_fen=request.amount_fen,
        refunded_total_fen=request.amount_fen,
        posted_at=to_moment(wall_clock()),
    )


@asynccontextmanager
async def shop() -> AsyncIterator[tuple[Shop, str]]:
    """Serve a shop's link; yield the shop and the address."""
    opened = Shop()
    async with served(opened.link) as url:
        yield opened, url
