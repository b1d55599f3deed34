"""Operations compiled into a route: finding the one that is asked for, answering for it."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, NoReturn

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

from engine.api.access import Scheme
from engine.api.arrivals import Arrival, Bounds, Entrance
from engine.api.declarations import check, names_in
from engine.api.errors import MethodNotAllowed, PathNotFound
from engine.api.openapi import About, describe, errors_of
from engine.api.operations import AnyOperation, Method
from engine.api.places import Gate, Places
from engine.api.rate_limits import Buckets, MonotonicClock, RateLimit
from engine.api.reading_page import render

_ENCODER: Final = msgspec.json.Encoder()
_JSON: Final = (b"content-type", b"application/json")


class OperationsRoute(BaseRoute):
    """All operations as one route of Starlette.

    Starlette tries its routes one after the other, a regular expression each; a tree of path
    segments costs the same for the first operation and the hundredth.
    """

    def __init__(self, endpoints: Sequence["Endpoint"]) -> None:
        self._root = _Node()
        for endpoint in endpoints:
            self._root.add(endpoint)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Find the operation of a request, by path and method."""
        if scope["type"] != "http":
            return Match.NONE, {}
        values: list[str] = []
        node = self._root.find(scope["path"].split("/"), 1, values)
        if node is None:
            return Match.NONE, {}
        endpoint = node.endpoints.get(scope["method"])
        if endpoint is None:
            return Match.PARTIAL, {"endpoint": NotAllowed(node.endpoints)}
        path_params = dict(zip(endpoint.path_names, values, strict=True))
        return Match.FULL, {"endpoint": endpoint, "path_params": path_params}

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        """Raise NoMatchFound: links to operations are written out."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the operation answer that was found."""
        await scope["endpoint"](scope, receive, send)


class Endpoint:
    """Answers for one operation, as an ASGI application."""

    __slots__ = ("_entrance", "operation", "path_names")

    def __init__(self, operation: AnyOperation, entrance: Entrance) -> None:
        self.operation = operation
        self.path_names = names_in(operation.path)
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Errors are left to the frame."""
        operation = self.operation
        answer = await operation.answer(Arrival(self._entrance, scope, receive))
        if operation.status is HTTPStatus.NO_CONTENT:
            headers, body = [], b""
        else:
            body = _ENCODER.encode(answer)
            headers = [_JSON, (b"content-length", b"%d" % len(body))]
        await send(
            {"type": "http.response.start", "status": operation.status.value, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})


class NotAllowed:
    """Refuses a method that a path does not have, as an ASGI application."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._allowed = ", ".join(sorted(endpoints))
        self.template = next(iter(endpoints.values())).operation.path

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        """Raise HTTPException, which names what is allowed."""
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": self._allowed})


def compile_operations(
    operations: Sequence[AnyOperation],
    *,
    about: About,
    bounds: Bounds,
    clock: MonotonicClock = time.monotonic,
) -> list[BaseRoute]:
    """Return routes that serve the operations, and their description at `/v1`.

    Raises WronglyDeclared when they contradict themselves or each other.
    """
    check(operations)
    document = describe(operations, about)
    kinds = {kind for operation in operations for kind in errors_of(operation)}
    page = render(document, kinds | {PathNotFound, MethodNotAllowed})
    return [
        OperationsRoute(_endpoints(operations, bounds=bounds, clock=clock)),
        _text_route(
            "/v1/openapi.json",
            msgspec.json.encode(document),
            headers={"content-type": "application/json"},
        ),
        _text_route(
            "/v1/docs",
            page.html.encode(),
            headers={
                "content-type": "text/html; charset=utf-8",
                "content-security-policy": page.content_security_policy,
            },
        ),
    ]


def _endpoints(
    operations: Sequence[AnyOperation], *, bounds: Bounds, clock: MonotonicClock
) -> list[Endpoint]:
    places = Places(capacity=bounds.requests_max, limit_s=bounds.request_limit_s)
    gate = Gate(bounds.working_max)
    # Callers of different kinds never share a table, so that strangers cannot fill the members'.
    buckets: dict[tuple[RateLimit, tuple[Scheme, ...]], Buckets] = {}
    endpoints = []
    for operation in operations:
        key = operation.rate_limit, operation.access.schemes
        if key not in buckets:
            buckets[key] = Buckets(
                operation.rate_limit, callers_max=bounds.rate_limited_callers_max, clock=clock
            )
        entrance = Entrance(
            places=places,
            gate=gate,
            buckets=buckets[key],
            body_bytes_max=operation.body_bytes_max,
        )
        endpoints.append(Endpoint(operation, entrance))
    return endpoints


def _text_route(path: str, text: bytes, *, headers: Mapping[str, str]) -> Route:
    async def answer(_: Request) -> Response:
        return Response(text, headers=headers)

    return Route(path, answer)


class _Node:
    """A place in the tree of paths: what may follow, and what is here."""

    __slots__ = ("any_segment", "endpoints", "segments")

    def __init__(self) -> None:
        self.segments: dict[str, _Node] = {}
        self.any_segment: _Node | None = None
        self.endpoints: dict[str, Endpoint] = {}

    def add(self, endpoint: Endpoint) -> None:
        node = self
        for segment in endpoint.operation.path.split("/")[1:]:
            if segment.startswith("{"):
                node.any_segment = node.any_segment or _Node()
                node = node.any_segment
            else:
                node = node.segments.setdefault(segment, _Node())
        node.endpoints[endpoint.operation.method] = endpoint
        if endpoint.operation.method is Method.GET:
            node.endpoints["HEAD"] = endpoint

    def find(self, segments: Sequence[str], at: int, values: list[str]) -> "_Node | None":
        """Return the node of a path, the literal one first; adds what stands for its names."""
        if at == len(segments):
            return self if self.endpoints else None
        literal = self.segments.get(segments[at])
        found = literal.find(segments, at + 1, values) if literal else None
        if found is None and self.any_segment is not None and segments[at]:
            kept = len(values)
            values.append(segments[at])
            found = self.any_segment.find(segments, at + 1, values)
            if found is None:
                del values[kept:]
        return found
