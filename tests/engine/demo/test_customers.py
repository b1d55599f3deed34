from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest

from engine.cards import Card, CardEvent, change_card, find_card, replace_card
from engine.demo.customers import Cardholder, find_cardholders, find_replacements
from engine.demo.founding import DEMO
from engine.demo.lines import CardReplaced
from ledger.book import LedgerConnection
from ledger.time import wall_clock
from tests.campuses import EXPIRES_ON
from tests.engine.demo.grounds import Founded

if TYPE_CHECKING:
    from asyncpg.connection import Connection


@pytest.fixture
async def here(first_start: Founded) -> "AsyncIterator[Connection[asyncpg.Record]]":
    """A connection to the demo's campus, on which all is rolled back."""
    async with first_start.database.app() as opened:
        transaction = opened.transaction()
        await transaction.start()
        try:
            yield opened
        finally:
            await transaction.rollback()


@pytest.fixture
async def holders(here: LedgerConnection, first_start: Founded) -> list[Cardholder]:
    return await find_cardholders(here, first_start.remembered)


async def card_of(connection: LedgerConnection, holder: Cardholder) -> Card:
    card = await find_card(connection, holder.customer.card)
    assert card is not None
    return card


async def test_a_card_that_replaces_another_is_found_with_its_holder(
    here: LedgerConnection, holders: list[Cardholder]
) -> None:
    since = await here.fetchval("select clock_timestamp()")
    before = await find_replacements(here, since=since)
    old = await card_of(here, holders[0])
    new = await replace_card(here, old.id, expires_on=EXPIRES_ON, actor=DEMO, at=wall_clock())

    assert before == []
    assert await find_replacements(here, since=since) == [
        CardReplaced(number=holders[0].customer.number, card=new.number)
    ]


@pytest.mark.parametrize(("event", "still_buys"), [("report_lost", True), ("close", False)])
async def test_a_lost_card_is_still_tried_and_a_closed_one_is_not(
    here: LedgerConnection,
    holders: list[Cardholder],
    first_start: Founded,
    event: str,
    *,
    still_buys: bool,
) -> None:
    card = await card_of(here, holders[0])
    await change_card(here, card.id, CardEvent(event), actor=DEMO, at=wall_clock())
    left = await find_cardholders(here, first_start.remembered)

    assert (left == holders) is still_buys
    assert (left == holders[1:]) is not still_buys
