"""The bytes that the proofs hash are those that PostgreSQL itself gives for a row."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from ledger.book import Asked, find_lines, post
from ledger.ids import uuid7
from ledger.money import AMOUNT_MAX_FEN, Fen
from ledger.rows import COLUMNS, COPY_HEADER, COPY_TRAILER, encode, microseconds
from ledger.transfers import Entry, Intent, Phase
from tests.ledger.accounts_in import Chart, open_chart
from tests.ledger.asking import burn, changed, draw, end, hold, single

if TYPE_CHECKING:
    from asyncpg import Connection, Record

ROWS = """
    select kind, phase, refusal, id, seq, entry_id, debit_account, credit_account, amount_fen,
        event_at, posted_at, debit_version, debit_balance_fen, debit_previous, credit_version,
        credit_balance_fen, credit_previous, hold_id, expires_at, about
    from transfers order by seq
"""
SEQS = "select id, seq from transfers order by seq"


def everything(chart: Chart) -> list[Intent]:
    """Requests that bring rows with every column filled and every column empty."""
    held = hold(chart.wallet, chart.safe, 40, expires_at=datetime(2030, 1, 1, tzinfo=UTC))
    other = hold(chart.wallet, chart.safe, 2)
    singles = [
        single(chart.bank, chart.shop, AMOUNT_MAX_FEN),
        single(chart.wallet, chart.safe, 3),
        changed(single(chart.bank, chart.shop, 1), "about", uuid4()),
        changed(single(chart.bank, chart.shop, 1), "kind", "退款"),
        changed(single(chart.bank, chart.shop, 1), "event_at", datetime(1970, 1, 1, tzinfo=UTC)),
        changed(single(chart.bank, chart.shop, 1), "event_at", datetime.max.replace(tzinfo=UTC)),
        single(chart.wallet, chart.shop, 1000),
        single(chart.bank, chart.safe, 1000),
        single(uuid7(), uuid7(), 1),
    ]
    return [
        *(Entry(transfer) for transfer in singles),
        Entry(held, other, end(held.id, amount_fen=30), end(other.id, Phase.VOID)),
        Entry(single(chart.bank, chart.shop, 1), end(uuid7())),
        draw((chart.subsidy, chart.wallet), chart.shop, 62),
        burn(uuid7()),
        replace(burn(uuid7(), "card_lost"), amount=Fen(5), about=uuid4()),
    ]


@pytest.fixture
async def ids(connection: "Connection[Record]") -> list[UUID]:
    """Rows of every kind, by their ids."""
    chart = await open_chart(connection, wallet_fen=100, subsidy_fen=60, safe_fen=50)
    intents = everything(chart)
    await post(connection, [Asked(intent) for intent in intents])
    return [id_ for intent in intents for id_ in intent.ids()]


async def test_rows_are_encoded_as_postgresql_does(
    connection: "Connection[Record]", ids: list[UUID]
) -> None:
    copied = BytesIO()
    await connection.copy_from_query(ROWS, output=copied, format="binary")
    recorded = await find_lines(connection, ids)
    encoded = [
        encode(
            recorded[row["id"]].line,
            seq=row["seq"],
            posted_at=microseconds(recorded[row["id"]].posted_at),
        )
        for row in await connection.fetch(SEQS)
        if row["id"] in recorded
    ]
    # What opened the accounts comes first, in a batch of its own.
    expected = b"".join([*encoded, COPY_TRAILER])
    assert copied.getvalue().startswith(COPY_HEADER)
    assert copied.getvalue().endswith(expected)


async def test_every_column_is_seen_both_filled_and_empty(
    connection: "Connection[Record]", ids: list[UUID]
) -> None:
    rows = await connection.fetch(ROWS)
    assert len(rows) >= len(ids)
    optional = (
        {"refusal", "debit_account", "credit_account", "hold_id", "expires_at", "about"}
        | {column for column in COLUMNS if column.endswith(("_version", "_previous"))}
        | {"debit_balance_fen", "credit_balance_fen"}
    )
    for column in COLUMNS:
        seen = {row[column] is None for row in rows}
        assert seen == ({True, False} if column in optional else {False}), column


async def test_the_columns_are_those_of_the_table_in_order(
    connection: "Connection[Record]",
) -> None:
    names = await connection.fetch(
        "select attname from pg_attribute where attrelid = 'transfers'::regclass and attnum > 0"
        " order by attnum"
    )
    assert tuple(row["attname"] for row in names) == COLUMNS


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2000, 1, 1, tzinfo=UTC), 0),
        (datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=UTC), 1),
        (datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(2026, 3, 2, 4, 5, 6, 789_012, tzinfo=UTC), 825_739_506_789_012),
    ],
)
async def test_moments_count_microseconds_as_postgresql_does(
    connection: "Connection[Record]", moment: datetime, expected: int
) -> None:
    assert microseconds(moment) == expected
    since = "select (extract(epoch from $1::timestamptz - '2000-01-01 00:00+00') * 1000000)::bigint"
    assert await connection.fetchval(since, moment) == expected
