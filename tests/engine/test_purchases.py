"""Purchases: every answer, and which of them are final for the id."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from engine.campus_errors import DeclineCode, Declined, NotATill, PinRequired
from engine.campus_settings import change_settings, get_settings
from engine.card_numbers import new_card_number
from engine.cards import CardEvent, change_card, expire_cards, issue_card, replace_card
from engine.devices import Device, add_device, get_device, revoke_device
from engine.errors import PinNotSet, PinPaused, PinWrong
from engine.merchants import MerchantEvent, change_merchant
from engine.people import PersonEvent, change_state
from engine.purchases import PurchaseRequest, Purchases
from ledger.errors import InvalidTransfer, RefusalCode, TransferConflict
from ledger.money import Fen
from tests.campuses import EXPIRES_ON, PIN, Campus, Holder, put_cash
from tests.identities import START, SYSTEM

NO_PIN_LIMIT = 5_000
DAY_LIMIT = 30_000

Change = Callable[[Campus, Holder], Awaitable[None]]


async def test_a_purchase_debits_cash_and_tells_the_balance(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    approved = await campus.engine.purchases.purchase(campus.till, campus.ask(holder, 1250))
    assert (approved.subsidy, approved.cash) == (Fen(0), Fen(1250))
    assert approved.balance_after == Fen(750)
    assert approved.holder == "*雷"
    assert (await campus.balance(holder)).total == Fen(750)
    assert await campus.spent_today(holder) == 1250


@pytest.mark.parametrize(
    ("amount", "subsidy", "cash", "after"),
    [(299, 299, 0, 1001), (300, 300, 0, 1000), (301, 300, 1, 999), (1300, 300, 1000, 0)],
)
async def test_the_subsidy_pays_first(
    campus: Campus, amount: int, subsidy: int, cash: int, after: int
) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    approved = await campus.engine.purchases.purchase(campus.till, campus.ask(holder, amount))
    assert (approved.subsidy, approved.cash) == (Fen(subsidy), Fen(cash))
    assert approved.balance_after == Fen(after)


async def test_a_first_subsidy_is_asked_by_an_engine_that_remembers_none(campus: Campus) -> None:
    holder = await campus.holder(cash=1000)
    await campus.buy(holder, 100)
    await campus.hand_out({holder.person.number: 300})
    approved = await campus.engine.purchases.purchase(campus.till, campus.ask(holder, 200))
    assert (approved.subsidy, approved.cash) == (Fen(200), Fen(0))


async def in_another_transaction(campus: Campus, holder: Holder, event: CardEvent) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        await change_card(connection, holder.card.id, event, actor=SYSTEM, at=campus.clock())


async def lose(campus: Campus, holder: Holder) -> None:
    await in_another_transaction(campus, holder, CardEvent.REPORT_LOST)


async def close(campus: Campus, holder: Holder) -> None:
    await in_another_transaction(campus, holder, CardEvent.CLOSE)


async def replace_it(campus: Campus, holder: Holder) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        await replace_card(
            connection, holder.card.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=campus.clock()
        )


async def let_it_expire(campus: Campus, _: Holder) -> None:
    campus.clock.now = START.replace(year=EXPIRES_ON.year, month=9, day=1)


async def mark_it_expired(campus: Campus, holder: Holder) -> None:
    await let_it_expire(campus, holder)
    async with campus.pool.acquire() as connection:
        assert await expire_cards(connection, at=campus.clock()) == 1


async def suspend(campus: Campus, holder: Holder) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        await change_state(
            connection, holder.id, PersonEvent.SUSPEND, actor=SYSTEM, at=campus.clock()
        )


async def leave(campus: Campus, holder: Holder) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        await change_state(
            connection, holder.id, PersonEvent.LEAVE, actor=SYSTEM, at=campus.clock()
        )


async def revoke(campus: Campus, _: Holder) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        await revoke_device(connection, campus.till.id, actor=SYSTEM, at=campus.clock())


async def close_merchant(campus: Campus, _: Holder) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        await change_merchant(
            connection, campus.merchant.id, MerchantEvent.CLOSE, actor=SYSTEM, at=campus.clock()
        )


async def lower_the_day_limit(campus: Campus, _: Holder) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        settings = replace(await get_settings(connection), day_limit=Fen(1099))
        await change_settings(connection, settings, actor=SYSTEM, at=campus.clock())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (revoke, DeclineCode.TERMINAL_REVOKED),
        (close_merchant, DeclineCode.MERCHANT_CLOSED),
        (lose, DeclineCode.CARD_LOST),
        (replace_it, DeclineCode.CARD_REPLACED),
        (close, DeclineCode.CARD_CLOSED),
        (let_it_expire, DeclineCode.CARD_EXPIRED),
        (mark_it_expired, DeclineCode.CARD_EXPIRED),
        (suspend, DeclineCode.HOLDER_NOT_ACTIVE),
        (leave, DeclineCode.HOLDER_NOT_ACTIVE),
        (lower_the_day_limit, DeclineCode.DAY_LIMIT_EXCEEDED),
    ],
)
async def test_a_change_declines_the_next_purchase_for_good(
    campus: Campus, change: Change, code: DeclineCode
) -> None:
    holder = await campus.holder(cash=2000)
    await campus.buy(holder, 100)
    await change(campus, holder)
    for purchases in (campus.engine.purchases, campus.newcomer()):
        request = campus.ask(holder, 1000)
        answers = [await declined(campus, request, purchases) for _ in range(2)]
        assert [answer.code for answer in answers] == [code, code]
    assert (await campus.balance(holder)).total == Fen(1900)


async def declined(
    campus: Campus, request: PurchaseRequest, purchases: Purchases | None = None
) -> Declined:
    with pytest.raises(Declined) as caught:
        await (purchases or campus.engine.purchases).purchase(campus.till, request)
    return caught.value


async def test_a_decline_stays_when_its_reason_is_gone(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    await lose(campus, holder)
    request = campus.ask(holder, 100)
    await declined(campus, request)
    await in_another_transaction(campus, holder, CardEvent.FIND)
    assert (await declined(campus, request)).code == DeclineCode.CARD_LOST
    await campus.buy(holder, 100)


@pytest.mark.parametrize("card", ["", "6217", "٣" * 16, new_card_number()])
async def test_an_unknown_card_is_declined_for_good(campus: Campus, card: str) -> None:
    holder = await campus.holder(cash=2000)
    request = replace(campus.ask(holder, 100), card=card)
    assert (await declined(campus, request)).code == DeclineCode.CARD_UNKNOWN
    request = replace(request, card=holder.card.number)
    assert (await declined(campus, request)).code == DeclineCode.CARD_UNKNOWN


async def test_a_card_pays_only_once_it_is_activated(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    await close(campus, holder)
    async with campus.pool.acquire() as connection, connection.transaction():
        card = await issue_card(
            connection, holder.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=campus.clock()
        )
    request = campus.ask(holder, 100, card=card.number)
    assert (await declined(campus, request)).code == DeclineCode.CARD_NOT_ACTIVATED


async def test_a_card_pays_on_its_last_day(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    campus.clock.now = START.replace(year=2029, month=8, day=31, hour=15, minute=59)
    await campus.buy(holder, 100)


async def test_lack_of_funds_is_told_with_what_both_wallets_have(campus: Campus) -> None:
    holder = await campus.holder(cash=1000, subsidy=300)
    request = campus.ask(holder, 1301)
    for _ in range(2):
        answer = await declined(campus, request)
        assert answer.code == RefusalCode.INSUFFICIENT_FUNDS
        assert (answer.needed, answer.available) == (Fen(1301), Fen(1300))
        assert answer.transient
    assert await campus.spent_today(holder) == 0


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (0, RefusalCode.AMOUNT_MUST_BE_POSITIVE),
        (-5, RefusalCode.AMOUNT_MUST_BE_POSITIVE),
    ],
)
async def test_an_amount_that_is_none_is_declined_for_good(
    campus: Campus, amount: int, code: RefusalCode
) -> None:
    request = campus.ask(await campus.holder(cash=2000), amount)
    assert [(await declined(campus, request)).code for _ in range(2)] == [code, code]


async def test_a_retry_gets_the_first_answer_whatever_happened_since(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    request = campus.ask(holder, 500)
    first = await campus.engine.purchases.purchase(campus.till, request)
    await campus.buy(holder, 300)
    assert await campus.engine.purchases.purchase(campus.till, request) == first
    await lose(campus, holder)
    assert await campus.engine.purchases.purchase(campus.till, request) == first
    await revoke(campus, holder)
    assert await campus.engine.purchases.purchase(campus.till, request) == first
    assert (await campus.balance(holder)).total == Fen(1200)
    assert await campus.spent_today(holder) == 800


async def test_a_retry_tells_the_balance_of_then_when_only_the_subsidy_paid(
    campus: Campus,
) -> None:
    holder = await campus.holder(cash=2000, subsidy=1000)
    request = campus.ask(holder, 400)
    first = await campus.engine.purchases.purchase(campus.till, request)
    assert first.balance_after == Fen(2600)
    async with campus.pool.acquire() as connection, connection.transaction():
        await put_cash(connection, holder.id, 5000, at=campus.clock())
    assert await campus.engine.purchases.purchase(campus.till, request) == first


async def other_amount(_: Campus, request: PurchaseRequest) -> PurchaseRequest:
    return replace(request, amount=Fen(501))


async def other_time(_: Campus, request: PurchaseRequest) -> PurchaseRequest:
    return replace(request, event_at=request.event_at + timedelta(seconds=1))


async def other_card(campus: Campus, request: PurchaseRequest) -> PurchaseRequest:
    other = await campus.holder("20190002", cash=2000)
    return replace(request, card=other.card.number)


async def lost_other_card(campus: Campus, request: PurchaseRequest) -> PurchaseRequest:
    other = await campus.holder("20190002", cash=2000)
    await lose(campus, other)
    return replace(request, card=other.card.number)


async def no_card(_: Campus, request: PurchaseRequest) -> PurchaseRequest:
    return replace(request, card=new_card_number())


@pytest.mark.parametrize(
    ("altered", "field"),
    [
        (other_amount, "amount"),
        (other_time, "event_at"),
        (other_card, "debit_accounts"),
        (lost_other_card, "debit_accounts"),
        (no_card, "card"),
    ],
)
async def test_an_approved_id_with_other_content_is_a_conflict(
    campus: Campus,
    altered: Callable[[Campus, PurchaseRequest], Awaitable[PurchaseRequest]],
    field: str,
) -> None:
    holder = await campus.holder(cash=2000)
    request = campus.ask(holder, 500)
    await campus.engine.purchases.purchase(campus.till, request)
    with pytest.raises(TransferConflict) as caught:
        await campus.engine.purchases.purchase(campus.till, await altered(campus, request))
    assert caught.value.field == field


async def test_an_approved_id_from_another_terminal_is_a_conflict(campus: Campus) -> None:
    request = campus.ask(await campus.holder(cash=2000), 500)
    await campus.engine.purchases.purchase(campus.till, request)
    with pytest.raises(TransferConflict) as caught:
        await campus.engine.purchases.purchase(await campus.add_till(), request)
    assert caught.value.field == "about"


async def test_an_id_of_another_version_is_no_id(campus: Campus) -> None:
    request = campus.ask(await campus.holder(cash=2000), 500)
    with pytest.raises(InvalidTransfer):
        await campus.engine.purchases.purchase(campus.till, replace(request, id=UUID(int=7)))


async def test_a_door_takes_no_money(campus: Campus) -> None:
    holder = await campus.holder(cash=2000)
    async with campus.pool.acquire() as connection, connection.transaction():
        door = await add_device(
            connection, "图书馆", merchant_id=None, actor=SYSTEM, at=campus.clock()
        )
    with pytest.raises(NotATill):
        await campus.engine.purchases.purchase(door, campus.ask(holder, 100))


async def test_up_to_the_limit_no_pin_is_needed(campus: Campus) -> None:
    holder = await campus.holder(cash=20_000)
    await campus.engine.purchases.purchase(campus.till, campus.ask(holder, NO_PIN_LIMIT))
    request = campus.ask(holder, NO_PIN_LIMIT + 1)
    with pytest.raises(PinRequired):
        await campus.engine.purchases.purchase(campus.till, request)
    with pytest.raises(PinWrong):
        await campus.engine.purchases.purchase(campus.till, replace(request, pin="246802"))
    approved = await campus.engine.purchases.purchase(campus.till, replace(request, pin=PIN))
    assert approved.amount == Fen(NO_PIN_LIMIT + 1)


async def test_an_answer_on_record_needs_no_pin(campus: Campus) -> None:
    holder = await campus.holder(cash=6000)
    request = campus.ask(holder, 6000, pin=PIN)
    approved = await campus.engine.purchases.purchase(campus.till, request)
    for pin in (None, "246802"):
        again = replace(request, pin=pin)
        assert await campus.engine.purchases.purchase(campus.till, again) == approved
    broke = campus.ask(holder, 6000, pin=PIN)
    for pin in (PIN, None, "246802"):
        answer = await declined(campus, replace(broke, pin=pin))
        assert answer.code == RefusalCode.INSUFFICIENT_FUNDS


async def test_a_pin_that_is_given_has_to_be_right(campus: Campus) -> None:
    holder = await campus.holder(cash=6000)
    with pytest.raises(PinWrong):
        await campus.engine.purchases.purchase(campus.till, campus.ask(holder, 1, pin="246802"))


async def test_wrong_pins_pause_without_using_up_the_id(campus: Campus) -> None:
    holder = await campus.holder(cash=6000)
    request = campus.ask(holder, 6000, pin="246802")
    for _ in range(4):
        with pytest.raises(PinWrong):
            await campus.engine.purchases.purchase(campus.till, request)
    with pytest.raises(PinPaused):
        await campus.engine.purchases.purchase(campus.till, replace(request, pin=PIN))
    campus.clock.advance(seconds=30)
    await campus.engine.purchases.purchase(campus.till, replace(request, pin=PIN))


async def test_a_pin_that_was_never_set_leaves_the_id_free(campus: Campus) -> None:
    holder = await campus.holder(cash=6000, has_pin=False)
    request = campus.ask(holder, 6000, pin=PIN)
    with pytest.raises(PinNotSet):
        await campus.engine.purchases.purchase(campus.till, request)
    await campus.engine.pins.seed({holder.id: PIN})
    await campus.engine.purchases.purchase(campus.till, request)


async def test_a_lost_card_is_told_before_the_pin_is_looked_at(campus: Campus) -> None:
    holder = await campus.holder(cash=6000)
    await lose(campus, holder)
    request = campus.ask(holder, 6000, pin="246802")
    assert (await declined(campus, request)).code == DeclineCode.CARD_LOST
    assert await campus.pool.fetchval("select count(*) from tries") == 0


async def test_the_day_limit_is_for_all_purchases_of_a_business_day(campus: Campus) -> None:
    holder = await campus.holder(cash=100_000)
    await campus.buy(holder, DAY_LIMIT - 100)
    assert (await declined(campus, campus.ask(holder, 101))).code == DeclineCode.DAY_LIMIT_EXCEEDED
    await campus.buy(holder, 100)
    answer = await declined(campus, campus.ask(holder, 1))
    assert (answer.code, answer.transient) == (DeclineCode.DAY_LIMIT_EXCEEDED, True)
    campus.clock.now = START.replace(hour=15, minute=59, second=59)
    assert (await declined(campus, campus.ask(holder, 1))).code == DeclineCode.DAY_LIMIT_EXCEEDED
    campus.clock.now = START.replace(hour=16, minute=0, second=0)  # midnight on campus
    await campus.buy(holder, DAY_LIMIT)


async def test_an_engine_whose_clock_is_behind_counts_to_the_newer_day(campus: Campus) -> None:
    holder = await campus.holder(cash=100_000)
    campus.clock.advance(days=1)
    await campus.buy(holder, DAY_LIMIT)
    campus.clock.advance(days=-1)
    assert (await declined(campus, campus.ask(holder, 1))).code == DeclineCode.DAY_LIMIT_EXCEEDED


async def test_raised_limits_hold_at_once(campus: Campus) -> None:
    holder = await campus.holder(cash=100_000)
    await campus.buy(holder, DAY_LIMIT)
    await declined(campus, campus.ask(holder, 1))
    async with campus.pool.acquire() as connection, connection.transaction():
        settings = replace(
            await get_settings(connection),
            day_limit=Fen(DAY_LIMIT + NO_PIN_LIMIT + 1),
            no_pin_limit=Fen(NO_PIN_LIMIT + 1),
        )
        await change_settings(connection, settings, actor=SYSTEM, at=campus.clock())
    await campus.engine.purchases.purchase(campus.till, campus.ask(holder, NO_PIN_LIMIT + 1))


async def test_a_lowered_limit_without_pin_holds_for_who_remembers_the_old_one(
    campus: Campus,
) -> None:
    holder = await campus.holder(cash=100_000)
    await campus.buy(holder, 100)
    async with campus.pool.acquire() as connection, connection.transaction():
        settings = replace(await get_settings(connection), no_pin_limit=Fen(999))
        await change_settings(connection, settings, actor=SYSTEM, at=campus.clock())
    with pytest.raises(PinRequired):
        await campus.engine.purchases.purchase(campus.till, campus.ask(holder, 1000))


async def test_a_merchant_that_opens_again_sells_at_a_link_that_saw_it_closed(
    campus: Campus,
) -> None:
    holder = await campus.holder(cash=1000)
    await close_merchant(campus, holder)
    seen_closed = await device_now(campus, campus.till.id)
    async with campus.pool.acquire() as connection, connection.transaction():
        await change_merchant(
            connection, campus.merchant.id, MerchantEvent.REOPEN, actor=SYSTEM, at=campus.clock()
        )
    await campus.buy(holder, 100, till=seen_closed)


async def device_now(campus: Campus, device_id: UUID) -> Device:
    async with campus.pool.acquire() as connection:
        return await get_device(connection, device_id)


async def test_one_memory_found_stale_lets_all_be_read_again(campus: Campus) -> None:
    holders = [await campus.holder(number, cash=500) for number in ("20190001", "20190002")]
    for holder in holders:
        await campus.buy(holder, 100)
    await campus.pool.execute("update spenders set version = version + 1")
    await campus.buy(holders[0], 100)
    decided_again = campus.engine.poster.stats.slow_batches
    await campus.buy(holders[1], 100)
    assert campus.engine.poster.stats.slow_batches == decided_again
