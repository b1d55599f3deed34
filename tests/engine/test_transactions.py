"""Transactions: one row for each thing that happened, with the balance right after it."""

import asyncio
from collections import deque
from itertools import pairwise
from uuid import UUID

import pytest

from engine.chart import TransferKind
from engine.transactions import (
    Place,
    Transaction,
    TransactionCursor,
    _merge,
    _Walk,
    list_transactions,
)
from ledger.errors import AccountNotFound
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.statements import Side, StatementLine
from tests.campuses import Campus, Holder, put_cash
from tests.identities import START


async def all_of(campus: Campus, holder: Holder, *, limit: int = 200) -> list[Transaction]:
    """Return all transactions, read page by page."""
    rows: list[Transaction] = []
    cursor: TransactionCursor | None = None
    async with campus.pool.acquire() as connection:
        while True:
            page = await list_transactions(connection, holder.id, limit=limit, cursor=cursor)
            rows += page.rows
            cursor = page.next
            if cursor is None:
                return rows


def assert_each_balance_explains_the_next(rows: list[Transaction]) -> None:
    for newer, older in pairwise(rows):
        assert newer.balance_after - newer.amount == older.balance_after
    assert rows[-1].balance_after == rows[-1].amount


async def test_everything_that_moves_money_is_told_in_peoples_terms(campus: Campus) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    bought = await campus.buy(holder, 800)
    await campus.engine.refunds.refund(campus.till, campus.ask_refund(bought, 550))
    undone = await campus.buy(holder, 100)
    await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(undone))
    rows = await all_of(campus, holder)
    told = [(row.kind, row.cash.value, row.subsidy.value, row.balance_after.value) for row in rows]
    assert told == [
        (TransferKind.REVERSAL, 50, 50, 1050),
        (TransferKind.PURCHASE, -50, -50, 950),
        (TransferKind.REFUND, 500, 50, 1050),
        (TransferKind.PURCHASE, -500, -300, 500),
        (TransferKind.SUBSIDY, 0, 300, 1300),
        (TransferKind.CASH_PAYMENT, 1000, 0, 1000),
    ]
    canteen = Place(merchant="第一食堂", name="1号窗口")
    assert [row.place for row in rows] == [canteen] * 4 + [None] * 2
    assert [row.title for row in rows] == [None] * 4 + ["三月补助", None]
    assert {row.happened_at for row in rows[:5]} == {START}


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
async def test_pages_of_any_length_make_the_same_list(campus: Campus, limit: int) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    for amount in (100, 250, 50, 10):
        await campus.buy(holder, amount)
    whole = await all_of(campus, holder)
    assert len(whole) == 6
    assert await all_of(campus, holder, limit=limit) == whole


async def test_what_is_posted_later_changes_no_page_after_a_cursor(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    for amount in (100, 50, 10):
        await campus.buy(holder, amount)
    whole = await all_of(campus, holder)
    async with campus.pool.acquire() as connection:
        first = await list_transactions(connection, holder.id, limit=2)
        await campus.hand_out({holder.person.number: 300})
        await campus.buy(holder, 350)
        rest = await list_transactions(connection, holder.id, limit=2, cursor=first.next)
    assert [*first.rows, *rest.rows] == whole


async def test_rows_of_one_batch_are_told_in_their_order(campus: Campus) -> None:
    holder = await campus.holder(cash=3000, subsidy=1000)
    await campus.buy(holder, 1)
    requests = [campus.ask(holder, 90) for _ in range(20)]
    await asyncio.gather(
        *(campus.engine.purchases.purchase(campus.till, request) for request in requests)
    )
    rows = await all_of(campus, holder)
    assert len(rows) == 23
    assert_each_balance_explains_the_next(rows)
    assert await all_of(campus, holder, limit=3) == rows


async def test_money_that_comes_in_between_is_told_where_it_came(campus: Campus) -> None:
    holder = await campus.holder(cash=100)
    await campus.buy(holder, 100)
    async with campus.pool.acquire() as connection, connection.transaction():
        await put_cash(connection, holder.id, 500, at=campus.clock())
    await campus.hand_out({holder.person.number: 70})
    await campus.buy(holder, 100)
    rows = await all_of(campus, holder)
    assert [row.balance_after.value for row in rows] == [470, 570, 500, 0, 100]
    assert_each_balance_explains_the_next(rows)


async def test_who_has_no_wallets_has_no_transactions(campus: Campus) -> None:
    async with campus.pool.acquire() as connection:
        with pytest.raises(AccountNotFound):
            await list_transactions(connection, uuid7(), limit=1)


def test_a_clock_that_was_set_back_tears_no_purchase_apart() -> None:
    both, cash_only = UUID(int=1), UUID(int=2)
    cash, subsidy = _Walk(UUID(int=8)), _Walk(UUID(int=9))
    # On the cash wallet the purchase that came later bears the earlier time.
    cash.ahead = deque([line(cash_only, minute=1, balance=70), line(both, minute=9, balance=80)])
    subsidy.ahead = deque([line(both, minute=9, balance=0)])
    cash._entries = {cash_only, both}
    subsidy._entries = {both}
    steps = _merge(cash, subsidy, 9)
    assert [(step.line.entry_id, step.balance_after.value) for step in steps] == [
        (cash_only, 70),
        (both, 80),
    ]


def line(entry_id: UUID, *, minute: int, balance: int) -> StatementLine:
    return StatementLine(
        transfer_id=uuid7(),
        entry_id=entry_id,
        kind="purchase",
        side=Side.DEBIT,
        amount=Fen(10),
        balance_after=Fen(balance),
        counter_account=UUID(int=7),
        event_at=START,
        posted_at=START.replace(minute=minute),
        about=UUID(int=6),
    )
