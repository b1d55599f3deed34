"""Errors as callers see them: problem details by RFC 9457, with our stable `code`."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec
from starlette.exceptions import HTTPException

from engine.api import errors
from ledger import errors as ledger

RawHeaders = list[tuple[bytes, bytes]]

MEDIA_TYPE: Final = "application/problem+json"
INTERNAL_ERROR: Final = "internal_error"
"""The code of what we did not foresee."""

STATUSES: Final[Mapping[type[ledger.CampusError], HTTPStatus]] = MappingProxyType(
    {
        errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
        errors.InvalidCursor: HTTPStatus.BAD_REQUEST,
        errors.IdempotencyKeyMissing: HTTPStatus.BAD_REQUEST,
        errors.IdempotencyKeyMismatch: HTTPStatus.BAD_REQUEST,
        errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
        errors.Forbidden: HTTPStatus.FORBIDDEN,
        errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
        errors.ServerBusy: HTTPStatus.SERVICE_UNAVAILABLE,
        errors.TimedOut: HTTPStatus.SERVICE_UNAVAILABLE,
        ledger.InvalidAmount: HTTPStatus.BAD_REQUEST,
        ledger.InvalidTransfer: HTTPStatus.BAD_REQUEST,
        ledger.TransferConflict: HTTPStatus.CONFLICT,
        ledger.AccountConflict: HTTPStatus.CONFLICT,
        ledger.EffectRefused: HTTPStatus.CONFLICT,
        ledger.LedgerBusy: HTTPStatus.SERVICE_UNAVAILABLE,
        ledger.LedgerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""The status of each class of error; a class that is not here has that of its nearest base."""

REFUSAL_STATUSES: Final[Mapping[ledger.RefusalCode, HTTPStatus]] = MappingProxyType(
    {
        ledger.RefusalCode.AMOUNT_MUST_BE_POSITIVE: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.RefusalCode.AMOUNT_TOO_LARGE: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.RefusalCode.ACCOUNTS_MUST_DIFFER: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.RefusalCode.HOLD_NOT_FOUND: HTTPStatus.NOT_FOUND,
        ledger.RefusalCode.HOLD_ALREADY_POSTED: HTTPStatus.CONFLICT,
        ledger.RefusalCode.HOLD_ALREADY_VOIDED: HTTPStatus.CONFLICT,
        ledger.RefusalCode.HOLD_ALREADY_EXPIRED: HTTPStatus.CONFLICT,
        ledger.RefusalCode.AMOUNT_EXCEEDS_HOLD: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.RefusalCode.DEBIT_ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
        ledger.RefusalCode.CREDIT_ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
        ledger.RefusalCode.UNITS_MUST_MATCH: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.RefusalCode.DEBIT_ACCOUNT_CLOSED: HTTPStatus.CONFLICT,
        ledger.RefusalCode.CREDIT_ACCOUNT_CLOSED: HTTPStatus.CONFLICT,
        ledger.RefusalCode.INSUFFICIENT_FUNDS: HTTPStatus.PAYMENT_REQUIRED,
        ledger.RefusalCode.CREDITS_WOULD_EXCEED_DEBITS: HTTPStatus.CONFLICT,
        ledger.RefusalCode.LINKED_TRANSFER_REFUSED: HTTPStatus.CONFLICT,
    }
)
"""The status of each reason for which the ledger says no."""

_HEADERS: Final[Mapping[type[ledger.CampusError], RawHeaders]] = MappingProxyType(
    {
        # RFC 9110, section 11.6.1: a 401 names a way to sign in.
        errors.Unauthenticated: [(b"www-authenticate", b'Bearer realm="campus"')],
        # The rest of the body may be on its way, at the pace of somebody who is slow on purpose.
        # A body that is too large is read to its end instead, and dropped: to close a connection
        # with bytes unread resets it, and the caller would never see why.
        errors.TimedOut: [(b"connection", b"close")],
    }
)

_COMING_BACK_HELPS: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not carried out (RFC 9457).

    `code` is the stable name of the reason. `transient` tells whether a fresh attempt may succeed
    with nothing corrected. `instance` is the id of the request. The rest is there where known:
    only these attributes of an error ever leave the house.
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


class Rendered(msgspec.Struct, frozen=True):
    """An answer, ready to be sent."""

    status: int
    headers: RawHeaders
    body: bytes


def codes_of(kind: type[ledger.CampusError]) -> dict[str, HTTPStatus]:
    """Return each code that an error of this class may have, with its status.

    Raises LookupError when the tables know neither the class nor a base of it.
    """
    if issubclass(kind, ledger.TransferRefused):
        return {code.value: status for code, status in REFUSAL_STATUSES.items()}
    for ancestor in kind.__mro__:
        if ancestor in STATUSES:
            return {kind.code: STATUSES[ancestor]}
    raise LookupError(f"{kind.__name__} has no HTTP status")


def render_error(error: ledger.CampusError, request_id: UUID) -> Rendered:
    """Return the answer to a request that failed on purpose.

    Raises LookupError when the tables do not know the error.
    """
    status = codes_of(type(error))[error.code]
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is None and status in _COMING_BACK_HELPS:
        retry_after_s = 1
    problem = Problem(
        type=type_of(error.code),
        title=title_of(error.code),
        status=status.value,
        detail=str(error),
        code=error.code,
        instance=f"urn:uuid:{request_id}",
        transient=error.transient,
        field=getattr(error, "field", None),
        needed_fen=getattr(error, "needed_fen", None),
        available_fen=getattr(error, "available_fen", None),
        limit_bytes=getattr(error, "limit_bytes", None),
        retry_after_s=retry_after_s,
    )
    return _render(problem, _HEADERS.get(type(error), []))


def render_http(error: HTTPException, request_id: UUID) -> Rendered:
    """Return the answer to what the router refuses: an unknown path, a method not allowed."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in (error.headers or {}).items()
    ]
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    return _render(_bare(status, code, request_id), headers)


def render_bug(request_id: UUID) -> Rendered:
    """Return the answer to a request that failed for a reason that is none of the caller's."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _render(_bare(status, INTERNAL_ERROR, request_id), [])


def type_of(code: str) -> str:
    """Return where the reading page explains a code."""
    return f"/v1/docs#{code}"


def title_of(code: str) -> str:
    """Return a code as words."""
    return code.replace("_", " ").capitalize()


def _bare(status: HTTPStatus, code: str, request_id: UUID) -> Problem:
    return Problem(
        type=type_of(code),
        title=title_of(code),
        status=status.value,
        detail=status.description,
        code=code,
        instance=f"urn:uuid:{request_id}",
        transient=False,
    )


def _render(problem: Problem, headers: RawHeaders) -> Rendered:
    body = msgspec.json.encode(problem)
    sent = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    if problem.retry_after_s is not None:
        sent.append((b"retry-after", str(problem.retry_after_s).encode()))
    return Rendered(problem.status, sent, body)
