"""The book within the caller's own transaction."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ledger.accounts import Rule, new_account
from ledger.answers import Outcome, Posted
from ledger.book import (
    Asked,
    LedgerConnection,
    close_account,
    due_holds,
    find_accounts,
    find_holds,
    find_lines,
    open_accounts,
    post,
)
from ledger.decide import HoldState
from ledger.errors import AccountConflict, AccountInUse, EffectRefused, TransferRefused
from ledger.ids import uuid7
from ledger.transfers import Effect, Entry, Intent, Phase, Transfer
from tests.databases import Database
from tests.ledger.accounts_in import Chart, get_account, open_chart, open_wallets, pay_in
from tests.ledger.asking import LUNCH, draw, end, hold, single
from tests.ledger.judge import find_faults
from tests.ledger.waiting import until_blocked

if TYPE_CHECKING:
    from asyncpg import Connection, Pool, Record

NEVER = Effect("select 0", ())
ALWAYS = Effect("select count(*) from unnest($1::int[])", (1,))


@pytest.fixture
async def chart(connection: "Connection[Record]") -> Chart:
    return await open_chart(connection, wallet_fen=100, subsidy_fen=60, safe_fen=50)


async def ask(connection: LedgerConnection, *asked: Intent | Transfer) -> list[Outcome]:
    intents = [Entry(each) if isinstance(each, Transfer) else each for each in asked]
    return await post(connection, [Asked(intent) for intent in intents])


def codes(outcomes: list[Outcome]) -> list[str]:
    return ["posted" if isinstance(each, Posted) else each.code for each in outcomes]


async def test_a_new_account_has_nothing_on_it(connection: "Connection[Record]") -> None:
    asked = new_account(uuid7(), "wallet", rule=Rule.DEBITS_MUST_NOT_EXCEED_CREDITS, unit="kWh")
    await open_accounts(connection, [asked])
    assert await get_account(connection, asked.id) == asked


async def test_an_account_may_be_opened_again(
    connection: "Connection[Record]", chart: Chart
) -> None:
    before = await get_account(connection, chart.wallet)
    again = new_account(chart.wallet, "wallet", rule=Rule.DEBITS_MUST_NOT_EXCEED_CREDITS)
    await open_accounts(connection, [again, again])
    assert await get_account(connection, chart.wallet) == before


@pytest.mark.parametrize(
    ("field", "value"), [("kind", "other"), ("unit", "kWh"), ("rule", Rule.NONE)]
)
async def test_an_account_that_differs_is_a_conflict_that_names_the_field(
    connection: "Connection[Record]", chart: Chart, field: str, value: Any
) -> None:
    before = await get_account(connection, chart.wallet)
    with pytest.raises(AccountConflict) as error:
        await open_accounts(connection, [before._replace(**{field: value})])
    assert error.value.field == field
    assert await get_account(connection, chart.wallet) == before


async def test_sessions_may_open_the_same_accounts_at_once(database: Database) -> None:
    accounts = [new_account(uuid7(), "wallet") for _ in range(300)]
    async with database.app() as one, database.app() as other:
        await asyncio.gather(open_accounts(one, accounts), open_accounts(other, accounts[::-1]))
        assert len(await find_accounts(one, [account.id for account in accounts])) == 300


async def test_a_closed_account_keeps_its_money(
    connection: "Connection[Record]", chart: Chart
) -> None:
    before = await get_account(connection, chart.wallet)
    await close_account(connection, chart.wallet)
    assert await get_account(connection, chart.wallet) == before._replace(is_closed=True)


async def test_an_account_closes_once(connection: "Connection[Record]", chart: Chart) -> None:
    await close_account(connection, chart.wallet)
    with pytest.raises(AccountInUse):
        await close_account(connection, chart.wallet)


async def test_an_unknown_account_cannot_be_closed(connection: "Connection[Record]") -> None:
    with pytest.raises(AccountInUse):
        await close_account(connection, uuid7())


@pytest.mark.parametrize("side", ["wallet", "shop"])
async def test_an_account_with_a_hold_cannot_be_closed_until_it_ends(
    connection: "Connection[Record]", chart: Chart, side: str
) -> None:
    held = hold(chart.wallet, chart.shop, 10)
    await ask(connection, held)
    with pytest.raises(AccountInUse):
        await close_account(connection, getattr(chart, side))
    await ask(connection, end(held.id, Phase.VOID))
    await close_account(connection, getattr(chart, side))


async def test_nothing_asked_is_nothing_written(connection: "Connection[Record]") -> None:
    before = await connection.fetchval("select count(*) from batches")
    assert await post(connection, []) == []
    assert await connection.fetchval("select count(*) from batches") == before


async def test_entries_are_posted_in_the_order_in_which_they_are_asked(
    connection: "Connection[Record]", chart: Chart
) -> None:
    asked = [
        single(chart.wallet, chart.shop, 101),
        single(chart.bank, chart.wallet, 1),
        single(chart.wallet, chart.shop, 101),
        single(chart.wallet, chart.shop, 1),
    ]
    outcomes = await ask(connection, *asked)
    assert codes(outcomes) == ["insufficient_funds", "posted", "posted", "insufficient_funds"]
    rows = await connection.fetch(
        "select id, posted_at from transfers where id = any($1) order by seq",
        [each.id for each in asked],
    )
    assert [row["id"] for row in rows] == [each.id for each in asked]
    assert len({row["posted_at"] for row in rows}) == 1


async def test_what_is_answered_is_what_is_on_record(
    connection: "Connection[Record]", chart: Chart
) -> None:
    asked = draw((chart.subsidy, chart.wallet), chart.shop, 100)
    (outcome,) = await ask(connection, asked)
    assert isinstance(outcome, Posted)
    recorded = await find_lines(connection, asked.ids())
    assert [recorded[each].line for each in asked.ids()] == list(outcome.lines)
    assert {each.posted_at for each in recorded.values()} == {outcome.posted_at}


async def test_ids_that_do_not_exist_are_missing(connection: "Connection[Record]") -> None:
    ids = [uuid7(), uuid7()]
    assert await find_accounts(connection, ids) == {}
    assert await find_holds(connection, ids) == {}
    assert await find_lines(connection, ids) == {}


async def test_holds_tell_how_they_ended(connection: "Connection[Record]", chart: Chart) -> None:
    held = [hold(chart.wallet, chart.shop, 10, expires_at=LUNCH) for _ in range(4)]
    ends = [
        end(held[0].id, amount_fen=3),
        end(held[1].id, Phase.VOID),
        end(held[2].id, Phase.EXPIRE),
    ]
    await ask(connection, *held)
    await ask(connection, *ends)
    found = await find_holds(connection, [each.id for each in held])
    assert [(found[each.id].state, found[each.id].ended_by) for each in held] == [
        (HoldState.POSTED, ends[0].id),
        (HoldState.VOIDED, ends[1].id),
        (HoldState.EXPIRED, ends[2].id),
        (HoldState.PENDING, None),
    ]
    assert {each.expires_at for each in found.values()} == {LUNCH}
    assert (await get_account(connection, chart.wallet)).available.value == 100 - 3 - 10


async def test_holds_that_are_due_come_oldest_first(
    connection: "Connection[Record]", chart: Chart
) -> None:
    times = [LUNCH + timedelta(seconds=second) for second in (3, 1, 2, 0, 60)]
    held = [hold(chart.bank, chart.shop, 1, expires_at=at) for at in times]
    await ask(connection, *held, hold(chart.bank, chart.shop, 1))
    await ask(connection, end(held[3].id))
    moment = LUNCH + timedelta(seconds=3)
    due = [each.id for each in await due_holds(connection, moment, limit=10)]
    assert due == [held[1].id, held[2].id, held[0].id]
    assert len(await due_holds(connection, moment, limit=2)) == 2


async def test_a_rolled_back_transaction_leaves_nothing(
    connection: "Connection[Record]", chart: Chart
) -> None:
    books = await find_accounts(connection, chart.ids())
    batches = await connection.fetchval("select count(*) from batches")
    asked = [hold(chart.wallet, chart.shop, 10), single(chart.wallet, chart.shop, 10)]
    transaction = connection.transaction()
    await transaction.start()
    assert codes(await ask(connection, *asked)) == ["posted", "posted"]
    await transaction.rollback()
    assert await find_accounts(connection, chart.ids()) == books
    assert await find_lines(connection, [each.id for each in asked]) == {}
    assert await find_holds(connection, [each.id for each in asked]) == {}
    assert await connection.fetchval("select count(*) from batches") == batches


async def test_an_effect_that_does_not_hold_rolls_everything_back(
    connection: "Connection[Record]", chart: Chart
) -> None:
    books = await find_accounts(connection, chart.ids())
    asked = single(chart.wallet, chart.shop, 10)
    with pytest.raises(EffectRefused):
        async with connection.transaction():
            await post(connection, [Asked(Entry(asked), (ALWAYS, NEVER))])
    assert await find_accounts(connection, chart.ids()) == books
    assert codes(await ask(connection, asked)) == ["posted"]


async def test_effects_run_only_for_what_is_posted_now(
    connection: "Connection[Record]", chart: Chart
) -> None:
    posted, refused = single(chart.wallet, chart.shop, 10), single(chart.wallet, chart.shop, 1000)
    await ask(connection, posted)
    outcomes = await post(
        connection, [Asked(Entry(posted), (NEVER,)), Asked(Entry(refused), (NEVER,))]
    )
    assert codes(outcomes) == ["posted", "insufficient_funds"]


async def test_a_second_writer_waits_and_sees_what_the_first_left(database: Database) -> None:
    async with database.app() as one, database.app() as other, database.app() as watcher:
        chart = await open_chart(one, wallet_fen=100)
        transaction = one.transaction()
        await transaction.start()
        await ask(one, single(chart.wallet, chart.shop, 60))
        async with asyncio.TaskGroup() as tasks:
            second = tasks.create_task(in_transaction(other, single(chart.wallet, chart.shop, 60)))
            await until_blocked(watcher)
            await transaction.commit()
        (outcome,) = second.result()
        assert isinstance(outcome, TransferRefused)
        assert (outcome.code, outcome.available_fen) == ("insufficient_funds", 40)
        assert await find_faults(watcher) == []


async def test_a_hold_that_comes_while_we_wait_for_locks_is_seen(database: Database) -> None:
    async with database.app() as one, database.app() as other, database.app() as watcher:
        chart = await open_chart(one, wallet_fen=100)
        held = hold(chart.wallet, chart.shop, 60)
        asked = [single(chart.wallet, chart.bank, 1), end(held.id)]
        transaction = one.transaction()
        await transaction.start()
        await ask(one, held)
        async with asyncio.TaskGroup() as tasks:
            second = tasks.create_task(in_transaction(other, *asked))
            await until_blocked(watcher)
            await transaction.commit()
        assert codes(second.result()) == ["posted", "posted"]
        assert await find_faults(watcher) == []


async def in_transaction(connection: LedgerConnection, *asked: Transfer) -> list[Outcome]:
    async with connection.transaction():
        return await ask(connection, *asked)


async def test_writers_that_name_accounts_in_any_order_never_deadlock(
    pool: "Pool[Record]",
) -> None:
    async with pool.acquire() as connection:
        bank = (await open_chart(connection)).bank
        wallets = await open_wallets(connection, 8)
        await pay_in(connection, [(bank, wallet, 1000) for wallet in wallets])

    async def write(order: int) -> None:
        turned = wallets[order:] + wallets[:order]
        pairs = list(pairwise(turned))
        async with pool.acquire() as connection:
            for _ in range(10):
                await in_transaction(connection, *(single(*pair, 1) for pair in pairs))

    async with asyncio.TaskGroup() as tasks:
        for order in range(4):
            tasks.create_task(write(order * 2))
    async with pool.acquire() as connection:
        assert await find_faults(connection) == []


async def test_the_books_refuse_what_would_break_a_rule_whoever_writes(
    connection: "Connection[Record]", chart: Chart
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="accounts_keep_their_rule"):
        await connection.execute(
            "update accounts set debits_posted = 101 where id = $1", chart.wallet
        )


async def test_transfers_that_share_an_id_within_one_call_raise(
    connection: "Connection[Record]", chart: Chart
) -> None:
    first, second = single(chart.bank, chart.shop, 1), single(chart.bank, chart.shop, 2)
    shared = replace(second, id=first.id)
    outcomes = await ask(connection, first, shared)
    assert codes(outcomes) == ["posted", "transfer_conflict"]


async def test_a_draw_passes_over_a_closed_account(
    connection: "Connection[Record]", chart: Chart
) -> None:
    await close_account(connection, chart.subsidy)
    (outcome,) = await ask(connection, draw((chart.subsidy, chart.wallet), chart.shop, 100))
    assert isinstance(outcome, Posted)
    assert [line.debit_account for line in outcome.lines] == [chart.wallet]


async def test_a_draw_from_a_closed_account_alone_is_refused(
    connection: "Connection[Record]", chart: Chart
) -> None:
    await close_account(connection, chart.subsidy)
    asked = draw((chart.subsidy,), chart.shop, 10)
    assert codes(await ask(connection, asked)) == ["debit_account_closed"]
