"""A transfer as the proofs hash it: its row in PostgreSQL's COPY BINARY form.

Written and read here for whoever checks a receipt, field by field and without the ledger's
speed; `ledger.rows` writes the same bytes when it posts.
"""

from datetime import UTC, datetime, timedelta
from enum import Enum
from struct import Struct
from struct import error as StructError  # noqa: N812  it is a class
from typing import Final, NamedTuple
from uuid import UUID

from ledger.proof.errors import BadProof
from ledger.proof.json_fields import JsonFields, moment_text
from ledger.rows import BATCH_BITS, BATCH_MAX, COPY_HEADER, COPY_TRAILER

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_COUNT: Final = Struct(">h")
_LENGTH: Final = Struct(">i")
_BIGINT: Final = Struct(">q")

Value = str | int | UUID | datetime | None


class _Type(Enum):
    TEXT = "text"
    UUID = "uuid"
    BIGINT = "bigint"
    MOMENT = "timestamptz"


class TransferRow(NamedTuple):
    """A row of `transfers`; the fields and their order are those of the table."""

    kind: str
    phase: str
    refusal: str | None
    id: UUID
    seq: int
    entry_id: UUID
    debit_account: UUID | None
    credit_account: UUID | None
    amount_fen: int
    event_at: datetime
    posted_at: datetime
    debit_version: int | None
    debit_balance_fen: int | None
    debit_previous: UUID | None
    credit_version: int | None
    credit_balance_fen: int | None
    credit_previous: UUID | None
    hold_id: UUID | None
    expires_at: datetime | None
    about: UUID | None

    @property
    def batch_number(self) -> int:
        """The number of the batch that it was posted in."""
        return self.seq >> BATCH_BITS

    @property
    def batch_index(self) -> int:
        """Its place in the batch, from 0."""
        return self.seq & (BATCH_MAX - 1)


_TYPES: Final = (
    *(_Type.TEXT,) * 3,
    *(_Type.UUID, _Type.BIGINT, _Type.UUID, _Type.UUID, _Type.UUID, _Type.BIGINT),
    *(_Type.MOMENT,) * 2,
    *(_Type.BIGINT, _Type.BIGINT, _Type.UUID) * 2,
    *(_Type.UUID, _Type.MOMENT, _Type.UUID),
)
_SEQ: Final = TransferRow._fields.index("seq")
_ID: Final = TransferRow._fields.index("id")


def encode_row(transfer: TransferRow) -> bytes:
    """Return the bytes that are hashed. Raises BadProof when a value has no place in them."""
    try:
        return _COUNT.pack(len(transfer)) + b"".join(map(_encoded, transfer))
    except (StructError, UnicodeEncodeError) as error:
        raise BadProof(f"the transfer cannot be encoded: {error}") from None


def decode_row(row: bytes) -> TransferRow:
    """Return what a row says. Raises BadProof when it is not a row of transfers."""
    try:
        values = map(_decoded, _TYPES, _fields(row))
        return TransferRow._make(values)
    except (StructError, ValueError, TypeError, OverflowError) as error:
        raise BadProof(f"not a row of transfers: {error}") from None


def row_to_json(transfer: TransferRow) -> dict[str, str | int | None]:
    """Return the transfer in readable form, by field name."""
    return {
        name: moment_text(value)
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, UUID)
        else value
        for name, value in zip(transfer._fields, transfer, strict=True)
    }


def row_from_json(fields: JsonFields) -> TransferRow:
    """Return the transfer of a readable form. Raises ValueError when a field is not as it must."""
    named = zip(_TYPES, TransferRow._fields, strict=True)
    return TransferRow._make([_read(kind, fields, name) for kind, name in named])


def split_rows(copied: bytes) -> list[bytes]:
    """Return the rows of a whole COPY BINARY stream of transfers, looking at lengths only.

    Raises ValueError when the stream is cut short.
    """
    if not copied.startswith(COPY_HEADER) or not copied.endswith(COPY_TRAILER):
        raise ValueError("not a whole COPY BINARY stream")
    rows: list[bytes] = []
    position, end = len(COPY_HEADER), len(copied) - len(COPY_TRAILER)
    length_at, fields = _LENGTH.unpack_from, range(len(_TYPES))
    while position < end:
        start = position
        position += _COUNT.size
        for _ in fields:
            (length,) = length_at(copied, position)
            position += 4 + length if length > 0 else 4
        rows.append(copied[start:position])
    return rows


def seq_of(row: bytes) -> int:
    """Return the seq of a row of transfers."""
    start, end = _span(row, _SEQ)
    return int.from_bytes(row[start:end], signed=True)


def id_of(row: bytes) -> UUID:
    """Return the id of a row of transfers."""
    start, end = _span(row, _ID)
    return UUID(bytes=row[start:end])


def with_seq(row: bytes, seq: int) -> bytes:
    """Return the row as it would be at another place."""
    start, end = _span(row, _SEQ)
    return row[:start] + _BIGINT.pack(seq) + row[end:]


def _span(row: bytes, field: int) -> tuple[int, int]:
    position = _COUNT.size
    for _ in range(field):
        (length,) = _LENGTH.unpack_from(row, position)
        position += 4 + max(length, 0)
    (length,) = _LENGTH.unpack_from(row, position)
    return position + 4, position + 4 + length


def _fields(row: bytes) -> list[bytes | None]:
    fields: list[bytes | None] = []
    position = _COUNT.size
    while position < len(row):
        (length,) = _LENGTH.unpack_from(row, position)
        position += 4
        fields.append(None if length < 0 else row[position : position + length])
        position += max(length, 0)
    return fields


def _encoded(value: Value) -> bytes:
    match value:
        case None:
            return _LENGTH.pack(-1)
        case str():
            return _with_length(value.encode())
        case UUID():
            return _with_length(value.bytes)
        case int():
            return _with_length(_BIGINT.pack(value))
        case datetime():
            return _with_length(_BIGINT.pack((value - _EPOCH) // _MICROSECOND))


def _with_length(encoded: bytes) -> bytes:
    return _LENGTH.pack(len(encoded)) + encoded


def _decoded(kind: _Type, value: bytes | None) -> Value:
    if value is None:
        return None
    match kind:
        case _Type.TEXT:
            return value.decode()
        case _Type.UUID:
            return UUID(bytes=value)
        case _Type.BIGINT:
            return int(_BIGINT.unpack(value)[0])
        case _Type.MOMENT:
            return _EPOCH + int(_BIGINT.unpack(value)[0]) * _MICROSECOND


def _read(kind: _Type, fields: JsonFields, name: str) -> Value:
    if fields.is_null(name):
        return None
    match kind:
        case _Type.TEXT:
            return fields.text(name)
        case _Type.UUID:
            return fields.uuid(name)
        case _Type.BIGINT:
            return fields.integer(name)
        case _Type.MOMENT:
            return fields.moment(name)
