"""Effects: conditions of the caller that hold in the same transaction, or nothing is posted."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from asyncpg import Record

from ledger.answers import Outcome, Posted
from ledger.book import Asked, find_lines
from ledger.errors import EffectRefused, TransferRefused
from ledger.poster import Poster, open_poster
from ledger.transfers import Effect, Entry
from tests.databases import Database
from tests.ledger.accounts_in import Chart, open_chart
from tests.ledger.asking import draw, single
from tests.ledger.judge import find_faults

if TYPE_CHECKING:
    from asyncpg import Pool

STOCK = """
    create table meals (name text primary key, kept int not null check (kept >= 0));
    create table sales (meal text not null, ticket int not null unique);
    grant select, insert, update on meals, sales to campus_app;
"""
TAKE = """
    with wanted as (
        select name, sum(portions) as portions, count(*) as sales
        from unnest($1::text[], $2::int[]) as w (name, portions)
        group by name
    ), taken as (
        update meals m set kept = m.kept - w.portions
        from wanted w
        where m.name = w.name and m.kept >= w.portions
        returning w.sales
    )
    select coalesce(sum(sales), 0)::bigint from taken
"""
TAKE_UNCHECKED = """
    with taken as (
        update meals m set kept = m.kept - w.portions
        from unnest($1::text[], $2::int[]) as w (name, portions)
        where m.name = w.name
        returning 1
    )
    select count(*) from taken
"""
SELL = """
    with sold as (
        insert into sales (meal, ticket)
        select meal, ticket from unnest($1::text[], $2::int[]) as s (meal, ticket)
        returning 1
    )
    select count(*) from sold
"""


class Canteen:
    """A poster, the accounts that it posts on, and tables that are none of the ledger's."""

    def __init__(self, pool: "Pool[Record]", poster: Poster, chart: Chart) -> None:
        self.pool = pool
        self.poster = poster
        self.chart = chart

    def entry(self, amount_fen: int = 1) -> Entry:
        return Entry(single(self.chart.bank, self.chart.shop, amount_fen))

    async def post(self, *asked: Asked) -> list[Outcome]:
        return await self.poster.post_many(asked)

    async def kept(self, name: str) -> int:
        kept: int = await self.pool.fetchval("select kept from meals where name = $1", name)
        return kept

    async def tickets(self) -> list[int]:
        rows = await self.pool.fetch("select ticket from sales order by ticket")
        return [row["ticket"] for row in rows]

    async def posted_ids(self, *asked: Asked) -> set[int]:
        """Return the places of those that are on record."""
        async with self.pool.acquire() as connection:
            found = await find_lines(connection, [each.intent.id for each in asked])
        return {place for place, each in enumerate(asked) if each.intent.id in found}


@pytest.fixture
async def canteen(database: Database, pool: "Pool[Record]") -> AsyncIterator[Canteen]:
    async with database.owner() as owner:
        await owner.execute(STOCK)
    async with pool.acquire() as connection:
        chart = await open_chart(connection, wallet_fen=100, subsidy_fen=60)
        await connection.execute("insert into meals values ('noodles', 200), ('rice', 3)")
    async with open_poster(pool) as poster:
        yield Canteen(pool, poster, chart)
    async with pool.acquire() as connection:
        assert await find_faults(connection) == []


def take(name: str, portions: int = 1) -> Effect:
    return Effect(TAKE, (name, portions))


def sell(ticket: int) -> Effect:
    return Effect(SELL, ("noodles", ticket))


def kinds(outcomes: list[Outcome]) -> list[type]:
    return [type(outcome) for outcome in outcomes]


async def test_an_effect_commits_with_its_entry(canteen: Canteen) -> None:
    posted = await canteen.poster.post(canteen.entry(), take("noodles", 5), sell(1))
    assert isinstance(posted, Posted)
    assert (await canteen.kept("noodles"), await canteen.tickets()) == (195, [1])


async def test_an_effect_that_does_not_hold_posts_nothing(canteen: Canteen) -> None:
    asked = canteen.entry()
    with pytest.raises(EffectRefused):
        await canteen.poster.post(asked, sell(1), take("rice", 4))
    assert (await canteen.kept("rice"), await canteen.tickets()) == (3, [])
    assert await canteen.posted_ids(Asked(asked)) == set()


async def test_the_id_stays_unused_when_an_effect_does_not_hold(canteen: Canteen) -> None:
    asked = canteen.entry()
    with pytest.raises(EffectRefused):
        await canteen.poster.post(asked, take("rice", 4))
    assert isinstance(await canteen.poster.post(asked, take("rice", 3)), Posted)
    assert await canteen.kept("rice") == 0


async def test_an_effect_runs_once_however_often_its_entry_is_asked(canteen: Canteen) -> None:
    asked = canteen.entry()
    first = await canteen.poster.post(asked, take("rice"))
    assert [await canteen.poster.post(asked, take("rice")) for _ in range(5)] == [first] * 5
    assert await canteen.kept("rice") == 2


