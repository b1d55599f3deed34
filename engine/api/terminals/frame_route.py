"""Frames by POST: the messages of the link for devices that ask seldom.

`docs/terminal-protocol.md` describes them. A frame is an array of arrays, in MessagePack or JSON,
so these are routes of their own and not operations, which take JSON objects.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from engine.api import Anybody, RateLimit, Visitor, bodies
from engine.api.access import Access, Principal
from engine.api.arrivals import Arrival, Bounds, Entrance
from engine.api.errors import UnsupportedMediaType
from engine.api.link_connection import TerminalSession, answer_of
from engine.api.places import Gate, Places
from engine.api.rate_limits import Buckets
from engine.api.terminals.access import Admissions, Terminal, TerminalAccess
from engine.api.terminals.operations import SELLING
from engine.terminal_requests import TerminalRequests
from ledger.time import Clock
from terminals import frames
from terminals.errors import UnknownMessage
from terminals.messages import (
    FRAME_BYTES_MAX,
    VERSIONS,
    Answer,
    FromEngine,
    FromTerminal,
    Hello,
    Ping,
    Pong,
    Request,
    to_moment,
)

P = TypeVar("P", bound=Principal)

INTRODUCING: Final = RateLimit(name="introducing", burst=100, per_second=10)
"""For one address, behind which all terminals of a campus may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How frames are written in one media type."""

    media_type: bytes
    read_from_terminal: Callable[[bytes], list[FromTerminal]]
    read_requests: Callable[[bytes], list[Request]]
    write: Callable[[Sequence[FromEngine]], bytes]


_MSGPACK: Final = Coding(
    media_type=b"application/msgpack",
    read_from_terminal=frames.read_from_terminal,
    read_requests=frames.read_requests,
    write=frames.write,
)
_JSON: Final = Coding(
    media_type=b"application/json",
    read_from_terminal=frames.read_from_terminal_json,
    read_requests=frames.read_requests_json,
    write=frames.write_json,
)
_CODINGS: Final = {coding.media_type: coding for coding in (_MSGPACK, _JSON)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[P]):
    """One frame as it came; empty where the caller had nothing to say."""

    principal: P
    coding: Coding
    frame: bytes


class FrameEndpoint(Generic[P]):
    """Answers a frame with a frame, as an ASGI application. Errors are left to the HTTP frame."""

    def __init__(
        self,
        access: Access[P],
        entrance: Entrance,
        handler: Callable[[Question[P]], Awaitable[Sequence[FromEngine]]],
    ) -> None:
        self._access = access
        self._entrance = entrance
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate, limit, read, and only then handle."""
        arrival = Arrival(self._entrance, scope, receive)
        with arrival.place():
            with arrival.gate:
                principal = await self._access.authenticate(arrival.connection)
            arrival.charge(principal.key)
            coding = _coding_of(scope)
            frame = await bodies.read_all(scope, receive, bytes_max=FRAME_BYTES_MAX)
            question = Question(principal=principal, coding=coding, frame=frame)
            with arrival.gate:
                body = coding.write(await self._handler(question))
        headers = [
            (b"content-type", coding.media_type),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class FrameRoutes:
    """The three places where frames are taken."""

    def __init__(
        self,
        requests: TerminalRequests,
        admissions: Admissions,
        *,
        access: TerminalAccess,
        clock: Clock,
    ) -> None:
        self._requests = requests
        self._admissions = admissions
        self._access = access
        self._clock = clock

    async def challenge(self, _: Question[Visitor]) -> Sequence[FromEngine]:
        """Give out a challenge."""
        return [self._admissions.challenge()]

    async def open_session(self, question: Question[Visitor]) -> Sequence[FromEngine]:
        """Take the answer to a challenge. Raises NotAdmitted, LedgerUnavailable, MalformedFrame."""
        match question.coding.read_from_terminal(question.frame):
            case [Hello(version=version) as hello] if version in VERSIONS:
                return [await self._admissions.admit(hello)]
            case _:
                raise UnknownMessage("one hello of a version that was offered is wanted")

    async def carry_out(self, question: Question[Terminal]) -> Sequence[FromEngine]:
        """Carry requests out, all at once. Raises MalformedFrame before any is looked at."""
        session = TerminalSession(device=question.principal.device, software="")
        requests = question.coding.read_requests(question.frame)
        futures = [asyncio.ensure_future(self._answer(session, each)) for each in requests]
        try:
            await asyncio.wait(futures)
        finally:
            for future in futures:
                future.cancel()
        answers = zip(futures, requests, strict=True)
        return [answer_of(future, request.no) for future, request in answers]

    def routes(self) -> list[BaseRoute]:
        """Return the routes, with limits of their own: no flood of other requests fills them."""
        bounds = Bounds()
        places = Places(capacity=bounds.requests_max, limit_s=bounds.request_limit_s)
        gate = Gate(bounds.working_max)

        def entrance(limit: RateLimit) -> Entrance:
            callers_max = bounds.rate_limited_callers_max
            buckets = Buckets(limit, callers_max=callers_max, clock=time.monotonic)
            return Entrance(
                places=places, gate=gate, buckets=buckets, body_bytes_max=FRAME_BYTES_MAX
            )

        introducing, selling = entrance(INTRODUCING), entrance(SELLING)
        challenge = FrameEndpoint(Anybody(), introducing, self.challenge)
        session = FrameEndpoint(Anybody(), introducing, self.open_session)
        messages = FrameEndpoint(self._access, selling, self.carry_out)
        return [
            Route("/v1/terminals/challenge", challenge, methods=["POST"]),
            Route("/v1/terminals/session", session, methods=["POST"]),
            Route("/v1/terminals/messages", messages, methods=["POST"]),
        ]

    async def _answer(self, session: TerminalSession, request: Request) -> Answer:
        if isinstance(request, Ping):
            return Pong(no=request.no, server_time=to_moment(self._clock()))
        return await self._requests.handle(session, request)


def _coding_of(scope: Scope) -> Coding:
    """Return the coding that a request declares; JSON where it declares none."""
    values = bodies.headers(scope, b"content-type")
    media_type = b"".join(values).partition(b";")[0].strip().lower()
    coding = _CODINGS.get(media_type or _JSON.media_type)
    if coding is None:
        raise UnsupportedMediaType
    return coding
