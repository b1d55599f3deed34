"""The judge finds each kind of fault: or the tests that rely on it would prove nothing."""

from typing import TYPE_CHECKING

import pytest

from ledger.book import Asked, post
from ledger.transfers import Entry, Phase
from tests.databases import Database
from tests.ledger.accounts_in import Chart, open_chart
from tests.ledger.asking import end, hold, single
from tests.ledger.judge import find_faults

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg import Connection, Record

DAMAGES = [
    # what is done to the books, the faults that come of it
    ("update accounts set credits_posted = credits_posted + 1 where id = $1", "wrong_sums"),
    ("update accounts set version = version + 1 where id = $1", "wrong_sums"),
    ("update accounts set credits_posted = credits_posted + 1 where id = $1", "unbalanced"),
    ("update accounts set debits_pending = debits_pending + 1 where id = $1", "unbalanced"),
    ("update accounts set debits_posted = credits_posted + 1 where id = $1", "broken_rules"),
    ("update transfers set amount_fen = amount_fen + 1 where debit_account = $1", "wrong_sums"),
    ("delete from transfers where debit_account = $1 and phase = 'single'", "wrong_sums"),
    ("delete from transfers where debit_account = $1 and phase = 'single'", "broken_chains"),
    ("delete from transfers where debit_account = $1 and phase = 'single'", "wrong_batches"),
    ("update transfers set seq = seq + 2 where debit_account = $1", "wrong_batches"),
    ("update transfers set debit_balance_fen = 7 where debit_account = $1", "broken_chains"),
    ("update transfers set debit_version = 7 where debit_account = $1", "broken_chains"),
    ("update transfers set debit_previous = null where debit_account = $1", "broken_chains"),
    ("update holds set state = 'pending' where debit_account = $1", "wrong_holds"),
    ("update holds set amount_fen = 7 where debit_account = $1", "wrong_holds"),
    ("delete from holds where debit_account = $1", "wrong_holds"),
    (
        "update transfers set refusal = 'no' where debit_account = $1 and phase = 'post'",
        "torn_entries",
    ),
]


@pytest.fixture
async def owner(shared_database: Database) -> "AsyncIterator[Connection[Record]]":
    """The owner with nothing in the way, in a transaction that is rolled back."""
    async with shared_database.owner() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("alter table transfers disable trigger transfers_never_change")
        await connection.execute("alter table accounts drop constraint accounts_keep_their_rule")
        yield connection
        await transaction.rollback()


async def open_books(connection: "Connection[Record]") -> Chart:
    chart = await open_chart(connection, wallet_fen=100, safe_fen=50)
    held = hold(chart.wallet, chart.shop, 30)
    entries = [
        Entry(single(chart.wallet, chart.shop, 10)),
        Entry(held),
        Entry(single(chart.shop, chart.safe, 5), end(held.id, amount_fen=20)),
        Entry(single(chart.wallet, chart.shop, 10), end(held.id, Phase.VOID)),
    ]
    await post(connection, [Asked(entry) for entry in entries])
    return chart


async def test_nothing_is_wrong_with_books_that_the_ledger_keeps(
    connection: "Connection[Record]",
) -> None:
    chart = await open_books(connection)
    assert await find_faults(connection) == []
    assert await find_faults(connection, chart.ids()) == []


@pytest.mark.parametrize(("damage", "fault"), DAMAGES)
async def test_a_damage_is_found(owner: "Connection[Record]", damage: str, fault: str) -> None:
    chart = await open_books(owner)
    await owner.execute(damage, chart.wallet)
    for accounts in (None, chart.ids()):
        assert fault in {each.partition(":")[0] for each in await find_faults(owner, accounts)}
