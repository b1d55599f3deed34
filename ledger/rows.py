"""Rows of `transfers`, in the binary form in which PostgreSQL's COPY takes them.

The same bytes are the canonical encoding that the proofs hash (docs/proofs.md): a count of
fields, then for each its length and its value, big-endian; length -1 for null.
"""

from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Final
from uuid import UUID

from ledger.decide import Line

COLUMNS: Final = (
    "kind", "phase", "refusal", "id", "seq", "entry_id", "debit_account", "credit_account",
    "amount_fen", "event_at", "posted_at", "debit_version", "debit_balance_fen", "debit_previous",
    "credit_version", "credit_balance_fen", "credit_previous", "hold_id", "expires_at", "about",
)  # fmt: skip

COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""Signature, flags and extension length of the COPY BINARY format (PostgreSQL manual, COPY)."""
COPY_TRAILER: Final = b"\xff\xff"

BATCH_BITS: Final = 14
"""`seq` is the batch's number shifted left by these bits, plus the position in the batch."""
BATCH_MAX: Final = 1 << BATCH_BITS

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_NULL = b"\xff\xff\xff\xff"
_NULL_POSTING = _NULL * 3
_UUID_LENGTH = b"\x00\x00\x00\x10"
_COUNT = Struct(">h").pack(len(COLUMNS))
_LENGTH = Struct(">i").pack
_IDS = Struct(">i16siqi16s").pack
_MOMENT = Struct(">iq").pack
_NUMBERS = Struct(">iqiqiq").pack
_POSTING = Struct(">iqiqi16s").pack
_FIRST_POSTING = Struct(">iqiqi").pack
_AVAILABLE = Struct(">iiqi").pack


def microseconds(moment: datetime) -> int:
    """Return PostgreSQL's binary form of a moment: microseconds since the start of 2000 UTC."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def encode(line: Line, *, seq: int, posted_at: int) -> bytes:
    """Return the row of one line; `posted_at` comes in the form of `microseconds`."""
    # Taken apart once: a field of a tuple costs more by its name than by its place.
    (
        kind, phase, refusal, line_id, entry_id, debit_account, credit_account, amount_fen,
        event_at, debit_version, debit_balance_fen, debit_previous, credit_version,
        credit_balance_fen, credit_previous, hold_id, expires_at, about,
    ) = line  # fmt: skip
    return b"".join(
        (
            _words(kind, phase, refusal),
            _IDS(16, line_id.bytes, 8, seq, 16, entry_id.bytes),
            _NULL if debit_account is None else _UUID_LENGTH + debit_account.bytes,
            _NULL if credit_account is None else _UUID_LENGTH + credit_account.bytes,
            _NUMBERS(8, amount_fen, 8, microseconds(event_at), 8, posted_at),
            _posting(debit_version, debit_balance_fen, debit_previous),
            _posting(credit_version, credit_balance_fen, credit_previous),
            _NULL if hold_id is None else _UUID_LENGTH + hold_id.bytes,
            _NULL if expires_at is None else _MOMENT(8, microseconds(expires_at)),
            _NULL if about is None else _UUID_LENGTH + about.bytes,
        )
    )


@lru_cache(maxsize=4_096)
def _words(*words: str | None) -> bytes:
    """Return the count of columns and the first of them, which are few different words."""
    encoded = [None if word is None else word.encode() for word in words]
    return _COUNT + b"".join(
        _NULL if word is None else _LENGTH(len(word)) + word for word in encoded
    )


def _posting(version: int | None, balance: int | None, previous: UUID | None) -> bytes:
    if version is None:
        return _NULL_POSTING if balance is None else _AVAILABLE(-1, 8, balance, -1)
    if previous is None:
        return _FIRST_POSTING(8, version, 8, balance, -1)
    return _POSTING(8, version, 8, balance, 16, previous.bytes)
