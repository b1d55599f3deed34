"""One admitted link: requests in, answers out, and an orderly end.

Requests are handed on as they come. Answers that are ready in the same turn of the event loop
leave in one frame. What a connection holds is bounded by the credit, whatever the other side does
or does not read. What was taken in is carried to its end, also when nobody is left to hear it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from engine.api.link_figures import LinkFigures
from engine.api.link_socket import Socket
from engine.devices import Device
from ledger.errors import CampusError, LedgerUnavailable
from ledger.time import Clock
from terminals import frames
from terminals.errors import LinkEnded, MalformedFrame, UnknownMessage
from terminals.messages import (
    FRAME_BYTES_MAX,
    MESSAGES_MAX,
    Answer,
    CloseReason,
    Declined,
    FromEngine,
    Goodbye,
    Ping,
    Pong,
    Request,
    Undecided,
    Welcome,
    to_moment,
)

_WITH_GOODBYE: Final = {CloseReason.STOPPING, CloseReason.REPLACED, CloseReason.IDLE}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Limits of the link. They are the same for every terminal."""

    campus: str
    credit: int = 256
    """Requests of one terminal that may be without an answer."""
    links_max: int = 10_000
    handshakes_max: int = 256
    """Connections that have not proved who they are."""
    handshake_timeout_s: float = 5.0
    idle_timeout_s: float = 90.0
    send_timeout_s: float = 5.0
    """For a terminal to make room for its answers; noticed within twice that time."""
    drain_timeout_s: float = 10.0
    """For accepted requests to be answered at an orderly end."""
    reconnect_after_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSession:
    """The terminal at the other end, for as long as its link is up."""

    device: Device
    software: str


Handle = Callable[[TerminalSession, Request], Awaitable[Answer]]
"""Carries out one request; never called with `Ping`.

What it returns is awaited as a task, or directly if it is a future. The answer bears the request's
`no`. A CampusError raised is a decision against the request, except LedgerUnavailable, which
leaves its outcome open, as does any other exception.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What all links of one server share."""

    settings: LinkSettings
    handle: Handle
    figures: LinkFigures
    clock: Clock


class Connection:
    """An admitted link. `serve` runs it; `end` ends it, from wherever that is decided."""

    def __init__(self, session: TerminalSession, socket: Socket, engine: Engine) -> None:
        self.session = session
        self._socket = socket
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[CloseReason] = self._loop.create_future()
        self._undecided: dict[asyncio.Future[Answer], tuple[int, float]] = {}
        self._outbox: list[FromEngine] = []
        self._owed = 0  # messages to send: requests undecided, outbox, and what is being sent
        self._ready = asyncio.Event()
        self._is_draining = False
        self._heard_at = self._loop.time()
        self._sending_since: float | None = None

    def end(self, reason: CloseReason) -> None:
        """End the link. The first reason stands."""
        if not self._ending.done():
            self._ending.set_result(reason)

    async def serve(self) -> CloseReason:
        """Run the link to its end and return why it ended, when all it took in is decided."""
        self._say(self._welcome())
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._write())
                others = [group.create_task(self._read()), group.create_task(self._watch())]
                reason = await self._ending
                for task in others:
                    task.cancel()
                if reason in _WITH_GOODBYE:
                    await self._drain(reason, writing)
                writing.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._engine.settings.send_timeout_s):
                    await self._socket.close(reason)
        finally:
            await self._settle()
        return reason

    def _welcome(self) -> Welcome:
        settings = self._engine.settings
        return Welcome(
            credit=settings.credit,
            server_time=to_moment(self._engine.clock()),
            frame_bytes_max=FRAME_BYTES_MAX,
            idle_ms=round(settings.idle_timeout_s * 1000),
            policy_version=0,
        )

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._socket.read()
                self._heard_at = self._loop.time()
                self._take_in(frames.read_requests(frame))
        except LinkEnded as ended:
            self.end(ended.reason)
        except UnknownMessage:
            self.end(CloseReason.UNKNOWN_MESSAGE)
        except MalformedFrame:
            self.end(CloseReason.MALFORMED_FRAME)

    def _take_in(self, requests: list[Request]) -> None:
        self._owed += len(requests)
        if self._owed > self._engine.settings.credit:
            raise LinkEnded(CloseReason.CREDIT_EXCEEDED)
        counts, handle, session = self._engine.figures.requests, self._engine.handle, self.session
        for request in requests:
            counts[type(request)] += 1
            if isinstance(request, Ping):
                self._answer(Pong(no=request.no, server_time=to_moment(self._engine.clock())))
                continue
            future = asyncio.ensure_future(handle(session, request), loop=self._loop)
            self._undecided[future] = (request.no, self._heard_at)
            future.add_done_callback(self._decided)

    def _decided(self, future: asyncio.Future[Answer]) -> None:
        no, arrived_at = self._undecided.pop(future)
        self._engine.figures.took(self._loop.time() - arrived_at)
        self._answer(answer_of(future, no))

    def _answer(self, answer: Answer) -> None:
        self._outbox.append(answer)
        self._ready.set()

    def _say(self, message: FromEngine) -> None:
        self._owed += 1
        self._outbox.append(message)
        self._ready.set()

    async def _write(self) -> None:
        try:
            while not self._is_draining or self._outbox:
                await self._ready.wait()
                self._ready.clear()
                await self._flush()
        except LinkEnded as ended:
            self.end(ended.reason)

    async def _flush(self) -> None:
        while self._outbox:
            batch = self._outbox[:MESSAGES_MAX]
            del self._outbox[:MESSAGES_MAX]
            self._sending_since = self._loop.time()
            await self._socket.write(batch)
            self._sending_since = None
            self._owed -= len(batch)

    async def _watch(self) -> None:
        """End the link when the other side has been silent, or has not read, for too long."""
        settings = self._engine.settings
        while True:
            await asyncio.sleep(min(settings.send_timeout_s, settings.idle_timeout_s))
            now = self._loop.time()
            since = self._sending_since
            if since is not None and now - since >= settings.send_timeout_s:
                self.end(CloseReason.TOO_SLOW)
            if now - self._heard_at >= settings.idle_timeout_s:
                self.end(CloseReason.IDLE)

    async def _drain(self, reason: CloseReason, writing: asyncio.Task[None]) -> None:
        """Say goodbye and answer what was taken in, if that is done in time."""
        settings = self._engine.settings
        reconnect_after_ms = round(settings.reconnect_after_s * 1000)
        self._say(Goodbye(reason=reason, reconnect_after_ms=reconnect_after_ms))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.drain_timeout_s):
                await self._all_decided()
                self._is_draining = True
                self._ready.set()
                await writing

    async def _settle(self) -> None:
        """Wait for what was taken in: money may be moving. Cancelled, cancel it too."""
        try:
            await self._all_decided()
        except asyncio.CancelledError:
            for future in self._undecided:
                future.cancel()
            raise

    async def _all_decided(self) -> None:
        while self._undecided:
            await asyncio.wait(self._undecided)


def answer_of(future: asyncio.Future[Answer], no: int) -> Answer:
    """Return what a terminal is told of a request that has come to its end, one way or another."""
    if future.cancelled():
        return Undecided(no=no, code="cancelled")
    error = future.exception()
    match error:
        case None:
            return future.result()
        case LedgerUnavailable():
            return Undecided(no=no, code=error.code)
        case CampusError():
            return Declined(no=no, code=error.code, transient=error.transient)
        case _:
            log.error("terminal request failed", exc_info=error)
            return Undecided(no=no, code="internal_error")
