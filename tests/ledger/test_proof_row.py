import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import rows
from ledger.decide import Line
from ledger.errors import RefusalCode
from ledger.proof.errors import BadProof
from ledger.proof.json_fields import JsonFields
from ledger.proof.transfer_row import (
    TransferRow,
    decode_row,
    encode_row,
    id_of,
    row_from_json,
    row_to_json,
    seq_of,
    split_rows,
    with_seq,
)
from ledger.transfers import Phase

BIGINT = st.integers(-(2**63), 2**63 - 1)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def _optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


IDS = st.uuids()
_POSTING = (_optional(BIGINT), _optional(BIGINT), _optional(IDS))

a_row = st.tuples(
    *(TEXT, TEXT, _optional(TEXT)),
    *(IDS, BIGINT, IDS, _optional(IDS), _optional(IDS)),
    *(BIGINT, MOMENTS, MOMENTS),
    *(*_POSTING, *_POSTING),
    *(_optional(IDS), _optional(MOMENTS), _optional(IDS)),
).map(TransferRow._make)
phases = st.sampled_from(list(Phase))


def line_of(row: TransferRow, phase: Phase, refusal: RefusalCode | None) -> Line:
    return Line(
        row.kind,
        phase,
        refusal,
        row.id,
        row.entry_id,
        row.debit_account,
        row.credit_account,
        row.amount_fen,
        row.event_at,
        row.debit_version,
        row.debit_balance_fen,
        row.debit_previous,
        row.credit_version,
        row.credit_balance_fen,
        row.credit_previous,
        row.hold_id,
        row.expires_at,
        row.about,
    )


def test_the_columns_are_those_that_the_ledger_copies() -> None:
    assert TransferRow._fields == rows.COLUMNS


@given(row=a_row)
def test_a_row_reads_back_as_it_was_written(row: TransferRow) -> None:
    assert decode_row(encode_row(row)) == row


@given(row=a_row, phase=phases, refusal=st.none() | st.sampled_from(list(RefusalCode)))
def test_the_bytes_are_those_that_the_ledger_posts(
    row: TransferRow, phase: Phase, refusal: RefusalCode | None
) -> None:
    row = row._replace(
        debit_version=1, debit_balance_fen=row.amount_fen, credit_version=None,
        credit_balance_fen=None, credit_previous=None, phase=phase.value,
        refusal=None if refusal is None else refusal.value,
    )  # fmt: skip
    posted = rows.encode(
        line_of(row, phase, refusal),
        seq=row.seq,
        posted_at=rows.microseconds(row.posted_at),
    )
    assert encode_row(row) == posted


@given(row=a_row)
def test_a_row_survives_its_readable_form(row: TransferRow) -> None:
    fields = JsonFields(row_to_json(row))
    assert row_from_json(fields) == row
    fields.end()


@given(several=st.lists(a_row, max_size=5))
def test_a_copied_stream_is_split_into_its_rows(several: list[TransferRow]) -> None:
    encoded = [encode_row(row) for row in several]
    stream = rows.COPY_HEADER + b"".join(encoded) + rows.COPY_TRAILER
    assert split_rows(stream) == encoded


@pytest.mark.parametrize(
    "stream", [b"", rows.COPY_HEADER, b"PGCOPY\n\xff\r\n\0\0\0\0\1\0\0\0\0\xff\xff"]
)
def test_a_stream_that_is_not_whole_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match="whole"):
        split_rows(stream)


@given(row=a_row, seq=BIGINT)
def test_place_and_id_are_found_without_reading_the_rest(row: TransferRow, seq: int) -> None:
    encoded = encode_row(row)
    assert (seq_of(encoded), id_of(encoded)) == (row.seq, row.id)
    assert with_seq(encoded, seq) == encode_row(row._replace(seq=seq))


def test_the_place_tells_batch_and_index() -> None:
    row = example()._replace(seq=(77 << 14) | 5)
    assert (row.batch_number, row.batch_index) == (77, 5)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x00\x13",
        b"\x00\x13" + b"\xff\xff\xff\xff" * 18,
        b"\x00\x13" + struct.pack(">i", 500) + b"short",
        b"\x00\x13" + (struct.pack(">i", 3) + b"\xff\xfe\xfd") * 19,
    ],
)
def test_what_is_not_a_row_is_refused(damaged: bytes) -> None:
    with pytest.raises(BadProof):
        decode_row(damaged)


@pytest.mark.parametrize("change", [{"seq": 2**63}, {"kind": "\ud800"}])
def test_what_has_no_encoding_is_refused(change: dict[str, int | str]) -> None:
    with pytest.raises(BadProof, match="encoded"):
        encode_row(example()._replace(**change))  # type: ignore[arg-type]  # wrong on purpose


def example() -> TransferRow:
    moment = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
    return TransferRow._make(
        [
            "purchase", "single", None, UUID(int=1), 16384, UUID(int=1), UUID(int=2), UUID(int=3),
            1250, moment, moment + timedelta(microseconds=1), 1, 0, None, None, None, None, None,
            None, None,
        ]
    )  # fmt: skip
