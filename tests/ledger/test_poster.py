"""The poster: group commit, its bounds, its end, and what a crowd of callers is told."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from engine.database.connections import open_pool
from engine.database.embedded import EmbeddedServer
from ledger.accounts import Account
from ledger.answers import Posted
from ledger.book import Asked, find_accounts, find_lines
from ledger.decide import Line
from ledger.errors import LedgerBusy, LedgerUnavailable, TransferRefused
from ledger.poster import Poster, PosterSettings, open_poster
from ledger.transfers import Entry
from tests.databases import CAMPUS, Database
from tests.ledger.accounts_in import Chart, get_account, open_wallets, pay_in
from tests.ledger.asking import draw, single
from tests.ledger.busy import audited_chart, busy_database, code_of
from tests.ledger.judge import find_faults
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


async def test_what_is_acknowledged_is_on_record(pool: "Pool[Record]", chart: Chart) -> None:
    asked = single(chart.wallet, chart.shop, 30)
    async with open_poster(pool) as poster:
        posted = await poster.post(Entry(asked))
    async with pool.acquire() as connection:
        recorded = await find_lines(connection, [asked.id])
    assert (recorded[asked.id].line,) == posted.lines
    assert recorded[asked.id].posted_at == posted.posted_at


async def test_answers_come_in_the_order_of_the_questions(
    pool: "Pool[Record]", chart: Chart
) -> None:
    amounts = [60, 50, 40, 1]
    asked = [Asked(Entry(single(chart.wallet, chart.shop, amount))) for amount in amounts]
    async with open_poster(pool) as poster:
        outcomes = await poster.post_many(asked)
    assert [isinstance(each, Posted) for each in outcomes] == [True, False, True, False]


async def test_nothing_asked_has_no_answers(pool: "Pool[Record]") -> None:
    async with open_poster(pool) as poster:
        assert await poster.post_many([]) == []


async def test_a_draw_tells_how_its_accounts_stood_right_after_it(
    pool: "Pool[Record]", chart: Chart
) -> None:
    asked = draw((chart.subsidy, chart.wallet), chart.shop, 50)
    async with open_poster(pool) as poster:
        later = draw((chart.subsidy, chart.wallet), chart.shop, 30)
        (posted, stood), (_, stood_later) = await asyncio.gather(
            poster.draw(asked), poster.draw(later)
        )
        again, unknown = await poster.draw(asked)
    assert [account.balance.value for account in stood] == [10, 100]
    assert [account.balance.value for account in stood_later] == [0, 80]
    assert again == posted
    assert unknown == ()


async def test_callers_that_wait_share_themselves_between_two_batches(
    pool: "Pool[Record]", chart: Chart
) -> None:
    callers = 400

    async def post_on(poster: Poster) -> None:
        for _ in range(3):
            await code_of(poster, single(chart.wallet, chart.shop, 1))

    async with pool.acquire() as connection, open_poster(pool) as poster:
        before = await connection.fetchval("select max(number) from batches")
        async with asyncio.TaskGroup() as tasks:
            for _ in range(callers):
                tasks.create_task(post_on(poster))
        largest = await connection.fetchval(
            "select max(transfers) from batches where number > $1", before
        )
    assert poster.stats.entries == 3 * callers
    assert largest <= callers // 2


async def test_one_refusal_does_not_touch_the_others_of_its_batch(
    pool: "Pool[Record]", chart: Chart
) -> None:
    async with open_poster(pool) as poster:
        good = [code_of(poster, single(chart.bank, chart.shop, n)) for n in range(1, 50)]
        bad = code_of(poster, single(chart.wallet, chart.shop, 101))
        *others, refused = await asyncio.gather(*good, bad)
    assert (set(others), refused) == ({"posted"}, "insufficient_funds")
    assert poster.stats.slow_batches == 0


async def test_what_arrives_while_a_batch_is_written_goes_together(
    pool: "Pool[Record]", chart: Chart
) -> None:
    async with (
        open_poster(pool) as poster,
        asyncio.TaskGroup() as tasks,
        locked(pool, chart) as locks,
    ):
        tasks.create_task(poster.post(Entry(single(chart.wallet, chart.shop, 1))))
        await locks.until_met()
        for _ in range(50):
            tasks.create_task(poster.post(Entry(single(chart.wallet, chart.shop, 1))))
        await turn()
        await until(lambda: not poster.waiting)
    assert (poster.stats.entries, poster.stats.batches) == (51, 2)


async def test_past_the_bound_nothing_is_taken_in(pool: "Pool[Record]", chart: Chart) -> None:
    def asked(count: int) -> list[Asked]:
        return [Asked(Entry(single(chart.bank, chart.shop, 1))) for _ in range(count)]

    async with (
        open_poster(pool, PosterSettings(queue_max=10, batch_max=1)) as poster,
        asyncio.TaskGroup() as tasks,
        locked(pool, chart) as locks,
    ):
        first = tasks.create_task(poster.post_many(asked(10)))
        await locks.until_met()
        too_many = asked(11 - poster.waiting)
        with pytest.raises(LedgerBusy):
            await poster.post_many(too_many)
        second = tasks.create_task(poster.post_many(asked(10 - poster.waiting)))
    assert all(isinstance(each, Posted) for each in first.result() + second.result())
    assert poster.stats.turned_away == len(too_many)
    async with pool.acquire() as connection:
        assert await find_lines(connection, [each.intent.id for each in too_many]) == {}


async def test_a_closed_poster_takes_nothing_in(pool: "Pool[Record]", chart: Chart) -> None:
    async with open_poster(pool) as poster:
        poster.close()
        with pytest.raises(LedgerBusy):
            await poster.post(Entry(single(chart.bank, chart.shop, 1)))


async def test_closing_finishes_what_was_taken_in(pool: "Pool[Record]", chart: Chart) -> None:
    async with asyncio.TaskGroup() as tasks:
        async with open_poster(pool, PosterSettings(batch_max=7)) as poster:
            asked = [Entry(single(chart.bank, chart.shop, 1)) for _ in range(100)]
            posting = [tasks.create_task(poster.post(each)) for each in asked]
            await turn()
        assert all(each.done() for each in posting)
    assert (await get_from(pool, chart.shop)).balance.value == 100


async def get_from(pool: "Pool[Record]", account_id: UUID) -> Account:
    async with pool.acquire() as connection:
        return await get_account(connection, account_id)


async def test_a_poster_that_is_stopped_leaves_nobody_waiting(
    pool: "Pool[Record]", chart: Chart
) -> None:
    poster = Poster(pool, PosterSettings(batch_max=3))
    async with asyncio.TaskGroup() as tasks, locked(pool, chart) as locks:
        running = tasks.create_task(poster.run())
        entries = [Entry(single(chart.bank, chart.shop, 1)) for _ in range(10)]
        posting = [tasks.create_task(outcome_of(poster, each)) for each in entries]
        await locks.until_met()
        running.cancel()
        async with asyncio.timeout(10):
            outcomes = await asyncio.gather(*posting)
    assert {type(outcome) for outcome in outcomes} == {LedgerUnavailable}


async def outcome_of(poster: Poster, entry: Entry) -> object:
    try:
        return await poster.post(entry)
    except LedgerUnavailable as error:
        return error


async def test_a_caller_that_goes_away_hurts_nobody(pool: "Pool[Record]", chart: Chart) -> None:
    async with open_poster(pool) as poster, asyncio.TaskGroup() as tasks:
        async with locked(pool, chart) as locks:
            gone, stays = (Entry(single(chart.bank, chart.shop, n)) for n in (1, 2))
            going = tasks.create_task(poster.post(gone))
            staying = tasks.create_task(poster.post(stays))
            await locks.until_met()
            going.cancel()
        assert isinstance(await staying, Posted)
        assert isinstance(await poster.post(gone), Posted)
    assert (await get_from(pool, chart.shop)).balance.value == 3


async def test_the_outcome_is_open_while_the_database_is_out_of_reach(
    database: Database, pool: "Pool[Record]", chart: Chart
) -> None:
    asked = Entry(single(chart.wallet, chart.shop, 30))
    impatient = await open_pool(database.target(), CAMPUS, size=2, command_timeout_s=0.2)
    try:
        async with open_poster(impatient, PosterSettings(give_up_after_s=0.2)) as poster:
            async with locked(pool, chart):
                with pytest.raises(LedgerUnavailable):
                    await poster.post(asked)
            posted = await poster.post(asked)
            assert await poster.post(asked) == posted
    finally:
        impatient.terminate()
    assert (await get_from(pool, chart.wallet)).balance.value == 70


class Crowd:
    """Tasks that move money between wallets at random, and count what they were told."""

    def __init__(self, poster: Poster, wallets: list[UUID], seed: int) -> None:
        self.poster = poster
        self.wallets = wallets
        self.random = random.Random(seed)
        self.lines: list[Line] = []
        self.refused = 0

    async def run(self, *, tasks: int, posts_of_each: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(self._move(posts_of_each))

    async def _move(self, posts: int) -> None:
        for _ in range(posts):
            debit, credit = self.random.sample(self.wallets, 2)
            try:
                posted = await self.poster.post(
                    Entry(single(debit, credit, self.random.randint(1, 90)))
                )
            except TransferRefused:
                self.refused += 1
            else:
                self.lines += posted.lines

    def balance(self, wallet: UUID) -> int:
        """What the wallet must have, from 100 at the start and what was acknowledged."""
        came = sum(line.amount_fen for line in self.lines if line.credit_account == wallet)
        went = sum(line.amount_fen for line in self.lines if line.debit_account == wallet)
        return 100 + came - went


@pytest.mark.parametrize(
    "settings",
    [
        PosterSettings(),
        PosterSettings(batch_max=16),
        PosterSettings(accounts_kept=5, batch_max=20),
        PosterSettings(accounts_kept=0, batch_max=3),
    ],
)
async def test_accounts_are_what_a_crowd_was_told(
    pool: "Pool[Record]", chart: Chart, settings: PosterSettings
) -> None:
    async with pool.acquire() as connection:
        wallets = await open_wallets(connection, 50)
        await pay_in(connection, [(chart.bank, wallet, 100) for wallet in wallets])
    async with open_poster(pool, settings) as poster:
        crowd = Crowd(poster, wallets, seed=settings.batch_max)
        posts = 3_000 if settings.batch_max > 16 else 600
        await crowd.run(tasks=200, posts_of_each=posts // 200)
    assert len(crowd.lines) + crowd.refused == posts
    assert crowd.refused > posts // 20
    assert poster.stats.slow_batches == 0
    async with pool.acquire() as connection:
        accounts = await find_accounts(connection, wallets)
        assert await find_faults(connection, [chart.bank, *wallets]) == []
    assert {each: accounts[each].balance.value for each in wallets} == {
        each: crowd.balance(each) for each in wallets
    }
