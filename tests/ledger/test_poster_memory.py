"""What a poster keeps in memory is a guess: what others did meanwhile is seen when it writes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from engine.database.embedded import EmbeddedServer
from ledger.answers import Posted
from ledger.book import Asked, close_account, post
from ledger.errors import TransferRefused
from ledger.poster import open_poster
from ledger.transfers import Entry, Phase, Transfer
from tests.databases import Database
from tests.ledger.accounts_in import Chart, open_wallets
from tests.ledger.asking import draw, end, hold, single
from tests.ledger.busy import audited_chart, busy_database, code_of
from tests.ledger.locked import locked
from tests.ledger.waiting import turn, until

if TYPE_CHECKING:
    from asyncpg import Pool, Record


@pytest.fixture(scope="module")
def database(server: EmbeddedServer) -> Iterator[Database]:
    yield from busy_database(server)


@pytest.fixture
async def chart(pool: "Pool[Record]") -> AsyncIterator[Chart]:
    async with audited_chart(pool) as opened:
        yield opened


async def post_elsewhere(pool: "Pool[Record]", *transfers: Transfer) -> None:
    """Post as another process would, behind the poster's back."""
    async with pool.acquire() as connection, connection.transaction():
        outcomes = await post(connection, [Asked(Entry(each)) for each in transfers])
    assert all(isinstance(outcome, Posted) for outcome in outcomes)


async def test_money_that_came_by_another_way_can_be_spent(
    pool: "Pool[Record]", chart: Chart
) -> None:
    async with open_poster(pool) as poster:
        assert await code_of(poster, single(chart.wallet, chart.shop, 100)) == "posted"
        await post_elsewhere(pool, single(chart.bank, chart.wallet, 70))
        assert await code_of(poster, single(chart.wallet, chart.shop, 70)) == "posted"
        assert poster.stats.slow_batches == 1


async def test_money_that_went_by_another_way_cannot_be_spent(
    pool: "Pool[Record]", chart: Chart
) -> None:
    async with open_poster(pool) as poster:
        assert await code_of(poster, single(chart.wallet, chart.shop, 10)) == "posted"
        await post_elsewhere(pool, single(chart.wallet, chart.shop, 90))
        assert await code_of(poster, single(chart.wallet, chart.shop, 1)) == "insufficient_funds"


async def test_room_that_was_made_by_another_way_can_be_used(
    pool: "Pool[Record]", chart: Chart
) -> None:
    async with open_poster(pool) as poster:
        assert await code_of(poster, single(chart.bank, chart.safe, 50)) == "posted"
        await post_elsewhere(pool, single(chart.safe, chart.bank, 5))
        assert await code_of(poster, single(chart.bank, chart.safe, 5)) == "posted"


@pytest.mark.parametrize("way", ["one poster", "another poster"])
async def test_a_draw_is_split_by_what_is_there_and_not_by_memory(
    pool: "Pool[Record]", chart: Chart, way: str
) -> None:
    wallets = (chart.subsidy, chart.wallet)
    async with open_poster(pool) as poster, open_poster(pool) as other:
        await poster.post(draw(wallets, chart.shop, 60))  # memory: nothing is left of the subsidy
        top_up = Entry(single(chart.bank, chart.subsidy, 30))
        await (poster if way == "one poster" else other).post(top_up)
        posted = await poster.post(draw(wallets, chart.shop, 100))
    assert [(line.debit_account, line.amount_fen) for line in posted.lines] == [
        (chart.subsidy, 30),
        (chart.wallet, 70),
    ]


async def test_a_draw_does_not_take_what_another_spent(pool: "Pool[Record]", chart: Chart) -> None:
    wallets = (chart.subsidy, chart.wallet)
    async with open_poster(pool) as poster:
        await poster.post(draw(wallets, chart.shop, 10))
        await post_elsewhere(pool, single(chart.subsidy, chart.shop, 45))
        posted = await poster.post(draw(wallets, chart.shop, 20))
    assert [line.amount_fen for line in posted.lines] == [5, 15]


async def test_a_draw_that_finds_too_little_says_what_all_accounts_have(
    pool: "Pool[Record]", chart: Chart
) -> None:
    async with open_poster(pool) as poster:
        await poster.post(Entry(hold(chart.wallet, chart.shop, 10)))
        with pytest.raises(TransferRefused) as error:
            await poster.post(draw((chart.subsidy, chart.wallet), chart.shop, 151))
        assert (error.value.needed_fen, error.value.available_fen) == (151, 150)
        await poster.post(draw((chart.subsidy, chart.wallet), chart.shop, 150))


