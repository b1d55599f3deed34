"""Wallets and the cash desk."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from engine.audit_trail import list_events
from engine.campus_errors import CashPaymentRefused, WalletNotFound
from engine.cash_desk import CashPayment, CashReceipt, pay_in
from engine.chart import CHART, AccountKind, account_id, blank_account, open_campus_accounts
from engine.wallets import (
    find_balance,
    find_people_without_wallets,
    open_wallets,
)
from ledger.book import close_account, find_accounts
from ledger.errors import InvalidAmount, TransferConflict
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.statements import balances_at
from tests.campuses import Campus
from tests.identities import START, SYSTEM, at_once, student

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection


async def test_wallets_are_opened_once_and_empty(connection: "Connection[Record]") -> None:
    people = sorted([(await student(connection, f"2019{n:04d}")).id for n in range(3)])
    assert await find_people_without_wallets(connection) == people
    await open_wallets(connection, people[:2])
    await open_wallets(connection, people)
    assert await find_people_without_wallets(connection) == []
    balance = await find_balance(connection, people[0])
    assert (balance.total, balance.available) == (Fen(0), Fen(0))


async def test_who_has_no_wallets_has_no_balance(connection: "Connection[Record]") -> None:
    with pytest.raises(WalletNotFound):
        await find_balance(connection, uuid7())


async def test_the_campus_has_one_account_of_each_single_kind(
    connection: "Connection[Record]",
) -> None:
    for _ in range(2):
        await open_campus_accounts(connection)
    single = {kind for kind, chapter in CHART.items() if chapter.is_single}
    found = await find_accounts(connection, [account_id(kind) for kind in single])
    assert {account.kind for account in found.values()} == single


@pytest.mark.parametrize("kind", AccountKind)
def test_every_kind_of_account_is_in_the_chart(kind: AccountKind) -> None:
    owner = None if CHART[kind].is_single else uuid7()
    assert blank_account(kind, owner).rule is CHART[kind].rule


async def test_cash_is_paid_in_once(campus: Campus) -> None:
    holder = await campus.holder()
    payment = CashPayment(id=uuid7(campus.clock()), person_id=holder.id, amount=Fen(500))

    async def pay() -> CashReceipt:
        async with campus.pool.acquire() as connection, connection.transaction():
            return await pay_in(connection, payment, actor=SYSTEM, at=campus.clock())

    receipts = await at_once(pay() for _ in range(4))
    assert receipts == [receipts[0]] * 4
    assert isinstance(receipts[0], CashReceipt)
    assert receipts[0].cash_after == Fen(500)
    assert (await campus.balance(holder)).cash == Fen(500)
    async with campus.pool.acquire() as connection:
        events = await list_events(connection, subject_id=holder.id, limit=99)
        assert [each.event.action for each in events].count("cash.paid_in") == 1
        other = replace(payment, amount=Fen(501))
        with pytest.raises(TransferConflict):
            await pay_in(connection, other, actor=SYSTEM, at=campus.clock())


@pytest.mark.parametrize("amount", [0, -1])
async def test_cash_is_paid_in_not_out(connection: "Connection[Record]", amount: int) -> None:
    payment = CashPayment(id=uuid7(), person_id=uuid7(), amount=Fen(amount))
    with pytest.raises(InvalidAmount):
        await pay_in(connection, payment, actor=SYSTEM, at=START)


async def test_cash_needs_a_wallet(connection: "Connection[Record]") -> None:
    await open_campus_accounts(connection)
    person = await student(connection)
    payment = CashPayment(id=uuid7(), person_id=person.id, amount=Fen(1))
    with pytest.raises(WalletNotFound):
        await pay_in(connection, payment, actor=SYSTEM, at=START)


async def test_a_closed_wallet_takes_no_cash(connection: "Connection[Record]") -> None:
    await open_campus_accounts(connection)
    person = await student(connection)
    await open_wallets(connection, [person.id])
    await close_account(connection, account_id(AccountKind.CASH_WALLET, person.id))
    payment = CashPayment(id=uuid7(), person_id=person.id, amount=Fen(1))
    with pytest.raises(CashPaymentRefused) as caught:
        await pay_in(connection, payment, actor=SYSTEM, at=START)
    assert caught.value.code == "credit_account_closed"


async def test_past_balances_are_those_of_their_moment(connection: "Connection[Record]") -> None:
    await open_campus_accounts(connection)
    person = await student(connection)
    await open_wallets(connection, [person.id])
    wallet = account_id(AccountKind.CASH_WALLET, person.id)
    moments = [START]
    for _ in range(3):
        payment = CashPayment(id=uuid7(), person_id=person.id, amount=Fen(100))
        moments.append((await pay_in(connection, payment, actor=SYSTEM, at=START)).posted_at)
    moments.append(moments[-1] + timedelta(days=1))
    found = await balances_at(connection, [(wallet, moment) for moment in moments])
    assert [found[wallet, moment].value for moment in moments] == [0, 100, 200, 300, 300]