async def test_a_repeated_entry_in_one_batch_has_its_effect_once(canteen: Canteen) -> None:
    asked = Asked(canteen.entry(), (take("rice"),))
    first, *others = await canteen.post(*[asked] * 20)
    assert isinstance(first, Posted)
    assert others == [first] * 19
    assert await canteen.kept("rice") == 2


async def test_the_effect_of_a_refused_entry_does_not_run(canteen: Canteen) -> None:
    refused = Entry(single(canteen.chart.wallet, canteen.chart.shop, 101))
    with pytest.raises(TransferRefused):
        await canteen.poster.post(refused, take("rice"), sell(1))
    assert (await canteen.kept("rice"), await canteen.tickets()) == (3, [])


async def test_rows_of_one_batch_are_handed_over_at_once(canteen: Canteen) -> None:
    asked = [Asked(canteen.entry(), (take("noodles"), sell(n))) for n in range(50)]
    batches = canteen.poster.stats.batches
    assert kinds(await canteen.post(*asked)) == [Posted] * 50
    assert await canteen.kept("noodles") == 150
    assert await canteen.tickets() == list(range(50))
    assert canteen.poster.stats.batches == batches + 1


async def test_a_few_bad_ones_among_many_are_found(canteen: Canteen) -> None:
    asked = [Asked(canteen.entry(), (take("noodles"), sell(n))) for n in range(200)]
    bad = {17, 100, 202}
    for place in sorted(bad):
        asked.insert(place, Asked(canteen.entry(), (take("soup"), sell(1000 + place))))
    outcomes = await canteen.post(*asked)
    refused = {place for place, each in enumerate(outcomes) if isinstance(each, EffectRefused)}
    assert refused == bad
    assert await canteen.posted_ids(*asked) == set(range(203)) - bad
    assert (await canteen.kept("noodles"), await canteen.tickets()) == (0, list(range(200)))


async def test_of_those_that_cannot_all_have_it_the_first_do(canteen: Canteen) -> None:
    outcomes = await canteen.post(*[Asked(canteen.entry(), (take("rice"),)) for _ in range(5)])
    assert kinds(outcomes).count(Posted) == 3
    assert kinds(outcomes).count(EffectRefused) == 2
    assert await canteen.kept("rice") == 0


@pytest.mark.parametrize("callers", [1, 20])
async def test_a_broken_constraint_is_a_refused_effect(canteen: Canteen, callers: int) -> None:
    effect = Effect(TAKE_UNCHECKED, ("rice", 4))
    good = [Asked(canteen.entry(), (sell(n),)) for n in range(callers)]
    *others, outcome = await canteen.post(*good, Asked(canteen.entry(), (effect,)))
    assert isinstance(outcome, EffectRefused)
    assert "meals_kept_check" in str(outcome)
    assert kinds(others) == [Posted] * callers
    assert await canteen.kept("rice") == 3


async def test_a_unique_violation_in_an_effect_is_a_refused_effect(canteen: Canteen) -> None:
    await canteen.poster.post(canteen.entry(), sell(7))
    good, bad = Asked(canteen.entry(), (sell(8),)), Asked(canteen.entry(), (sell(7),))
    outcomes = await canteen.post(good, bad)
    assert kinds(outcomes) == [Posted, EffectRefused]
    assert await canteen.tickets() == [7, 8]


async def test_an_effect_of_a_draw_commits_with_it(canteen: Canteen) -> None:
    chart = canteen.chart
    asked = draw((chart.subsidy, chart.wallet), chart.shop, 100)
    posted = await canteen.poster.post(asked, take("rice"))
    assert (len(posted.lines), await canteen.kept("rice")) == (2, 2)


BROKEN = [
    Effect("select count(*) from unnest($1::int[]) as w (n)", ("not a number",)),
    Effect("select count(*) from unnest($1::int[]) as w (n)", (1, 2)),
    Effect("select count(*) from unnest($1::int[], $2::int[]) as w (n, m)", (1,)),
    Effect("select nothing from nowhere", (1,)),
    Effect("select 1 / (count(*) - 1) from unnest($1::int[]) as w (n)", (1,)),
]


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_effect_hurts_only_its_caller(canteen: Canteen, broken: Effect) -> None:
    async with asyncio.timeout(20):
        good, bad = await asyncio.gather(
            canteen.poster.post(canteen.entry(), sell(1)),
            canteen.poster.post(canteen.entry(), broken),
            return_exceptions=True,
        )
        assert isinstance(good, Posted)
        assert isinstance(bad, Exception)
        assert isinstance(await canteen.poster.post(canteen.entry(), sell(2)), Posted)


async def test_rows_of_different_lengths_hurt_only_their_caller(canteen: Canteen) -> None:
    async with asyncio.timeout(20):
        good, bad = await asyncio.gather(
            canteen.poster.post(canteen.entry(), sell(1)),
            canteen.poster.post(canteen.entry(), Effect(SELL, ("noodles", 2, 3))),
            return_exceptions=True,
        )
        assert isinstance(good, Posted)
        assert isinstance(bad, Exception)
        assert isinstance(await canteen.poster.post(canteen.entry(), sell(3)), Posted)