@pytest.mark.parametrize("name", ["wallet", "shop"])
async def test_an_account_that_another_closed_is_closed(
    pool: "Pool[Record]", chart: Chart, name: str
) -> None:
    async with open_poster(pool) as poster:
        await poster.post(Entry(single(chart.wallet, chart.shop, 10)))
        async with pool.acquire() as connection:
            await close_account(connection, getattr(chart, name))
        code = await code_of(poster, single(chart.wallet, chart.shop, 10))
    assert code == ("debit" if name == "wallet" else "credit") + "_account_closed"


async def test_a_draw_passes_over_a_wallet_that_another_closed(
    pool: "Pool[Record]", chart: Chart
) -> None:
    wallets = (chart.subsidy, chart.wallet)
    async with open_poster(pool) as poster:
        await poster.post(draw(wallets, chart.shop, 10))
        async with pool.acquire() as connection:
            await close_account(connection, chart.subsidy)
        async with asyncio.timeout(10):
            posted = [await poster.post(draw(wallets, chart.shop, 20)) for _ in range(2)]
    assert [each.lines[0].debit_account for each in posted] == [chart.wallet] * 2


async def test_a_hold_may_be_ended_by_another(pool: "Pool[Record]", chart: Chart) -> None:
    held = hold(chart.wallet, chart.shop, 100)
    async with open_poster(pool) as poster, open_poster(pool) as other:
        await poster.post(Entry(held))
        await other.post(Entry(end(held.id, Phase.VOID)))
        assert await code_of(poster, end(held.id)) == "hold_already_voided"
        assert await code_of(poster, single(chart.wallet, chart.shop, 100)) == "posted"


async def test_a_hold_may_end_while_it_is_being_written(pool: "Pool[Record]", chart: Chart) -> None:
    held = hold(chart.wallet, chart.shop, 100)
    async with (
        open_poster(pool) as poster,
        asyncio.TaskGroup() as tasks,
        locked(pool, chart) as locks,
    ):
        tasks.create_task(poster.post(Entry(held)))
        await locks.until_met()
        ends = [end(held.id, amount_fen=30), end(held.id, Phase.VOID)]
        posting = [tasks.create_task(code_of(poster, each)) for each in ends]
        await turn()
        await until(lambda: not poster.waiting)
    assert [each.result() for each in posting] == ["posted", "hold_already_posted"]
    assert poster.stats.slow_batches == 0


async def test_a_hold_ends_once_between_accounts_without_a_rule(
    pool: "Pool[Record]", chart: Chart
) -> None:
    held, other = hold(chart.bank, chart.shop, 100), hold(chart.bank, chart.shop, 100)
    async with open_poster(pool) as poster:
        await poster.post(Entry(held, other))  # with one alone, its sum could not fall below zero
        async with asyncio.TaskGroup() as tasks, locked(pool, chart) as locks:
            posting = tasks.create_task(code_of(poster, end(held.id)))
            await locks.until_met()
            await locks.post(end(held.id, Phase.VOID))
    assert posting.result() == "hold_already_voided"


async def test_what_rested_on_a_failed_batch_is_decided_again_in_order(
    pool: "Pool[Record]", chart: Chart
) -> None:
    amounts = [50, 40, 30, 1]
    asked = [Asked(Entry(single(chart.wallet, chart.shop, amount))) for amount in amounts]
    async with open_poster(pool) as poster:
        await poster.post(Entry(single(chart.wallet, chart.shop, 10)))
        async with asyncio.TaskGroup() as tasks, locked(pool, chart) as locks:
            tasks.create_task(poster.post(Entry(single(chart.wallet, chart.shop, 5))))
            await locks.until_met()
            posting = tasks.create_task(poster.post_many(asked))
            await turn()
            await until(lambda: not poster.waiting)
            await locks.post(single(chart.wallet, chart.bank, 5))
        assert [isinstance(each, Posted) for each in posting.result()] == [True, False, True, False]
        assert poster.stats.slow_batches == 1


async def test_an_account_that_is_opened_later_is_found(pool: "Pool[Record]", chart: Chart) -> None:
    async with open_poster(pool) as poster:
        async with pool.acquire() as connection:
            (wallet,) = await open_wallets(connection, 1)
        assert await code_of(poster, single(chart.bank, wallet, 1)) == "posted"
