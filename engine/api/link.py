"""The terminal link at the engine: one authenticated WebSocket for each terminal.

`docs/terminal-protocol.md` says what travels on it. `LinkServer` is an ASGI application to be put
behind a route; it admits terminals, keeps one link for each, and ends links.
"""

import asyncio
import math
import secrets
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from engine.api.link_admission import FindDevice, NotAdmitted, admit
from engine.api.link_connection import Connection, Engine, Handle, LinkSettings, TerminalSession
from engine.api.link_figures import LinkFigures
from engine.api.link_socket import Socket
from engine.devices import Device
from ledger.errors import CampusError
from ledger.time import Clock
from terminals import frames
from terminals.errors import LinkEnded, MalformedFrame, UnknownMessage
from terminals.identity import Purpose
from terminals.messages import VERSIONS, Challenge, CloseReason, Hello, to_moment

log = structlog.get_logger()


class LinkServer:
    """All terminal links of one process.

    `find_device` is asked in each handshake and `handle` for each request. Call `revoke` after a
    revocation is committed, in every process, and `stop` before the web server is told to stop.
    """

    def __init__(
        self,
        settings: LinkSettings,
        *,
        find_device: FindDevice,
        handle: Handle,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        self._find_device = find_device
        self._figures = LinkFigures()
        self._engine = Engine(settings=settings, handle=handle, figures=self._figures, clock=clock)
        self._links: dict[UUID, Connection] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._greeting = 0
        self._revocations = 0
        self._is_stopping = False
        registry.register(self._figures)

    @property
    def connected(self) -> int:
        """How many terminals are linked."""
        return len(self._links)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, from its request to connect until all it asked is decided."""
        assert scope["type"] == "websocket"
        socket = Socket(receive, send)
        if self._is_full():
            await socket.refuse(math.ceil(self._settings.reconnect_after_s))
            return
        try:
            session = await self._greet(socket)
        except LinkEnded as refused:
            self._figures.ended[refused.reason] += 1
            await socket.close(refused.reason)
            return
        # No await stands between the last look at the device and the entry in `_links`: whenever
        # `revoke` is called, it finds the handshake or the link.
        await self._serve(Connection(session, socket, self._engine))

    def revoke(self, terminal_id: UUID) -> None:
        """End the terminal's link, if it has one, at once; one being opened is looked up again."""
        self._revocations += 1
        if connection := self._links.get(terminal_id):
            connection.end(CloseReason.REVOKED)

    async def stop(self) -> None:
        """Take nothing more in, answer what was taken in, close. Returns when all links ended."""
        self._is_stopping = True
        for connection in self._links.values():
            connection.end(CloseReason.STOPPING)
        while self._serving:
            await asyncio.wait(self._serving)

    def _is_full(self) -> bool:
        return (
            self._is_stopping
            or self._greeting >= self._settings.handshakes_max
            or len(self._links) >= self._settings.links_max
        )

    async def _greet(self, socket: Socket) -> TerminalSession:
        """Challenge the other side and return who it is. Raises LinkEnded."""
        self._greeting += 1
        try:
            await socket.accept()
            nonce = secrets.token_bytes(32)
            async with asyncio.timeout(self._settings.handshake_timeout_s):
                hello = await self._challenge(socket, nonce)
            return TerminalSession(device=await self._admit(hello, nonce), software=hello.software)
        except TimeoutError:
            raise LinkEnded(CloseReason.HANDSHAKE_TIMEOUT) from None
        finally:
            self._greeting -= 1

    async def _challenge(self, socket: Socket, nonce: bytes) -> Hello:
        now = to_moment(self._engine.clock())
        await socket.write([Challenge(nonce=nonce, server_time=now, versions=VERSIONS)])
        try:
            match frames.read_from_terminal(await socket.read()):
                case [Hello() as hello] if hello.version in VERSIONS:
                    return hello
                case [Hello()]:
                    raise LinkEnded(CloseReason.VERSION_NOT_OFFERED)
                case _:
                    raise LinkEnded(CloseReason.UNKNOWN_MESSAGE)
        except UnknownMessage:
            raise LinkEnded(CloseReason.UNKNOWN_MESSAGE) from None
        except MalformedFrame:
            raise LinkEnded(CloseReason.MALFORMED_FRAME) from None

    async def _admit(self, hello: Hello, nonce: bytes) -> Device:
        """Return the terminal, as no revocation has overtaken it. Raises LinkEnded."""
        while True:
            revocations = self._revocations
            try:
                async with asyncio.timeout(self._settings.handshake_timeout_s):
                    device = await admit(
                        hello,
                        find_device=self._find_device,
                        purpose=Purpose.LINK,
                        campus=self._settings.campus,
                        nonce=nonce,
                    )
            except NotAdmitted as refusal:
                log.warning(
                    "terminal not admitted",
                    terminal_id=str(hello.terminal_id),
                    fault=refusal.fault,
                )
                raise LinkEnded(CloseReason.NOT_ADMITTED) from refusal
            except (CampusError, TimeoutError) as error:
                log.exception("terminals cannot be looked up")
                raise LinkEnded(CloseReason.UNAVAILABLE) from error
            if revocations == self._revocations:
                return device

    async def _serve(self, connection: Connection) -> None:
        device, software = connection.session.device, connection.session.software
        events = log.bind(terminal_id=str(device.id))
        task = asyncio.current_task()
        assert task is not None
        if older := self._links.get(device.id):
            older.end(CloseReason.REPLACED)
        self._links[device.id] = connection
        self._serving.add(task)
        self._figures.links += 1
        events.info("terminal link opened", software=software)
        if self._is_stopping:
            connection.end(CloseReason.STOPPING)
        try:
            reason = await connection.serve()
            self._figures.ended[reason] += 1
            events.info("terminal link ended", reason=reason)
        finally:
            self._figures.links -= 1
            self._serving.discard(task)
            if self._links.get(device.id) is connection:
                del self._links[device.id]
