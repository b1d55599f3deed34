"""Refunds: never more than was paid, to the wallets it came from."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audit_trail import list_events
from engine.campus_errors import DeclineCode, Declined, NotATill
from engine.chart import TransferKind
from engine.devices import add_device, revoke_device
from engine.recorded_purchases import RecordedPurchase
from engine.refunds import Asker, MoneyBack, Refunded, RefundRequest
from ledger.errors import InvalidAmount, TransferConflict
from ledger.ids import uuid7
from ledger.money import Fen
from tests.campuses import Campus, Engine, wait_for_waiters
from tests.databases import Database
from tests.identities import START, SYSTEM, at_once


@pytest.fixture
async def other(campus: Campus, database: Database) -> AsyncIterator[Engine]:
    """A second process on the same campus."""
    async with campus.another_engine(database) as engine:
        yield engine


async def declined(campus: Campus, request: RefundRequest) -> str:
    with pytest.raises(Declined) as caught:
        await campus.engine.refunds.refund(campus.till, request)
    return caught.value.code


async def test_a_refund_credits_the_wallet_and_the_day(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    purchase = await campus.buy(holder, 1250)
    refunded = await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 250))
    assert (refunded.amount, refunded.refunded_total) == (Fen(250), Fen(250))
    assert (await campus.balance(holder)).cash == Fen(1000)
    assert await campus.spent_today(holder) == 1000
    more = await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 1000))
    assert more.refunded_total == Fen(1250)
    assert (await campus.balance(holder)).cash == Fen(2000)
    assert await campus.spent_today(holder) == 0


async def test_cash_goes_back_before_the_subsidy(campus: Campus) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    purchase = await campus.buy(holder, 800)
    balances = []
    for amount in (450, 100, 250):
        await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, amount))
        balance = await campus.balance(holder)
        balances.append((balance.cash.value, balance.subsidy.value))
    assert balances == [(950, 0), (1000, 50), (1000, 300)]


async def test_more_than_is_left_is_declined_for_good(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    purchase = await campus.buy(holder, 500)
    await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 400))
    request = campus.ask_refund(purchase, 101)
    for _ in range(2):
        assert await declined(campus, request) == DeclineCode.REFUND_EXCEEDS_PURCHASE
    assert (await campus.balance(holder)).cash == Fen(1900)


async def test_a_purchase_of_yesterday_is_refunded_without_touching_todays_limit(
    campus: Campus,
) -> None:
    holder = await campus.holder(cash=5000)
    purchase = await campus.buy(holder, 500)
    await campus.pool.execute("update spenders set day = day + 1, spent_fen = 700")
    await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 500))
    assert await campus.spent_today(holder) == 700


async def test_the_same_refund_again_gets_the_same_answer(campus: Campus) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    purchase = await campus.buy(holder, 800)
    request = campus.ask_refund(purchase, 600)
    first = await campus.engine.refunds.refund(campus.till, request)
    await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 100))
    assert await campus.engine.refunds.refund(campus.till, request) == first
    assert (await campus.balance(holder)).total == Fen(1200)


@pytest.mark.parametrize(
    ("altered", "field"),
    [
        (lambda request: replace(request, amount=Fen(11)), "amount"),
        (lambda request: replace(request, purchase_id=uuid7()), "about"),
        (lambda request: replace(request, event_at=START + timedelta(days=1)), "event_at"),
    ],
)
async def test_an_id_with_other_content_is_a_conflict(
    campus: Campus, altered: Callable[[RefundRequest], RefundRequest], field: str
) -> None:
    purchase = await campus.buy(await campus.holder(cash=1000), 800)
    request = campus.ask_refund(purchase, 10)
    await campus.engine.refunds.refund(campus.till, request)
    with pytest.raises(TransferConflict) as caught:
        await campus.engine.refunds.refund(campus.till, altered(request))
    assert caught.value.field == field


async def test_the_id_of_a_purchase_is_a_conflict(campus: Campus) -> None:
    purchase = await campus.buy(await campus.holder(cash=1000), 800)
    request = replace(campus.ask_refund(purchase, 10), id=purchase)
    with pytest.raises(TransferConflict) as caught:
        await campus.engine.refunds.refund(campus.till, request)
    assert caught.value.field == "kind"


async def test_another_till_of_the_merchant_may_refund(campus: Campus) -> None:
    purchase = await campus.buy(await campus.holder(cash=1000), 800)
    request = campus.ask_refund(purchase, 10)
    till = await campus.add_till()
    await campus.engine.refunds.refund(till, request)
    with pytest.raises(TransferConflict) as caught:
        await campus.engine.refunds.refund(campus.till, request)
    assert caught.value.field == "terminal"


async def test_another_merchant_cannot_refund(campus: Campus) -> None:
    purchase = await campus.buy(await campus.holder(cash=1000), 800)
    shop = await campus.add_merchant("便利店")
    till = await campus.add_till("收银台", shop)
    with pytest.raises(Declined) as caught:
        await campus.engine.refunds.refund(till, campus.ask_refund(purchase, 10))
    assert caught.value.code == DeclineCode.PURCHASE_NOT_FOUND


async def test_what_was_never_bought_is_not_refunded_even_if_it_is_bought_later(
    campus: Campus,
) -> None:
    holder = await campus.holder(cash=1000)
    bought_later = campus.ask(holder, 100)
    request = campus.ask_refund(bought_later.id, 10)
    assert await declined(campus, request) == DeclineCode.PURCHASE_NOT_FOUND
    await campus.engine.purchases.purchase(campus.till, bought_later)
    assert await declined(campus, request) == DeclineCode.PURCHASE_NOT_FOUND


async def test_a_declined_purchase_is_not_refunded(campus: Campus) -> None:
    holder = await campus.holder(cash=10)
    request = campus.ask(holder, 100)
    with pytest.raises(Declined):
        await campus.engine.purchases.purchase(campus.till, request)
    code = await declined(campus, campus.ask_refund(request.id, 10))
    assert code == DeclineCode.PURCHASE_NOT_FOUND


@pytest.mark.parametrize("amount", [0, -1])
async def test_nothing_is_no_refund(campus: Campus, amount: int) -> None:
    with pytest.raises(InvalidAmount):
        await campus.engine.refunds.refund(campus.till, campus.ask_refund(uuid7(), amount))


async def test_a_door_refunds_nothing(campus: Campus) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        door = await add_device(
            connection, "图书馆", merchant_id=None, actor=SYSTEM, at=campus.clock()
        )
    with pytest.raises(NotATill):
        await campus.engine.refunds.refund(door, campus.ask_refund(uuid7(), 1))


async def test_a_revoked_terminal_refunds_nothing(campus: Campus) -> None:
    purchase = await campus.buy(await campus.holder(cash=1000), 800)
    async with campus.pool.acquire() as connection, connection.transaction():
        await revoke_device(connection, campus.till.id, actor=SYSTEM, at=campus.clock())
    code = await declined(campus, campus.ask_refund(purchase, 10))
    assert code == DeclineCode.TERMINAL_REVOKED


async def test_a_refund_that_meets_a_revocation_waits_for_it_and_is_declined(
    campus: Campus,
) -> None:
    holder = await campus.holder(cash=1000)
    request = campus.ask_refund(await campus.buy(holder, 800), 10)
    async with campus.pool.acquire() as revoking:
        revocation = revoking.transaction()
        await revocation.start()
        await revoke_device(revoking, campus.till.id, actor=SYSTEM, at=campus.clock())
        asked = asyncio.create_task(campus.engine.refunds.refund(campus.till, request))
        await wait_for_waiters(revoking, 1)
        await revocation.commit()
    with pytest.raises(Declined) as caught:
        await asked
    assert caught.value.code == DeclineCode.TERMINAL_REVOKED
    assert (await campus.balance(holder)).total == Fen(200)


async def test_staff_refund_anything_and_it_is_recorded_who(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    purchase = await campus.buy(holder, 800)
    request = campus.ask_refund(purchase, 300)
    actor = await campus.actor("li.na")
    refunds = campus.engine.refunds
    first = await refunds.refund_by_staff(request, actor=actor)
    assert await refunds.refund_by_staff(request, actor=actor) == first
    assert (await campus.balance(holder)).cash == Fen(500)
    async with campus.pool.acquire() as connection:
        events = await list_events(connection, subject_id=holder.id, actor_id=actor.id, limit=9)
    assert [(e.event.action, e.event.details["amount_fen"]) for e in events] == [
        ("purchase.refunded", 300)
    ]


async def refund_at_both(
    campus: Campus, other: Engine, requests: list[RefundRequest]
) -> list[Refunded | BaseException]:
    engines = (campus.engine, other)
    return await at_once(
        engines[number % 2].refunds.refund(campus.till, request)
        for number, request in enumerate(requests)
    )


async def test_of_refunds_at_once_exactly_as_many_pass_as_was_paid(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    purchase = await campus.buy(holder, 500)
    answers = await refund_at_both(
        campus, other, [campus.ask_refund(purchase, 100) for _ in range(8)]
    )
    passed = [answer for answer in answers if isinstance(answer, Refunded)]
    assert sorted(each.refunded_total.value for each in passed) == [100, 200, 300, 400, 500]
    codes = {answer.code for answer in answers if isinstance(answer, Declined)}
    assert codes == {DeclineCode.REFUND_EXCEEDS_PURCHASE}
    balance = await campus.balance(holder)
    assert (balance.cash, balance.subsidy) == (Fen(1000), Fen(300))


async def test_the_same_refund_many_times_at_once_is_one(campus: Campus, other: Engine) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    purchase = await campus.buy(holder, 500)
    request = campus.ask_refund(purchase, 250)
    answers = await refund_at_both(campus, other, [request] * 30)
    assert answers == [answers[0]] * 30
    assert (await campus.balance(holder)).total == Fen(1050)


async def test_a_refund_by_staff_racing_one_at_the_till_is_decided_again(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    purchase = await campus.buy(holder, 500)
    actor = await campus.actor("li.na")
    refunds = campus.engine.refunds
    answers = await asyncio.gather(
        refunds.refund_by_staff(campus.ask_refund(purchase, 300), actor=actor),
        refunds.refund(campus.till, campus.ask_refund(purchase, 300)),
        return_exceptions=True,
    )
    kinds = sorted(type(answer).__name__ for answer in answers)
    assert kinds == ["Declined", "Refunded"]
    assert (await campus.balance(holder)).cash == Fen(800)


amounts = st.integers(0, 500)


@settings(deadline=None)
@given(cash=amounts, subsidy=amounts, refunds=st.lists(st.integers(1, 500), max_size=6))
def test_after_any_refunds_the_wallets_stand_as_after_a_smaller_purchase(
    cash: int, subsidy: int, refunds: list[int]
) -> None:
    left, back = cash + subsidy, {"cash": 0, "subsidy": 0}
    for amount in (min(refund, left) for refund in refunds if left):
        purchase = recorded(cash, subsidy, refunded=cash + subsidy - left)
        for transfer in money_back(purchase, amount).entry().transfers:
            assert transfer.amount is not None
            name = "cash" if transfer.credit_account == purchase.cash_account else "subsidy"
            back[name] += transfer.amount.value
        left -= amount
    # A purchase of what is left would have asked the subsidy first.
    assert subsidy - back["subsidy"] == min(left, subsidy)
    assert cash - back["cash"] == left - min(left, subsidy)


def recorded(cash: int, subsidy: int, *, refunded: int) -> RecordedPurchase:
    return RecordedPurchase(
        id=uuid7(),
        device_id=UUID(int=1),
        payable=UUID(int=2),
        person_id=UUID(int=3),
        cash_account=UUID(int=4),
        subsidy_account=UUID(int=5),
        cash=Fen(cash),
        subsidy=Fen(subsidy),
        happened_at=START,
        posted_at=START,
        refunded=Fen(refunded),
        is_reversed=False,
    )


def money_back(purchase: RecordedPurchase, amount: int) -> MoneyBack:
    return MoneyBack(
        id=uuid7(),
        kind=TransferKind.REFUND,
        purchase=purchase,
        amount=Fen(amount),
        event_at=START,
        asker=Asker(device_id=UUID(int=1)),
    )
