"""Loss reports: with the PIN, for one's own card, and undone only while it was not replaced."""

import pytest

from engine.audit_trail import list_events
from engine.campus_errors import CardNotFound
from engine.cards import CardState, replace_card
from engine.errors import IllegalTransition, PinWrong
from tests.campuses import EXPIRES_ON, PIN, Campus
from tests.identities import SYSTEM


async def test_a_reported_card_is_lost_and_found_again(campus: Campus) -> None:
    holder = await campus.holder(cash=500)
    reports = campus.engine.loss_reports
    for _ in range(2):
        card = await reports.report(holder.principal, holder.card.id, pin=PIN)
        assert card.state is CardState.LOST
    for _ in range(2):
        card = await reports.undo(holder.principal, holder.card.id, pin=PIN)
        assert card.state is CardState.ACTIVE
    await campus.buy(holder, 100)
    async with campus.pool.acquire() as connection:
        events = await list_events(connection, actor_id=holder.id, limit=9)
    assert [each.event.action for each in events] == ["card.found", "card.reported_lost"]


async def test_without_the_pin_nothing_changes(campus: Campus) -> None:
    holder = await campus.holder(cash=500)
    reports = campus.engine.loss_reports
    with pytest.raises(PinWrong):
        await reports.report(holder.principal, holder.card.id, pin="246802")
    await campus.buy(holder, 100)
    await reports.report(holder.principal, holder.card.id, pin=PIN)
    with pytest.raises(PinWrong):
        await reports.undo(holder.principal, holder.card.id, pin="246802")


async def test_nobody_reports_the_card_of_another(campus: Campus) -> None:
    holder = await campus.holder(cash=500)
    other = await campus.holder("20190002")
    with pytest.raises(CardNotFound):
        await campus.engine.loss_reports.report(other.principal, holder.card.id, pin=PIN)
    await campus.buy(holder, 100)


async def test_a_card_that_was_replaced_is_not_put_back(campus: Campus) -> None:
    holder = await campus.holder(cash=500)
    reports = campus.engine.loss_reports
    await reports.report(holder.principal, holder.card.id, pin=PIN)
    async with campus.pool.acquire() as connection, connection.transaction():
        await replace_card(
            connection, holder.card.id, expires_on=EXPIRES_ON, actor=SYSTEM, at=campus.clock()
        )
    for change in (reports.undo, reports.report):
        with pytest.raises(IllegalTransition):
            await change(holder.principal, holder.card.id, pin=PIN)
