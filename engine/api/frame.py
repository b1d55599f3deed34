"""What surrounds every request: its id, log line, latency, headers, and the last word on errors."""

import contextlib
import time
from collections.abc import Awaitable
from typing import Final
from uuid import UUID

import structlog
from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.api.errors import InternalError, MethodNotAllowed, OutOfReach, PathNotFound
from engine.api.latency import Latency
from engine.api.problems import RawHeaders, Rendered, render
from engine.api.routes import Endpoint, NotAllowed
from ledger.errors import CampusError
from ledger.ids import uuid7
from ledger.writer import LOST

log = structlog.get_logger()

_UNMATCHED: Final = "unmatched"
_NO_ANSWER: Final = 499
"""What nginx logs when the caller is gone before the answer."""
_DEFAULT_HEADERS: Final[RawHeaders] = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_DEFAULT_HEADERS_V1: Final[RawHeaders] = [*_DEFAULT_HEADERS, (b"cache-control", b"no-store")]


class Frame:
    """The outermost ASGI application of the engine, around its router.

    Every answer gets an `X-Request-Id` and, where the page does not set its own, the headers that
    forbid a browser everything. Every error becomes a problem; one that we did not raise on
    purpose is logged with its place and answered with nothing but the request id.
    """

    def __init__(self, router: ASGIApp, *, latency: Latency) -> None:
        self._router = router
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the router; everything but HTTP goes there untouched."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = uuid7()
        text = str(request_id)
        structlog.contextvars.bind_contextvars(request_id=text)
        scope["request_id"] = request_id
        scope["app"] = self  # makes Starlette's router raise 404 and 405 instead of answering
        reply = _Reply(scope, send, text)
        try:
            await self._answer(scope, receive, reply, request_id)
        finally:
            self._record(scope, reply.status, time.perf_counter() - started)

    async def _answer(
        self, scope: Scope, receive: Receive, reply: "_Reply", request_id: UUID
    ) -> None:
        try:
            await self._router(scope, receive, reply)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  the outermost place: nothing may leak from here
            rendered = _rendered(error, request_id)
        else:
            return
        if not reply.is_started:  # else the server closes the connection: half an answer is none
            await reply.send_rendered(rendered)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        operation, template = _place_of(scope)
        self._latency.observe(operation, status, seconds)
        log.info(
            "request",
            method=scope["method"],
            route=template,
            status=status,
            duration_ms=round(seconds * 1000, 3),
        )


class _Reply:
    """The answer on its way out: remembers its status, adds the headers that all answers have."""

    __slots__ = ("_defaults", "_request_id", "_send", "is_started", "status")

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        is_api = scope["path"].startswith("/v1/")
        self._defaults = _DEFAULT_HEADERS_V1 if is_api else _DEFAULT_HEADERS
        self._request_id = (b"x-request-id", request_id.encode())
        self._send = send
        self.is_started = False
        self.status = _NO_ANSWER

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.is_started = True
            self.status = message["status"]
            given = message.get("headers", ())
            names = {name for name, _ in given}
            added = [header for header in self._defaults if header[0] not in names]
            message["headers"] = [*given, *added, self._request_id]
        return self._send(message)

    async def send_rendered(self, rendered: Rendered) -> None:
        start = {"status": rendered.status, "headers": rendered.headers}
        await self({"type": "http.response.start", **start})
        await self({"type": "http.response.body", "body": rendered.body})


def _place_of(scope: Scope) -> tuple[str, str]:
    """Return the operation's name and its path with the names in braces: never the path asked."""
    endpoint, route = scope.get("endpoint"), scope.get("route")
    if isinstance(endpoint, Endpoint):
        return endpoint.operation.name, endpoint.operation.path
    if isinstance(endpoint, NotAllowed):
        return _UNMATCHED, endpoint.template
    if isinstance(route, Route | Mount):
        return route.path, route.path
    return _UNMATCHED, _UNMATCHED


def _rendered(error: Exception, request_id: UUID) -> Rendered:
    match error:
        case HTTPException(status_code=404):
            return render(PathNotFound(), request_id)
        case HTTPException(status_code=405, headers=headers):
            rendered = render(MethodNotAllowed(), request_id)
            allow = (b"allow", (headers or {}).get("Allow", "").encode())
            return replace(rendered, headers=[*rendered.headers, allow])
    if isinstance(error, LOST):
        log.error("database out of reach", exc_info=error)
        return render(OutOfReach(), request_id)
    if isinstance(error, CampusError):
        with contextlib.suppress(LookupError):  # one without a status is a mistake of ours
            return render(error, request_id)
    log.error("request failed", exc_info=error)
    return render(InternalError(), request_id)
