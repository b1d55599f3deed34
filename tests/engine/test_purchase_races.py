"""Purchases by two processes at once, against all that may change what a person may do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from engine.campus_errors import DeclineCode, Declined
from engine.devices import revoke_device
from engine.purchases import Approved, PurchaseRequest
from engine.wallets import lock_spender
from ledger.money import Fen
from tests.campuses import PIN, Campus, Engine, Holder, wait_for_waiters
from tests.databases import Database
from tests.identities import SYSTEM, at_once


@pytest.fixture
async def other(campus: Campus, database: Database) -> AsyncIterator[Engine]:
    """A second process on the same campus."""
    async with campus.another_engine(database) as engine:
        yield engine


async def remember(campus: Campus, other: Engine, holder: Holder) -> None:
    """Let both processes remember a holder as one who may pay."""
    for engine in (campus.engine, other):
        await engine.purchases.purchase(campus.till, campus.ask(holder, 1))


async def buy_at_both(
    campus: Campus, other: Engine, requests: list[PurchaseRequest]
) -> list[Approved | BaseException]:
    """Ask two processes in turn, all from behind one barrier."""
    engines = (campus.engine, other)
    return await at_once(
        engines[number % 2].purchases.purchase(campus.till, request)
        for number, request in enumerate(requests)
    )


def codes(answers: list[Approved | BaseException]) -> set[str]:
    """Return the codes of the declines; whatever else went wrong is raised."""
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    unexpected = [failure for failure in failures if not isinstance(failure, Declined)]
    assert unexpected == []
    return {failure.code for failure in failures if isinstance(failure, Declined)}


def approved(answers: list[Approved | BaseException]) -> list[Approved]:
    return [answer for answer in answers if isinstance(answer, Approved)]


async def test_from_the_commit_of_a_loss_report_no_purchase_passes(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=10_000)
    await remember(campus, other, holder)
    during = [campus.ask(holder, 10) for _ in range(100)]

    async def report_amid_them() -> datetime:
        await asyncio.sleep(0)
        card = await campus.engine.loss_reports.report(holder.principal, holder.card.id, pin=PIN)
        return card.changed_at

    answers, reported_at = await asyncio.gather(
        buy_at_both(campus, other, during), report_amid_them()
    )
    after = await buy_at_both(campus, other, [campus.ask(holder, 10) for _ in range(20)])

    assert approved(after) == []
    assert codes(after) == {DeclineCode.CARD_LOST}
    assert codes(answers) <= {DeclineCode.CARD_LOST}
    assert all(each.posted_at < reported_at for each in approved(answers))
    left = Fen(10_000 - 2 - 10 * len(approved(answers)))
    assert (await campus.balance(holder)).total == left


async def test_a_purchase_that_was_decided_before_a_report_waits_for_it_and_is_declined(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=10_000)
    await remember(campus, other, holder)
    async with campus.pool.acquire() as reporting:
        transaction = reporting.transaction()
        await transaction.start()
        await reporting.execute("update cards set state = 'lost' where id = $1", holder.card.id)
        asked = asyncio.create_task(other.purchases.purchase(campus.till, campus.ask(holder, 10)))
        await wait_for_waiters(reporting, 1)
        await transaction.commit()
    with pytest.raises(Declined) as caught:
        await asked
    assert caught.value.code == DeclineCode.CARD_LOST
    assert (await campus.balance(holder)).total == Fen(9_998)


async def test_of_purchases_at_once_exactly_as_many_pass_as_the_day_allows(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=100_000)
    answers = await buy_at_both(campus, other, [campus.ask(holder, 1_000) for _ in range(60)])
    assert len(approved(answers)) == 30
    assert codes(answers) == {DeclineCode.DAY_LIMIT_EXCEEDED}
    assert await campus.spent_today(holder) == 30_000
    assert (await campus.balance(holder)).total == Fen(70_000)


async def test_of_purchases_at_once_exactly_as_many_pass_as_the_wallets_hold(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=1_000, subsidy=1_050)
    answers = await buy_at_both(campus, other, [campus.ask(holder, 100) for _ in range(60)])
    assert len(approved(answers)) == 20
    assert codes(answers) == {"insufficient_funds"}
    assert sum(each.subsidy.value for each in approved(answers)) == 1_050
    assert await campus.spent_today(holder) == 2_000


async def test_the_same_purchase_a_hundred_times_at_once_is_one(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=10_000)
    request = campus.ask(holder, 100)
    answers = await buy_at_both(campus, other, [request] * 100)
    assert answers == [answers[0]] * 100
    assert (await campus.balance(holder)).total == Fen(9_900)
    assert await campus.spent_today(holder) == 100


async def test_from_the_commit_of_a_revocation_the_terminal_takes_no_money(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=10_000)
    await remember(campus, other, holder)
    during = [campus.ask(holder, 10) for _ in range(60)]

    async def revoke() -> datetime:
        async with campus.pool.acquire() as connection, connection.transaction():
            await revoke_device(connection, campus.till.id, actor=SYSTEM, at=campus.clock())
            at: datetime = await connection.fetchval("select clock_timestamp()")
        return at

    answers, revoked_at = await asyncio.gather(buy_at_both(campus, other, during), revoke())
    after = await buy_at_both(campus, other, [campus.ask(holder, 10) for _ in range(10)])
    assert approved(after) == []
    assert codes(after) == {DeclineCode.TERMINAL_REVOKED}
    assert all(each.posted_at < revoked_at for each in approved(answers))


async def test_a_revocation_waits_for_the_purchases_that_are_being_committed(
    campus: Campus, other: Engine
) -> None:
    holder = await campus.holder(cash=10_000)
    await remember(campus, other, holder)
    async with campus.pool.acquire() as holding, campus.pool.acquire() as revoking:
        held, revocation = holding.transaction(), revoking.transaction()
        await held.start()
        await lock_spender(holding, holder.id)
        asked = asyncio.create_task(other.purchases.purchase(campus.till, campus.ask(holder, 10)))
        await wait_for_waiters(holding, 1)
        await revocation.start()
        revoked = asyncio.create_task(
            revoke_device(revoking, campus.till.id, actor=SYSTEM, at=campus.clock())
        )
        await wait_for_waiters(holding, 2)
        await held.commit()
        await asked
        await revoked
        await revocation.commit()


async def test_one_persons_declines_do_not_touch_the_others_of_a_batch(
    campus: Campus, other: Engine
) -> None:
    lost = await campus.holder("20190001", cash=10_000)
    others = [await campus.holder(f"2019{n:04d}", cash=10_000) for n in range(2, 12)]
    for holder in (lost, *others):
        await remember(campus, other, holder)
    await campus.engine.loss_reports.report(lost.principal, lost.card.id, pin=PIN)
    requests = [campus.ask(holder, 10) for holder in (lost, *others) for _ in range(4)]
    answers = await buy_at_both(campus, other, requests)
    assert len(approved(answers)) == 40
    assert codes(answers) == {DeclineCode.CARD_LOST}
