"""Races, provoked: many callers behind a barrier, through one or two posters and the book."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from engine.database.embedded import EmbeddedServer
from ledger.answers import Posted
from ledger.book import Asked, close_account, find_lines, post
from ledger.errors import AccountInUse, CampusError
from ledger.money import Fen
from ledger.poster import Poster, open_poster
from ledger.transfers import Draw, Entry, Intent, Phase, Transfer
from tests.databases import Database
from tests.ledger.accounts_in import Chart, get_account, open_chart, open_wallets, pay_in
from tests.ledger.asking import burn, draw, end, hold, single
from tests.ledger.busy import busy_database
from tests.ledger.judge import find_faults

if TYPE_CHECKING:
    from asyncpg import Pool, Record

Ask = Callable[[Intent], Awaitable[Posted]]


@pytest.fixture(scope="module")
def database(server: EmbeddedServer) -> Iterator[Database]:
    yield from busy_database(server)


@dataclass(frozen=True, slots=True)
class Doors:
    """The ways by which callers reach the same books."""

    pool: "Pool[Record]"
    posters: tuple[Poster, Poster]

    def one(self) -> list[Ask]:
        return [self.posters[0].post]

    def two(self) -> list[Ask]:
        return [poster.post for poster in self.posters]

    def three(self) -> list[Ask]:
        return [*self.two(), self.by_the_book]

    async def by_the_book(self, intent: Intent) -> Posted:
        async with self.pool.acquire() as connection, connection.transaction():
            (outcome,) = await post(connection, [Asked(intent)])
        if isinstance(outcome, CampusError):
            raise outcome
        return outcome


@pytest.fixture
async def doors(pool: "Pool[Record]") -> AsyncIterator[Doors]:
    async with open_poster(pool) as first, open_poster(pool) as second:
        yield Doors(pool, (first, second))


@pytest.fixture(params=["one", "two", "three"])
def ways(request: pytest.FixtureRequest, doors: Doors) -> list[Ask]:
    ways: list[Ask] = getattr(doors, request.param)()
    return ways


@pytest.fixture
async def chart(pool: "Pool[Record]") -> AsyncIterator[Chart]:
    async with pool.acquire() as connection:
        opened = await open_chart(connection, wallet_fen=100, subsidy_fen=60, safe_fen=50)
    yield opened
    async with pool.acquire() as connection:
        assert await find_faults(connection, opened.ids()) == []


async def race(ways: Sequence[Ask], asked: Sequence[Intent | Transfer]) -> list[Posted | str]:
    """Ask for all at the same moment, by the ways in turn; return what each caller was told."""
    start = asyncio.Barrier(len(asked))

    async def ask(way: Ask, intent: Intent) -> Posted | str:
        await start.wait()
        try:
            return await way(intent)
        except CampusError as error:
            return error.code

    entries = [Entry(each) if isinstance(each, Transfer) else each for each in asked]
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        callers = [
            tasks.create_task(ask(ways[place % len(ways)], entry))
            for place, entry in enumerate(entries)
        ]
    return [caller.result() for caller in callers]


def codes(told: Sequence[Posted | str]) -> Counter[str]:
    return Counter("posted" if isinstance(each, Posted) else each for each in told)


async def balance(pool: "Pool[Record]", account_id: UUID) -> int:
    async with pool.acquire() as connection:
        return (await get_account(connection, account_id)).balance.value


async def test_one_id_asked_a_hundred_times_moves_once(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    told = await race(ways, [single(chart.wallet, chart.shop, 30)] * 100)
    assert told == [told[0]] * 100
    assert isinstance(told[0], Posted)
    assert await balance(pool, chart.wallet) == 70


async def test_one_draw_asked_a_hundred_times_moves_once(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    told = await race(ways, [draw((chart.subsidy, chart.wallet), chart.shop, 100)] * 100)
    assert told == [told[0]] * 100
    assert await balance(pool, chart.shop) == 100


async def test_one_refused_id_is_refused_to_all(chart: Chart, ways: list[Ask]) -> None:
    told = await race(ways, [single(chart.wallet, chart.shop, 101)] * 100)
    assert codes(told) == {"insufficient_funds": 100}


async def test_one_of_two_contents_of_an_id_wins(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    first = single(chart.wallet, chart.shop, 30)
    second = replace(first, amount=Fen(40))
    told = await race(ways, [first, second] * 50)
    assert codes(told) == {"posted": 50, "transfer_conflict": 50}
    assert await balance(pool, chart.wallet) == (70 if isinstance(told[0], Posted) else 60)


async def test_no_more_than_there_is_can_be_spent(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    told = await race(ways, [single(chart.wallet, chart.shop, 14) for _ in range(50)])
    assert codes(told) == {"posted": 7, "insufficient_funds": 43}
    assert await balance(pool, chart.wallet) == 2


async def test_no_more_than_there_is_can_be_held(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    told = await race(ways, [hold(chart.wallet, chart.shop, 14) for _ in range(50)])
    assert codes(told) == {"posted": 7, "insufficient_funds": 43}
    async with pool.acquire() as connection:
        assert (await get_account(connection, chart.wallet)).available.value == 2


async def test_no_more_than_all_accounts_have_can_be_drawn(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    wallets = (chart.subsidy, chart.wallet)
    told = await race(ways, [draw(wallets, chart.shop, 14) for _ in range(50)])
    assert codes(told) == {"posted": 11, "insufficient_funds": 39}  # 160 in all
    assert await balance(pool, chart.subsidy) == 0
    assert await balance(pool, chart.wallet) == 160 - 11 * 14


async def test_no_more_than_fits_can_be_put_into_the_safe(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    told = await race(ways, [single(chart.bank, chart.safe, 7) for _ in range(50)])
    assert codes(told) == {"posted": 7, "credits_would_exceed_debits": 43}
    assert await balance(pool, chart.safe) == 1


async def test_a_hold_ends_in_one_way(pool: "Pool[Record]", chart: Chart, ways: list[Ask]) -> None:
    held = hold(chart.wallet, chart.shop, 100)
    await ways[0](Entry(held))
    ends = [end(held.id), end(held.id, Phase.VOID), end(held.id, Phase.EXPIRE)]
    told = await race(ways, [replace(ends[n % 3], id=end(held.id).id) for n in range(30)])
    assert codes(told)["posted"] == 1
    winner = next(place for place, each in enumerate(told) if isinstance(each, Posted))
    end_code = ("hold_already_posted", "hold_already_voided", "hold_already_expired")[winner % 3]
    assert codes(told)[end_code] == 29
    assert await balance(pool, chart.wallet) == (0 if winner % 3 == 0 else 100)


async def test_linked_transfers_move_together_or_not(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    entries = [
        Entry(single(chart.wallet, chart.shop, 14), single(chart.subsidy, chart.shop, 11))
        for _ in range(30)
    ]
    told = await race(ways, entries)
    assert codes(told) == {"posted": 5, "insufficient_funds": 25}  # 5 × 11 of 60 is the narrower
    assert await balance(pool, chart.wallet) == 100 - 5 * 14
    assert await balance(pool, chart.subsidy) == 60 - 5 * 11


async def test_money_that_goes_round_stays_the_same(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    async with pool.acquire() as connection:
        wallets = await open_wallets(connection, 5)
        await pay_in(connection, [(chart.bank, wallet, 100) for wallet in wallets])
    ring = [*wallets, wallets[0]]
    entries = [
        Entry(single(ring[n % 5], ring[n % 5 + 1], 60), single(ring[n % 5 + 1], ring[n % 5], 50))
        for n in range(50)
    ]
    told = await race(ways, entries)
    assert codes(told)["posted"] >= 5
    assert sum([await balance(pool, wallet) for wallet in wallets]) == 500


async def test_transfers_shared_by_entries_are_posted_by_one(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    shared = single(chart.bank, chart.shop, 1)
    entries = [Entry(single(chart.bank, chart.shop, 10), shared) for _ in range(20)]
    told = await race(ways, entries)
    assert codes(told) == {"posted": 1, "transfer_conflict": 19}
    assert await balance(pool, chart.shop) == 11


@pytest.mark.parametrize("is_draw", [False, True])
async def test_a_payment_and_its_reversal_agree_on_who_came_first(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask], *, is_draw: bool
) -> None:
    wallets = (chart.subsidy, chart.wallet)
    payments: list[Draw | Transfer] = [
        draw(wallets, chart.shop, 7) if is_draw else single(chart.wallet, chart.shop, 7)
        for _ in range(50)
    ]
    asked = [each for payment in payments for each in (payment, burn(payment.id))]
    told = await race(ways, asked)
    assert told[0::2] == told[1::2]  # the payment and its reversal were told the same
    assert set(codes(told)) <= {"posted", "reversed", "insufficient_funds"}
    assert await balance(pool, chart.shop) == 7 * codes(told[0::2])["posted"]


@pytest.mark.parametrize("burn_first", [False, True])
async def test_either_of_a_payment_and_its_reversal_may_come_first(
    chart: Chart, ways: list[Ask], *, burn_first: bool
) -> None:
    payment = single(chart.wallet, chart.shop, 30)
    in_order: list[Intent | Transfer] = [payment, burn(payment.id)]
    expected = "reversed" if burn_first else "posted"
    for each in reversed(in_order) if burn_first else in_order:
        assert codes(await race(ways, [each])) == {expected: 1}


async def test_an_account_closes_before_or_after_a_payment_but_not_during_it(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    async with pool.acquire() as connection:
        wallets = await open_wallets(connection, 10)
        await pay_in(connection, [(chart.bank, wallet, 5) for wallet in wallets])

    async def close(wallet: UUID) -> None:
        async with pool.acquire() as connection:
            await close_account(connection, wallet)

    async with asyncio.TaskGroup() as tasks:
        closing = [tasks.create_task(close(wallet)) for wallet in wallets]
        told = await race(ways, [single(wallet, chart.shop, 5) for wallet in wallets])
    assert all(each.exception() is None for each in closing)
    assert codes(told).total() == 10
    assert set(codes(told)) <= {"posted", "debit_account_closed"}
    for wallet, each in zip(wallets, told, strict=True):
        assert await balance(pool, wallet) == (0 if isinstance(each, Posted) else 5)


async def test_a_hold_keeps_an_account_open_or_finds_it_closed(
    pool: "Pool[Record]", chart: Chart, ways: list[Ask]
) -> None:
    async with pool.acquire() as connection:
        wallets = await open_wallets(connection, 10)
        await pay_in(connection, [(chart.bank, wallet, 5) for wallet in wallets])

    async def close(wallet: UUID) -> bool:
        async with pool.acquire() as connection:
            try:
                await close_account(connection, wallet)
            except AccountInUse:
                return False
        return True

    async with asyncio.TaskGroup() as tasks:
        closing = [tasks.create_task(close(wallet)) for wallet in wallets]
        told = await race(ways, [hold(wallet, chart.shop, 5) for wallet in wallets])
    assert [isinstance(each, Posted) for each in told] == [not each.result() for each in closing]


async def test_everything_told_is_on_record(
    pool: "Pool[Record]", chart: Chart, doors: Doors
) -> None:
    asked = [single(chart.wallet, chart.shop, 14) for _ in range(50)]
    told = await race(doors.three(), asked)
    async with pool.acquire() as connection:
        recorded = await find_lines(connection, [each.id for each in asked])
    for transfer, each in zip(asked, told, strict=True):
        line = recorded[transfer.id].line
        assert (line.refusal or "posted") == ("posted" if isinstance(each, Posted) else each)
