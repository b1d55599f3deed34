"""Ids: UUIDv7 made by whoever first has the intent (RFC 9562, section 5.7)."""

import hashlib
import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_BITS = (0xFFF << 64) | ((1 << 62) - 1)


def uuid7(at: datetime | None = None) -> UUID:
    """Return a new id whose first 48 bits are the milliseconds of `at`, or of the wall clock.

    Raises TypeError for a naive datetime.
    """
    milliseconds = time.time_ns() // 1_000_000 if at is None else (at - _EPOCH) // _MILLISECOND
    return _compose(milliseconds, secrets.randbits(128))


def derived_id(base: UUID, label: str) -> UUID:
    """Return the id that belongs to `base` under `label`: always the same, with the same time.

    So one intent of a caller can need several ids and a retry finds all of them again.
    """
    digest = hashlib.sha256(base.bytes + label.encode()).digest()
    return _compose(base.int >> 80, int.from_bytes(digest[:16]))


def time_of(identifier: UUID) -> datetime:
    """Return the moment inside a UUIDv7, to the millisecond.

    Raises ValueError for a UUID of another version.
    """
    if identifier.version != 7:  # noqa: PLR2004  RFC 9562 calls it version 7
        raise ValueError("not a UUIDv7")
    return _EPOCH + (identifier.int >> 80) * _MILLISECOND


def _compose(milliseconds: int, random: int) -> UUID:
    return UUID(int=(milliseconds << 80) | _VERSION_7 | _VARIANT | (random & _RANDOM_BITS))
