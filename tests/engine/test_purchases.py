"""Purchases: every answer, and which of them are final."""

import pytest

from ledger.money import Fen
from tests.campuses import Campus


async def test_a_purchase_debits_cash_and_tells_the_balance(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    approved = await campus.purchases.purchase(campus.till, campus.ask(holder, 1250))
    assert (approved.subsidy, approved.cash) == (Fen(0), Fen(1250))
    assert approved.balance_after == Fen(750)
    assert approved.holder == "*雷"
    assert (await campus.balance(holder)).total == Fen(750)


@pytest.mark.parametrize(
    ("amount", "subsidy", "cash", "after"),
    [(299, 299, 0, 1001), (300, 300, 0, 1000), (301, 300, 1, 999), (1300, 300, 1000, 0)],
)
async def test_the_subsidy_pays_first(
    campus: Campus, amount: int, subsidy: int, cash: int, after: int
) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    approved = await campus.purchases.purchase(campus.till, campus.ask(holder, amount))
    assert (approved.subsidy, approved.cash) == (Fen(subsidy), Fen(cash))
    assert approved.balance_after == Fen(after)
