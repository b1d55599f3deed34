"""Errors as callers see them: problem details by RFC 9457, with our stable `code`."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

import msgspec

from engine.api.errors import TimedOut
from engine.api.statuses import codes_of
from engine.errors import CellError
from ledger.errors import CampusError
from ledger.money import Fen

RawHeaders = list[tuple[bytes, bytes]]

MEDIA_TYPE: Final = "application/problem+json"

_COMING_BACK_HELPS: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not carried out (RFC 9457).

    `type` leads to an explanation, `code` is the stable name of the reason and `instance` the id
    of the request. `transient` tells whether a fresh attempt may succeed with nothing corrected.
    The rest is there where known: only these attributes of an error ever leave the house.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    transient: bool
    field: str | None = None
    needed_fen: int | None = None
    available_fen: int | None = None
    limit_bytes: int | None = None
    retry_after_s: int | None = None
    tries_left: int | None = None
    permission: str | None = None
    errors: tuple[CellError, ...] = ()


class Rendered(msgspec.Struct, frozen=True):
    """An answer, ready to be sent."""

    status: int
    headers: RawHeaders
    body: bytes


def render(error: CampusError, request_id: UUID) -> Rendered:
    """Return the answer to a request that failed.

    Raises LookupError when the tables do not know the error.
    """
    status = codes_of(type(error))[error.code]
    retry_after_s: int | None = getattr(error, "retry_after_s", None)
    if retry_after_s is None and status in _COMING_BACK_HELPS:
        retry_after_s = 1
    problem = ProblemDetails(
        type=f"/v1/docs#{error.code}",
        title=error.code.replace("_", " ").capitalize(),
        status=status.value,
        detail=str(error),
        code=error.code,
        instance=f"urn:uuid:{request_id}",
        transient=error.transient,
        field=getattr(error, "field", None),
        needed_fen=_fen_of(error, "needed"),
        available_fen=_fen_of(error, "available"),
        limit_bytes=getattr(error, "limit_bytes", None),
        retry_after_s=retry_after_s,
        tries_left=getattr(error, "tries_left", None),
        permission=getattr(error, "permission", None),
        errors=getattr(error, "errors", ()),
    )
    body = msgspec.json.encode(problem)
    return Rendered(status.value, [*_headers(error, status, retry_after_s), _length(body)], body)


def _fen_of(error: CampusError, name: str) -> int | None:
    amount = getattr(error, name, None)
    return amount.value if isinstance(amount, Fen) else getattr(error, f"{name}_fen", None)


def _headers(error: CampusError, status: HTTPStatus, retry_after_s: int | None) -> RawHeaders:
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    if status is HTTPStatus.UNAUTHORIZED:
        # RFC 9110, section 11.6.1: a 401 names a way to sign in.
        headers.append((b"www-authenticate", b'Bearer realm="campus"'))
    if retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % retry_after_s))
    if isinstance(error, TimedOut):
        # The rest of the body may be on its way, at the pace of somebody who is slow on purpose.
        # A body that is too large is read to its end instead, and dropped: to close a connection
        # with bytes unread resets it, and the caller would never see why.
        headers.append((b"connection", b"close"))
    return headers


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)
