"""The link and HTTP decline for the same reasons, by the same codes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from engine.campus_settings import CampusSettings, change_settings
from engine.cards import CardEvent, change_card, issue_card, replace_card
from engine.merchants import MerchantEvent, change_merchant
from engine.people import PersonEvent, change_state
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.money import Fen
from tests.campuses import EXPIRES_ON, Holder
from tests.engine.api.terminals.doors import (
    Asked,
    Codes,
    Doors,
    at_both_doors,
    code_of,
    http_code_of,
)
from tests.engine.running import RunningEngine
from tests.identities import SYSTEM

Situation = Callable[[Doors, str], Awaitable[Codes]]

NO_PIN_LIMIT = 5_000  # the campus's own, as migrated; so below
DAY_LIMIT = 30_000


@asynccontextmanager
async def work(doors: Doors) -> AsyncIterator[LedgerConnection]:
    async with doors.engine.parts.pool.acquire() as connection, connection.transaction():
        yield connection


def asking(amount: int, *, cash: int = 100_000, pin: str | None = None) -> Situation:
    async def situation(doors: Doors, number: str) -> Codes:
        holder = await doors.engine.holder(number, cash=cash)
        return await doors.purchase(Asked(holder.card.number, amount, pin))

    return situation


def with_card_after(event: CardEvent) -> Situation:
    async def situation(doors: Doors, number: str) -> Codes:
        holder = await doors.engine.holder(number)
        await move_card(doors, holder, event)
        return await doors.purchase(Asked(holder.card.number, 100))

    return situation


async def with_unknown_card(doors: Doors, _: str) -> Codes:
    return await doors.purchase(Asked("6217001234567890", 100))


async def with_card_just_made(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    await move_card(doors, holder, CardEvent.CLOSE)
    at = doors.engine.parts.clock()
    async with work(doors) as connection:
        card = await issue_card(connection, holder.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=at)
    return await doors.purchase(Asked(card.number, 100))


async def with_card_that_was_replaced(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    at = doors.engine.parts.clock()
    async with work(doors) as connection:
        await replace_card(connection, holder.card.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=at)
    return await doors.purchase(Asked(holder.card.number, 100))


async def as_suspended_person(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    at = doors.engine.parts.clock()
    async with work(doors) as connection:
        await change_state(connection, holder.id, PersonEvent.SUSPEND, actor=SYSTEM, at=at)
    return await doors.purchase(Asked(holder.card.number, 100))


async def without_pin_set(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number, pin=None)
    return await doors.purchase(Asked(holder.card.number, 100, "135790"))


async def under_another_content(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    purchase_id = uuid7()
    await doors.purchase_by_link(purchase_id, Asked(holder.card.number, 100))
    other = Asked(holder.card.number, 200)
    return Codes(
        code_of(await doors.purchase_by_link(purchase_id, other)),
        http_code_of(await doors.purchase_by_http(purchase_id, other)),
    )


async def after_its_reversal(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    purchase_id = uuid7()
    prevented = await doors.reverse(purchase_id)
    assert prevented == Codes("reversed", "fine")
    asked = Asked(holder.card.number, 100)
    return Codes(
        code_of(await doors.purchase_by_link(purchase_id, asked)),
        http_code_of(await doors.purchase_by_http(purchase_id, asked)),
    )


async def refunding_nothing_known(doors: Doors, _: str) -> Codes:
    return await doors.refund(uuid7(), 100)


async def refunding_too_much(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    purchase_id = uuid7()
    await doors.purchase_by_link(purchase_id, Asked(holder.card.number, 100))
    return await doors.refund(purchase_id, 101)


async def reversing_at_another_till(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    purchase_id = uuid7()
    async with at_both_doors(doors.engine, "第二食堂") as other:
        await other.purchase_by_link(purchase_id, Asked(holder.card.number, 100))
    return await doors.reverse(purchase_id)


async def reversing_too_late(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    purchase_id = uuid7()
    await doors.purchase_by_link(purchase_id, Asked(holder.card.number, 100))
    settings = CampusSettings(
        no_pin_limit=Fen(NO_PIN_LIMIT),
        day_limit=Fen(DAY_LIMIT),
        reversal_window=timedelta(microseconds=1),
    )
    async with work(doors) as connection:
        await change_settings(connection, settings, actor=SYSTEM, at=doors.engine.parts.clock())
    return await doors.reverse(purchase_id)


async def at_closed_merchant(doors: Doors, number: str) -> Codes:
    holder = await doors.engine.holder(number)
    at = doors.engine.parts.clock()
    async with work(doors) as connection:
        await change_merchant(
            connection, doors.merchant_id, MerchantEvent.CLOSE, actor=SYSTEM, at=at
        )
    return await doors.purchase(Asked(holder.card.number, 100))


async def move_card(doors: Doors, holder: Holder, event: CardEvent) -> None:
    at = doors.engine.parts.clock()
    async with work(doors) as connection:
        await change_card(connection, holder.card.id, event, actor=SYSTEM, at=at)


SITUATIONS: dict[str, Situation] = {
    "card_unknown": with_unknown_card,
    "card_not_activated": with_card_just_made,
    "card_lost": with_card_after(CardEvent.REPORT_LOST),
    "card_replaced": with_card_that_was_replaced,
    "card_closed": with_card_after(CardEvent.CLOSE),
    "card_expired": with_card_after(CardEvent.EXPIRE),
    "holder_not_active": as_suspended_person,
    "day_limit_exceeded": asking(DAY_LIMIT + 1),
    "insufficient_funds": asking(101, cash=100),
    "pin_required": asking(NO_PIN_LIMIT + 1),
    "pin_wrong": asking(NO_PIN_LIMIT + 1, pin="864209"),
    "pin_not_set": without_pin_set,
    "transfer_conflict": under_another_content,
    "reversed": after_its_reversal,
    "purchase_not_found": refunding_nothing_known,
    "refund_exceeds_purchase": refunding_too_much,
    "purchase_not_found of another till": reversing_at_another_till,
    "reversal_too_late": reversing_too_late,
    "merchant_closed": at_closed_merchant,
}
"""What a till may hear, and when. The last two change the campus."""


async def test_both_doors_decline_by_the_same_code(engine: RunningEngine) -> None:
    async with at_both_doors(engine) as doors:
        heard = {
            expected: await situation(doors, f"2019{place:04d}")
            for place, (expected, situation) in enumerate(SITUATIONS.items())
        }
    codes = {expected: expected.partition(" ")[0] for expected in SITUATIONS}
    assert heard == {expected: Codes(code, code) for expected, code in codes.items()}


async def test_a_door_is_no_till_at_either_door(engine: RunningEngine) -> None:
    holder = await engine.holder()
    async with at_both_doors(engine, None) as doors:
        heard = await doors.purchase(Asked(holder.card.number, 100))
    assert heard == Codes("not_a_till", "not_a_till")
