"""A real engine end of the link, and terminals to try it with."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from engine.api.link import LinkServer
from engine.api.link_connection import LinkSettings, TerminalSession
from engine.api.link_socket import drop_unread
from engine.devices import Device, DeviceKind, DeviceState, Till
from engine.merchants import MerchantState
from ledger.ids import uuid7
from terminals import frames
from terminals.identity import (
    Identity,
    Purpose,
    challenge_text,
    new_private_key,
    public_key_of,
    sign,
)
from terminals.messages import (
    FRAME_BYTES_MAX,
    Answer,
    Approved,
    Challenge,
    FromEngine,
    Hello,
    Purchase,
    Request,
    Welcome,
    to_moment,
)

CAMPUS: Final = "nau"
PATH: Final = "/v1/terminals/link"
NOW: Final = datetime(2026, 3, 2, 4, 5, 6, 789_012, tzinfo=UTC)
BUFFER_BYTES: Final = 4096
"""As small as the system allows, so that a terminal that does not read is soon felt."""
SETTINGS: Final = LinkSettings(campus=CAMPUS)


class Desk:
    """Stands where the campus will: approves each purchase, or lets it wait for the test."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[Purchase] = asyncio.Queue()
        self.waiting: dict[UUID, asyncio.Future[Answer]] = {}
        self.is_waiting = False
        self.error: Exception | None = None

    async def handle(self, _: TerminalSession, request: Request) -> Answer:
        assert isinstance(request, Purchase)
        self.taken.put_nowait(request)
        if self.error:
            raise self.error
        if self.is_waiting:
            decided: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self.waiting[request.id] = decided
            return await decided
        return approved(request)

    def approve(self, request: Purchase) -> None:
        """Let a waiting purchase go on."""
        self.waiting.pop(request.id).set_result(approved(request))

    def let_all_go(self) -> None:
        """Give every waiting purchase up."""
        for decided in self.waiting.values():
            decided.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Campus:
    """An engine that serves the link, and the terminals it knows."""

    url: str
    link: LinkServer
    desk: Desk
    registry: CollectorRegistry
    devices: dict[UUID, Device]

    def enrol(self) -> Identity:
        """Return a terminal that is admitted from now on."""
        identity = stranger()
        self.devices[identity.terminal_id] = device_of(identity)
        return identity

    def figure(self, name: str, **labels: str) -> float | None:
        """Return a metric as it stands."""
        return self.registry.get_sample_value(name, labels)


@asynccontextmanager
async def campus(settings: LinkSettings = SETTINGS) -> AsyncIterator[Campus]:
    """Serve the link by uvicorn, as in production, on a port that is free."""
    devices: dict[UUID, Device] = {}
    registry = CollectorRegistry()
    desk = Desk()

    async def find_device(terminal_id: UUID) -> Device | None:
        return devices.get(terminal_id)

    link = LinkServer(
        settings, find_device=find_device, handle=desk.handle, clock=lambda: NOW, registry=registry
    )
    async with served(link) as url:
        yield Campus(url=url, link=link, desk=desk, registry=registry, devices=devices)


@asynccontextmanager
async def served(link: LinkServer) -> AsyncIterator[str]:
    """Serve a link and return its address; stop it in the order that production does."""
    config = uvicorn.Config(
        Starlette(routes=[WebSocketRoute(PATH, link)]),
        ws="websockets-sansio",
        ws_max_size=FRAME_BYTES_MAX,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        drop_unread(listening, after_s=0.5)
        port = listening.getsockname()[1]
        await server.startup(sockets=[listening])
        try:
            yield f"ws://127.0.0.1:{port}{PATH}"
        finally:
            await link.stop()
            await server.shutdown(sockets=[listening])


def stranger() -> Identity:
    """Return a terminal that no campus enrolled."""
    return Identity(terminal_id=uuid4(), campus=CAMPUS, private_key=new_private_key())


def device_of(identity: Identity) -> Device:
    """Return the terminal as the engine has it on record, enrolled at a till."""
    till = Till(
        merchant_id=uuid4(),
        merchant_name="Canteen 1",
        merchant_state=MerchantState.OPEN,
        payable=uuid4(),
    )
    return Device(
        id=identity.terminal_id,
        kind=DeviceKind.TILL,
        place="Counter 1",
        state=DeviceState.ENROLLED,
        public_key=public_key_of(identity.private_key),
        till=till,
        created_at=NOW,
    )


def purchase(no: int = 1) -> Purchase:
    """Return a purchase like any other, under an id of its own."""
    return Purchase(
        no=no, id=uuid7(), card="6217001234567890", amount_fen=1250, event_at=to_moment(NOW)
    )


def approved(request: Purchase) -> Approved:
    """Return the answer of a desk that approves."""
    return Approved(
        no=request.no,
        id=request.id,
        amount_fen=request.amount_fen,
        subsidy_fen=0,
        cash_fen=request.amount_fen,
        balance_after_fen=5000,
        posted_at=to_moment(NOW),
    )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[ClientConnection, Challenge]]:
    """Connect by hand and take the challenge. What is not read soon fills the socket."""
    address = urlsplit(url)
    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        small.connect((address.hostname, address.port))
        plain = connect(url, sock=small, compression=None, ping_interval=None, close_timeout=1)
        async with plain as websocket:
            [challenge] = await receive(websocket)
            assert isinstance(challenge, Challenge)
            yield websocket, challenge


@asynccontextmanager
async def admitted(url: str, identity: Identity) -> AsyncIterator[ClientConnection]:
    """Connect by hand and pass the handshake."""
    async with opened(url) as (websocket, challenge):
        await websocket.send(frames.write([hello(identity, challenge)]))
        [welcome] = await receive(websocket)
        assert isinstance(welcome, Welcome)
        yield websocket


def hello(
    identity: Identity, challenge: Challenge, *, purpose: Purpose = Purpose.LINK, version: int = 1
) -> Hello:
    """Return the answer to a challenge; by default the right one."""
    text = challenge_text(
        purpose,
        campus=identity.campus,
        version=version,
        nonce=challenge.nonce,
        terminal_id=identity.terminal_id,
    )
    return Hello(
        version=version,
        terminal_id=identity.terminal_id,
        nonce=challenge.nonce,
        software="test",
        signature=sign(identity.private_key, text),
    )


async def receive(websocket: ClientConnection) -> list[FromEngine]:
    """Return the messages of the next frame."""
    frame = await websocket.recv()
    assert isinstance(frame, bytes)
    return frames.read_from_engine(frame)


async def receive_answers(websocket: ClientConnection, count: int) -> list[FromEngine]:
    """Return the next messages, in however many frames they come."""
    messages: list[FromEngine] = []
    while len(messages) < count:
        messages += await receive(websocket)
    return messages


async def closing(websocket: ClientConnection) -> tuple[int, str]:
    """Read to the end and return the close code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        await _skip(websocket)
    assert closed.value.rcvd
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def _skip(websocket: ClientConnection) -> NoReturn:
    while True:
        await websocket.recv()
