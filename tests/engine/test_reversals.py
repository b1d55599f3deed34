"""Reversals: a purchase that is reversed does not stand, whichever of the two comes first."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.campus_errors import DeclineCode, Declined, PurchaseNotFound, ReversalTooLate
from engine.devices import revoke_device
from engine.purchases import Approved
from engine.recorded_purchases import find_purchase, find_status
from engine.refunds import Refunded
from engine.wallets import lock_spender
from ledger.errors import CampusError
from ledger.ids import uuid7
from ledger.money import Fen
from terminals.messages import PurchaseState, ReversalState
from tests.campuses import Campus, Engine, wait_for_waiters
from tests.databases import Database
from tests.identities import SYSTEM, at_once


@pytest.fixture
async def other(campus: Campus, database: Database) -> AsyncIterator[Engine]:
    """A second process on the same campus."""
    async with campus.another_engine(database) as engine:
        yield engine


async def test_a_reversal_gives_all_back_to_the_wallets_it_came_from(campus: Campus) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    purchase = await campus.buy(holder, 800)
    for _ in range(2):
        state = await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(purchase))
        assert state is ReversalState.UNDONE
    balance = await campus.balance(holder)
    assert (balance.cash, balance.subsidy) == (Fen(1000), Fen(300))
    assert await campus.spent_today(holder) == 0


async def test_a_reversal_before_its_purchase_prevents_it_for_good(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    request = campus.ask(holder, 100)
    for _ in range(2):
        state = await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(request.id))
        assert state is ReversalState.PREVENTED
    for _ in range(2):
        with pytest.raises(Declined) as caught:
            await campus.engine.purchases.purchase(campus.till, request)
        assert caught.value.code == DeclineCode.REVERSED
    assert (await campus.balance(holder)).total == Fen(1000)


async def test_a_declined_purchase_has_nothing_to_undo(campus: Campus) -> None:
    request = campus.ask(await campus.holder(cash=10), 100)
    with pytest.raises(Declined):
        await campus.engine.purchases.purchase(campus.till, request)
    state = await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(request.id))
    assert state is ReversalState.NOTHING_TO_UNDO


async def test_what_was_refunded_is_not_given_back_again(campus: Campus) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    purchase = await campus.buy(holder, 800)
    await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 550))
    state = await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(purchase))
    assert state is ReversalState.UNDONE
    balance = await campus.balance(holder)
    assert (balance.cash, balance.subsidy) == (Fen(1000), Fen(300))
    with pytest.raises(Declined) as caught:
        await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 1))
    assert caught.value.code == DeclineCode.REFUND_EXCEEDS_PURCHASE


async def test_a_purchase_that_was_refunded_whole_has_nothing_to_undo(campus: Campus) -> None:
    purchase = await campus.buy(await campus.holder(cash=1000), 800)
    await campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 800))
    state = await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(purchase))
    assert state is ReversalState.NOTHING_TO_UNDO


async def test_only_the_terminal_that_made_a_purchase_may_reverse_it(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    purchase = await campus.buy(holder, 800)
    with pytest.raises(PurchaseNotFound):
        await campus.engine.reversals.reverse(
            await campus.add_till(), campus.ask_reversal(purchase)
        )
    assert (await campus.balance(holder)).total == Fen(200)


async def test_a_revoked_terminal_reverses_nothing(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    purchase = await campus.buy(holder, 800)
    async with campus.pool.acquire() as connection, connection.transaction():
        await revoke_device(connection, campus.till.id, actor=SYSTEM, at=campus.clock())
    with pytest.raises(Declined) as caught:
        await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(purchase))
    assert caught.value.code == DeclineCode.TERMINAL_REVOKED
    assert (await campus.balance(holder)).total == Fen(200)


async def test_what_is_no_purchase_is_not_reversed(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    refund = campus.ask_refund(await campus.buy(holder, 800), 100)
    await campus.engine.refunds.refund(campus.till, refund)
    with pytest.raises(PurchaseNotFound):
        await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(refund.id))


async def test_after_its_window_only_staff_give_a_purchase_back(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    purchase = await campus.buy(holder, 800)
    posted_at = await campus.pool.fetchval("select max(posted_at) from transfers")
    campus.clock.now = posted_at
    campus.clock.advance(days=3, seconds=1)
    with pytest.raises(ReversalTooLate):
        await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(purchase))
    campus.clock.advance(seconds=-1)
    state = await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(purchase))
    assert state is ReversalState.UNDONE


async def test_a_retry_of_a_reversed_purchase_gets_its_first_answer(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    request = campus.ask(holder, 100)
    first = await campus.engine.purchases.purchase(campus.till, request)
    await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(request.id))
    assert await campus.engine.purchases.purchase(campus.till, request) == first
    assert (await campus.balance(holder)).total == Fen(1000)


async def test_a_reversal_at_the_same_time_as_its_purchase_always_ends_without_it(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=10_000)
    await other.reversals.reverse(campus.till, campus.ask_reversal(uuid7()))
    requests = [campus.ask(holder, 100) for _ in range(40)]
    buying = [campus.engine.purchases.purchase(campus.till, request) for request in requests]
    undoing = [
        other.reversals.reverse(campus.till, campus.ask_reversal(request.id))
        for request in requests
    ]
    answers = await at_once([*undoing[:20], *buying, *undoing[20:]])
    states = [answer for answer in answers if isinstance(answer, ReversalState)]
    approved = [answer for answer in answers if isinstance(answer, Approved)]
    assert len(states) == 40
    assert states.count(ReversalState.UNDONE) == len(approved)
    assert states.count(ReversalState.PREVENTED) == 40 - len(approved)
    assert (await campus.balance(holder)).total == Fen(10_000)
    assert await campus.spent_today(holder) == 0


async def test_a_reversal_during_the_commit_of_its_purchase_waits_and_undoes_it(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=10_000)
    request = campus.ask(holder, 100)
    async with campus.pool.acquire() as holding:
        held = holding.transaction()
        await held.start()
        await lock_spender(holding, holder.id)
        buying = asyncio.create_task(campus.engine.purchases.purchase(campus.till, request))
        await wait_for_waiters(holding, 1)
        undoing = asyncio.create_task(
            other.reversals.reverse(campus.till, campus.ask_reversal(request.id))
        )
        await wait_for_waiters(holding, 2)
        await held.commit()
    assert (await buying).amount == Fen(100)
    assert await undoing is ReversalState.UNDONE
    assert (await campus.balance(holder)).total == Fen(10_000)


async def test_a_reversal_in_the_same_batch_as_its_purchase_ends_without_it(
    campus: Campus,
) -> None:
    holder = await campus.holder(cash=10_000)
    await campus.buy(holder, 100)
    request = campus.ask(holder, 100)
    bought, state = await asyncio.gather(
        campus.engine.purchases.purchase(campus.till, request),
        campus.engine.reversals.reverse(campus.till, campus.ask_reversal(request.id)),
    )
    assert bought.amount == Fen(100)
    assert state is ReversalState.UNDONE
    assert (await campus.balance(holder)).total == Fen(9_900)


async def test_refunds_racing_a_reversal_give_back_what_was_paid_and_no_more(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    purchase = await campus.buy(holder, 800)
    answers = await asyncio.gather(
        *(
            campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 90))
            for _ in range(4)
        ),
        *(other.reversals.reverse(campus.till, campus.ask_reversal(purchase)) for _ in range(4)),
        *(
            campus.engine.refunds.refund(campus.till, campus.ask_refund(purchase, 70))
            for _ in range(4)
        ),
        return_exceptions=True,
    )
    assert all(isinstance(each, (Refunded, ReversalState, CampusError)) for each in answers)
    assert [each for each in answers if isinstance(each, ReversalState)] == (
        [ReversalState.UNDONE] * 4
    )
    balance = await campus.balance(holder)
    assert (balance.cash, balance.subsidy) == (Fen(1000), Fen(300))
    async with campus.pool.acquire() as connection:
        found = await find_purchase(connection, purchase)
    assert found is not None
    assert (found.left, found.is_reversed) == (Fen(0), True)


async def test_a_terminal_learns_what_became_of_its_purchase(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    approved = await campus.buy(holder, 300)
    await campus.engine.refunds.refund(campus.till, campus.ask_refund(approved, 100))
    undone = await campus.buy(holder, 300)
    await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(undone))
    declined = campus.ask(holder, 2000)
    with pytest.raises(Declined):
        await campus.engine.purchases.purchase(campus.till, declined)
    prevented = uuid7()
    await campus.engine.reversals.reverse(campus.till, campus.ask_reversal(prevented))
    elsewhere = await campus.buy(holder, 1, till=await campus.add_till())
    asked = [approved, undone, declined.id, prevented, elsewhere, uuid7()]
    async with campus.pool.acquire() as connection:
        found = [
            await find_status(connection, purchase_id=each, device_id=campus.till.id)
            for each in asked
        ]
    assert [(each.state, each.amount.value, each.refunded.value, each.code) for each in found] == [
        (PurchaseState.APPROVED, 300, 100, None),
        (PurchaseState.REVERSED, 300, 300, None),
        (PurchaseState.DECLINED, 0, 0, "insufficient_funds"),
        (PurchaseState.REVERSED, 0, 0, "reversed"),
        (PurchaseState.UNKNOWN, 0, 0, None),
        (PurchaseState.UNKNOWN, 0, 0, None),
    ]
