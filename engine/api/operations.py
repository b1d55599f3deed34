"""What the API can do, said as values: an operation is its place, its types and its handler."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from engine.api.access import Access, Principal
from engine.api.arrivals import Arrival
from engine.api.rate_limits import RateLimit
from ledger.errors import CampusError

BODY_BYTES_MAX = 64 * 1024

B = TypeVar("B", bound=msgspec.Struct)
Q = TypeVar("Q", bound=msgspec.Struct)
P = TypeVar("P", bound=Principal)
R = TypeVar("R", bound=msgspec.Struct)


class Method(StrEnum):
    """The methods of HTTP that operations use. HEAD is answered wherever GET is."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class Call(msgspec.Struct, Generic[B, Q, P], frozen=True, kw_only=True):
    """One request as its handler gets it: authenticated, checked and typed."""

    body: B
    parameters: Q
    """Path and query together."""
    principal: P
    request_id: UUID
    intent_id: UUID | None

    @property
    def idempotency_id(self) -> UUID:
        """The caller's own id for this intent, a UUIDv7; only where an operation moves money."""
        if self.intent_id is None:
            raise RuntimeError("this operation is not declared with moves_money")
        return self.intent_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOperation(ABC):
    """An operation whose own types its holder need not know."""

    name: str
    """Unique; the operationId, and the label of its metrics."""
    method: Method
    path: str
    """Such as `/v1/cards/{card_id}`; each name in braces is a field of `parameters`."""
    summary: str
    body: type[msgspec.Struct]
    parameters: type[msgspec.Struct]
    response: type[msgspec.Struct]
    access: Access[Principal]
    rate_limit: RateLimit
    errors: tuple[type[CampusError], ...] = ()
    """What the handler may raise; the frame's own errors need not be named."""
    status: HTTPStatus = HTTPStatus.OK
    moves_money: bool = False
    body_bytes_max: int = BODY_BYTES_MAX

    @abstractmethod
    async def answer(self, arrival: Arrival) -> msgspec.Struct:
        """Carry the operation out for one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(AnyOperation, Generic[B, Q, P, R]):
    """One thing that callers can ask for. `Nothing` stands for no body, parameters or answer.

    The handler is given what was asked for and returns what is answered, or raises one of
    `errors`. It starts no work that outlives it.
    """

    body: type[B]
    parameters: type[Q]
    response: type[R]
    access: Access[P]
    handler: Callable[[Call[B, Q, P]], Awaitable[R]]

    async def answer(self, arrival: Arrival) -> R:
        """Authenticate, limit, read, check, and only then handle."""
        with arrival.place():
            with arrival.gate:
                principal = await self.access.authenticate(arrival.connection)
            arrival.charge(principal.key)
            parameters = arrival.parameters(self.parameters)
            body = await arrival.body(self.body)  # outside of the gate: the caller may be slow
            call = Call(
                body=body,
                parameters=parameters,
                principal=principal,
                request_id=arrival.request_id,
                intent_id=arrival.intent_id(body) if self.moves_money else None,
            )
            with arrival.gate:
                return await self.handler(call)
