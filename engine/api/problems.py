"""Errors as callers see them: problem details by RFC 9457, with our stable `code`."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec

from engine import errors as campus
from engine.api import errors as frame
from ledger import errors as ledger
from ledger.errors import CampusError, RefusalCode

RawHeaders = list[tuple[bytes, bytes]]

MEDIA_TYPE: Final = "application/problem+json"

STATUSES: Final[Mapping[type[CampusError], HTTPStatus]] = MappingProxyType(
    {
        frame.PathNotFound: HTTPStatus.NOT_FOUND,
        frame.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
        frame.InvalidRequest: HTTPStatus.BAD_REQUEST,
        frame.InvalidCursor: HTTPStatus.BAD_REQUEST,
        frame.IdempotencyKeyMissing: HTTPStatus.BAD_REQUEST,
        frame.IdempotencyKeyMismatch: HTTPStatus.BAD_REQUEST,
        frame.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        frame.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        frame.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
        frame.ServerBusy: HTTPStatus.SERVICE_UNAVAILABLE,
        frame.TimedOut: HTTPStatus.SERVICE_UNAVAILABLE,
        frame.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
        ledger.InvalidAmount: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.InvalidTransfer: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.TransferConflict: HTTPStatus.CONFLICT,
        ledger.EffectRefused: HTTPStatus.CONFLICT,
        ledger.LedgerBusy: HTTPStatus.SERVICE_UNAVAILABLE,
        ledger.LedgerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
        ledger.AccountConflict: HTTPStatus.CONFLICT,
        ledger.AccountNotFound: HTTPStatus.NOT_FOUND,
        ledger.AccountInUse: HTTPStatus.CONFLICT,
        campus.InvalidPerson: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.PersonNotFound: HTTPStatus.NOT_FOUND,
        campus.NumberTaken: HTTPStatus.CONFLICT,
        campus.UnreadableFile: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.ImportRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.InvalidStaff: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.StaffNotFound: HTTPStatus.NOT_FOUND,
        campus.StaffNameTaken: HTTPStatus.CONFLICT,
        campus.NotAllowed: HTTPStatus.FORBIDDEN,
        campus.NotSignedIn: HTTPStatus.UNAUTHORIZED,
        campus.SessionNotFound: HTTPStatus.NOT_FOUND,
        campus.WrongCredentials: HTTPStatus.UNAUTHORIZED,
        campus.AccountNotActive: HTTPStatus.FORBIDDEN,
        campus.SignInPaused: HTTPStatus.TOO_MANY_REQUESTS,
        campus.WeakPassword: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.InvalidCode: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.PinNotSet: HTTPStatus.CONFLICT,
        campus.PinAlreadySet: HTTPStatus.CONFLICT,
        campus.PinWrong: HTTPStatus.FORBIDDEN,
        campus.PinPaused: HTTPStatus.TOO_MANY_REQUESTS,
        campus.WeakPin: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.IllegalTransition: HTTPStatus.CONFLICT,
        campus.TooBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""The status of each class of error; a class that is not here has that of its nearest base."""

REASONS: Final[Mapping[type[CampusError], Mapping[str, HTTPStatus]]] = MappingProxyType(
    {
        ledger.TransferRefused: {
            RefusalCode.AMOUNT_MUST_BE_POSITIVE: HTTPStatus.UNPROCESSABLE_ENTITY,
            RefusalCode.AMOUNT_TOO_LARGE: HTTPStatus.UNPROCESSABLE_ENTITY,
            RefusalCode.ACCOUNTS_MUST_DIFFER: HTTPStatus.UNPROCESSABLE_ENTITY,
            RefusalCode.HOLD_NOT_FOUND: HTTPStatus.NOT_FOUND,
            RefusalCode.HOLD_ALREADY_POSTED: HTTPStatus.CONFLICT,
            RefusalCode.HOLD_ALREADY_VOIDED: HTTPStatus.CONFLICT,
            RefusalCode.HOLD_ALREADY_EXPIRED: HTTPStatus.CONFLICT,
            RefusalCode.AMOUNT_EXCEEDS_HOLD: HTTPStatus.UNPROCESSABLE_ENTITY,
            RefusalCode.DEBIT_ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
            RefusalCode.CREDIT_ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
            RefusalCode.UNITS_MUST_MATCH: HTTPStatus.UNPROCESSABLE_ENTITY,
            RefusalCode.DEBIT_ACCOUNT_CLOSED: HTTPStatus.CONFLICT,
            RefusalCode.CREDIT_ACCOUNT_CLOSED: HTTPStatus.CONFLICT,
            RefusalCode.INSUFFICIENT_FUNDS: HTTPStatus.PAYMENT_REQUIRED,
            RefusalCode.CREDITS_WOULD_EXCEED_DEBITS: HTTPStatus.CONFLICT,
            RefusalCode.LINKED_TRANSFER_REFUSED: HTTPStatus.CONFLICT,
        },
    }
)
"""For a class whose code is the reason and not its own: the status of each reason."""

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
    errors: tuple[campus.CellError, ...] = ()


class Rendered(msgspec.Struct, frozen=True):
    """An answer, ready to be sent."""

    status: int
    headers: RawHeaders
    body: bytes


def codes_of(kind: type[CampusError]) -> Mapping[str, HTTPStatus]:
    """Return each code that an error of this class may have, with its status.

    Raises LookupError when the tables know neither the class nor a base of it.
    """
    for ancestor in kind.__mro__:
        if ancestor in REASONS:
            return REASONS[ancestor]
        if ancestor in STATUSES:
            return {kind.code: STATUSES[ancestor]}
    raise LookupError(f"{kind.__name__} has no HTTP status")


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
        needed_fen=getattr(error, "needed_fen", None),
        available_fen=getattr(error, "available_fen", None),
        limit_bytes=getattr(error, "limit_bytes", None),
        retry_after_s=retry_after_s,
        tries_left=getattr(error, "tries_left", None),
        permission=getattr(error, "permission", None),
        errors=getattr(error, "errors", ()),
    )
    body = msgspec.json.encode(problem)
    return Rendered(status.value, [*_headers(error, status, retry_after_s), _length(body)], body)


def _headers(error: CampusError, status: HTTPStatus, retry_after_s: int | None) -> RawHeaders:
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    if status is HTTPStatus.UNAUTHORIZED:
        # RFC 9110, section 11.6.1: a 401 names a way to sign in.
        headers.append((b"www-authenticate", b'Bearer realm="campus"'))
    if retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % retry_after_s))
    if isinstance(error, frame.TimedOut):
        # The rest of the body may be on its way, at the pace of somebody who is slow on purpose.
        # A body that is too large is read to its end instead, and dropped: to close a connection
        # with bytes unread resets it, and the caller would never see why.
        headers.append((b"connection", b"close"))
    return headers


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)
