"""One request on its way in: what an operation takes from it, step by step."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import msgspec
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope

from engine.api import bodies, idempotency
from engine.api.places import Gate, Place, Places
from engine.api.rate_limits import Buckets
from engine.api.wire import Nothing

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much the API takes on at once, and how long one request may take."""

    working_max: int = 512
    """Requests being authenticated or handled."""
    requests_max: int = 4096
    """Requests at any stage. More than `working_max`: waiting for a body costs little, and
    callers who are slow on purpose must not take the places of others."""
    request_limit_s: float = 10.0
    rate_limited_callers_max: int = 65_536
    """Callers whose rate is remembered, for each rate limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What every request for one operation has to pass. Places and gate are shared by all."""

    places: Places
    gate: Gate
    buckets: Buckets
    body_bytes_max: int


class Arrival:
    """One request, from which its operation takes what it needs."""

    __slots__ = ("_entrance", "_path", "_receive", "_scope", "request_id")

    def __init__(self, entrance: Entrance, scope: Scope, receive: Receive) -> None:
        self._entrance = entrance
        self._scope = scope
        self._receive = receive
        self._path: dict[str, str] = scope["path_params"]
        self.request_id: UUID = scope["request_id"]

    @property
    def connection(self) -> HTTPConnection:
        """Where the request came from, and its headers; not its body."""
        return HTTPConnection(self._scope)

    def place(self) -> Place:
        """Return a place for the request, for a `with` block: ServerBusy, later TimedOut."""
        return self._entrance.places.take()

    @property
    def gate(self) -> Gate:
        """The gate to authentication and handler, for a `with` block. Raises ServerBusy."""
        return self._entrance.gate

    def charge(self, caller: Hashable) -> None:
        """Count the request against its caller. Raises RateLimited."""
        self._entrance.buckets.take(caller)

    def parameters(self, form: type[T]) -> T:
        """Return path and query. Raises InvalidRequest."""
        return bodies.parameters(self._path, self._scope["query_string"], form)

    async def body(self, form: type[T]) -> T:
        """Read and return the body; nothing is read for Nothing.

        Raises UnsupportedMediaType, BodyTooLarge, InvalidRequest.
        """
        if form is Nothing:
            return form()
        bytes_max = self._entrance.body_bytes_max
        body = await bodies.read(self._scope, self._receive, bytes_max=bytes_max)
        return bodies.decode(body, form)

    def intent_id(self, body: msgspec.Struct) -> UUID:
        """Return the id under which the caller may repeat this request (`idempotency`)."""
        return idempotency.idempotency_id(self._scope, body)
