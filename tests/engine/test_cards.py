"""Cards: their states, and that a person has one at most."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from asyncpg import UniqueViolationError

from engine.audit_trail import list_events
from engine.campus_errors import CardAlreadyHeld, CardNotFound, InvalidExpiry, WalletNotFound
from engine.cards import (
    TRANSITIONS,
    Card,
    CardEvent,
    CardState,
    change_card,
    expire_cards,
    find_card,
    find_current_card,
    get_card,
    issue_card,
    list_cards,
    replace_card,
)
from engine.errors import IllegalTransition
from engine.wallets import open_wallets
from ledger.ids import uuid7
from ledger.money import Fen
from tests.campuses import EXPIRES_ON, Campus, give_card
from tests.identities import START, SYSTEM, at_once, student

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection


@pytest.fixture
async def card(connection: "Connection[Record]") -> Card:
    """An active card of a student."""
    person = await student(connection)
    await open_wallets(connection, [person.id])
    return await give_card(connection, person.id, at=START)


async def reach(connection: "Connection[Record]", card: Card, state: CardState) -> None:
    """Put a card into a state, by whatever way."""
    await connection.execute("update cards set state = $2 where id = $1", card.id, state)


@pytest.mark.parametrize("state", CardState)
@pytest.mark.parametrize("event", [event for event in CardEvent if event != CardEvent.REPLACE])
async def test_a_card_moves_as_the_table_says(
    connection: "Connection[Record]", card: Card, state: CardState, event: CardEvent
) -> None:
    await reach(connection, card, state)
    after = TRANSITIONS.get((state, event))
    try:
        moved = await change_card(connection, card.id, event, actor=SYSTEM, at=START)
    except IllegalTransition:
        assert after is None
        assert (await get_card(connection, card.id)).state is state
    else:
        assert moved.state is after


@pytest.mark.parametrize("state", [CardState.ISSUED, CardState.ACTIVE, CardState.LOST])
async def test_a_replacement_is_active_and_ends_the_old_card(
    connection: "Connection[Record]", card: Card, state: CardState
) -> None:
    await reach(connection, card, state)
    new = await replace_card(connection, card.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=START)
    assert new.state is CardState.ACTIVE
    assert new.number != card.number
    assert (await get_card(connection, card.id)).state is CardState.REPLACED
    assert await find_current_card(connection, card.person_id) == new
    assert [each.id for each in await list_cards(connection, card.person_id)] == [new.id, card.id]


@pytest.mark.parametrize("state", [CardState.REPLACED, CardState.CLOSED, CardState.EXPIRED])
async def test_a_card_that_has_ended_is_not_replaced(
    connection: "Connection[Record]", card: Card, state: CardState
) -> None:
    await reach(connection, card, state)
    with pytest.raises(IllegalTransition):
        await replace_card(connection, card.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=START)


@pytest.mark.parametrize("state", [CardState.ISSUED, CardState.ACTIVE, CardState.LOST])
async def test_a_person_with_a_card_gets_no_second_one(
    connection: "Connection[Record]", card: Card, state: CardState
) -> None:
    await reach(connection, card, state)
    with pytest.raises(CardAlreadyHeld):
        await issue_card(connection, card.person_id, expires_on=EXPIRES_ON, actor=SYSTEM, at=START)


async def test_the_database_itself_allows_no_second_current_card(
    connection: "Connection[Record]", card: Card
) -> None:
    sql = "insert into cards (id, number, person_id, state, expires_on) values ($1,$2,$3,$4,$5)"
    values = (uuid7(), "1000000000000008", card.person_id, "active", EXPIRES_ON)
    with pytest.raises(UniqueViolationError):
        await connection.execute(sql, *values)


async def test_two_desks_that_replace_a_card_at_once_make_one(campus: Campus) -> None:
    holder = await campus.holder(cash=500)

    async def replace_it() -> Card:
        async with campus.pool.acquire() as connection, connection.transaction():
            return await replace_card(
                connection, holder.card.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=START
            )

    answers = await at_once(replace_it() for _ in range(4))
    assert (
        sorted(type(answer).__name__ for answer in answers) == ["Card"] + ["IllegalTransition"] * 3
    )
    async with campus.pool.acquire() as connection:
        cards = await list_cards(connection, holder.id)
    assert [each.state for each in cards] == [CardState.ACTIVE, CardState.REPLACED]


async def test_a_replacement_spends_the_money_of_the_old_card(campus: Campus) -> None:
    holder = await campus.holder(cash=500)
    await campus.buy(holder, 100)
    async with campus.pool.acquire() as connection, connection.transaction():
        new = await replace_card(
            connection, holder.card.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=START
        )
    request = campus.ask(holder, 300, card=new.number)
    approved = await campus.engine.purchases.purchase(campus.till, request)
    assert approved.balance_after == Fen(100)


async def test_a_card_needs_a_person_with_wallets(connection: "Connection[Record]") -> None:
    person = await student(connection)
    with pytest.raises(WalletNotFound):
        await issue_card(connection, person.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=START)


async def test_a_card_that_has_expired_already_is_not_made(
    connection: "Connection[Record]", card: Card
) -> None:
    with pytest.raises(InvalidExpiry):
        await replace_card(connection, card.id, expires_on=date(2026, 3, 1), actor=SYSTEM, at=START)


async def test_cards_expire_after_their_last_day(
    connection: "Connection[Record]", card: Card
) -> None:
    last_day = START.replace(year=2029, month=8, day=31)
    assert await expire_cards(connection, at=last_day) == 0
    assert await expire_cards(connection, at=last_day + timedelta(days=1)) == 1
    assert (await get_card(connection, card.id)).state is CardState.EXPIRED
    assert await expire_cards(connection, at=last_day + timedelta(days=1)) == 0


async def test_a_card_is_found_by_its_number(connection: "Connection[Record]", card: Card) -> None:
    assert await find_card(connection, card.number) == card
    assert await find_card(connection, "1000000000000008") is None
    with pytest.raises(CardNotFound):
        await get_card(connection, uuid7())


async def test_what_is_done_to_cards_is_recorded_without_their_numbers(
    connection: "Connection[Record]", card: Card
) -> None:
    await replace_card(connection, card.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=START)
    events = await list_events(connection, subject_id=card.person_id, limit=9)
    assert [each.event.action for each in events] == [
        "card.issued",
        "card.replaced",
        "card.state_changed",
        "card.issued",
        "person.added",
    ]
    assert card.number not in str(events)
    assert card.number not in repr(card)
