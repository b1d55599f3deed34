import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

from ledger.errors import LedgerUnavailable
from ledger.ids import uuid7
from ledger.time import wall_clock
from terminals.link import Link, LinkOptions
from terminals.load import Load, put_load
from terminals.messages import Purchase, to_moment
from tests.terminals.shops import NO_MONEY, Shop, shop


def purchases(card: str = "6217001234567890") -> Iterator[Purchase]:
    for _ in count():
        now = wall_clock()
        yield Purchase(id=uuid7(now), card=card, amount_fen=1, event_at=to_moment(now))


@asynccontextmanager
async def links_to_a_shop(number: int) -> AsyncIterator[tuple[Shop, list[Link]]]:
    async with shop() as (campus, url), asyncio.TaskGroup() as group:
        links = [Link(identity, LinkOptions(url=url)) for identity in campus.enrol(number)]
        running = [group.create_task(link.run()) for link in links]
        for link in links:
            await link.up()
        yield campus, links
        for task in running:
            task.cancel()


async def test_a_closed_loop_sends_as_many_as_it_is_told() -> None:
    async with links_to_a_shop(2) as (campus, links):
        load = Load(outstanding=3, requests_max=50, duration_s=20)
        report = await put_load(links, purchases(), load)

    assert dict(report.answers) == {"approved": 50}
    assert report.latencies.count == len(campus.standing) == 50


async def test_a_closed_loop_ends_in_time() -> None:
    async with links_to_a_shop(1) as (_, links):
        load = Load(outstanding=2, requests_max=10**9, duration_s=0.1)
        report = await put_load(links, purchases(), load)

    assert 0.1 <= report.took_s < 5
    assert report.answers.total() > 2


async def test_an_open_loop_keeps_its_rate() -> None:
    async with links_to_a_shop(1) as (_, links):
        load = Load(outstanding=20, requests_max=40, duration_s=20, rate_per_s=400)
        report = await put_load(links, purchases(), load)

    assert report.answers.total() == 40
    assert report.took_s >= 39 / 400


async def test_an_open_loop_counts_the_wait_for_its_turn() -> None:
    """One request at a time and all due at once: the last has waited for all others."""
    async with links_to_a_shop(1) as (_, links):
        load = Load(outstanding=1, requests_max=100, duration_s=20, rate_per_s=1e9)
        report = await put_load(links, purchases(), load)

    took_us = report.took_s * 1e6
    assert 0.9 * took_us <= report.latencies.longest_us <= took_us
    assert report.latencies.percentile_us(50) >= 0.2 * took_us


async def test_declines_and_open_outcomes_are_told_apart() -> None:
    async with links_to_a_shop(1) as (campus, links):
        campus.faults[Purchase] = [LedgerUnavailable("away")]
        load = Load(outstanding=1, requests_max=3, duration_s=20)
        report = await put_load(links, purchases(NO_MONEY), load)

    assert dict(report.answers) == {"outcome_unknown": 1, "insufficient_funds": 2}
    assert report.latencies.count == 2


async def test_a_link_that_is_down_is_asked_once() -> None:
    async with shop() as (campus, url):
        (identity,) = campus.enrol(1)
        never_up = Link(identity, LinkOptions(url=url))
        load = Load(outstanding=2, requests_max=1000, duration_s=20)
        report = await put_load([never_up], purchases(), load)

    assert dict(report.answers) == {"link_down": 2}
