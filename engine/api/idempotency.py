"""The id under which a request that moves money may be repeated."""

from uuid import UUID

import msgspec
from starlette.types import Scope

from engine.api.bodies import headers
from engine.api.errors import IdempotencyKeyMismatch, IdempotencyKeyMissing, InvalidRequest

HEADER = "Idempotency-Key"


def idempotency_id(scope: Scope, body: msgspec.Struct) -> UUID:
    """Return the caller's id for this intent: the body's `id` or the header, a UUIDv7.

    Raises IdempotencyKeyMissing, IdempotencyKeyMismatch when both are there and differ, and
    InvalidRequest when it is not a UUIDv7.
    """
    in_body: UUID | None = getattr(body, "id", None)
    values = headers(scope, b"idempotency-key")
    in_header = _parse(values) if values else None
    if in_body is None and in_header is None:
        raise IdempotencyKeyMissing
    if in_body is not None and in_header is not None and in_body != in_header:
        raise IdempotencyKeyMismatch
    chosen = in_body or in_header
    assert chosen is not None
    if chosen.version != 7:  # noqa: PLR2004  RFC 9562 calls it version 7
        raise InvalidRequest("id" if in_body else HEADER, "must be a UUIDv7")
    return chosen


def _parse(values: list[bytes]) -> UUID:
    """Read the header, bare or quoted as draft-ietf-httpapi-idempotency-key-header wants it."""
    if len(values) > 1:
        raise InvalidRequest(HEADER, "given twice")
    try:
        return UUID(values[0].decode("ascii").strip().strip('"'))
    except ValueError:
        raise InvalidRequest(HEADER, "Invalid UUID") from None
