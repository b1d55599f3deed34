"""Growing pauses: how they grow, when they are forgotten, and that no race gets round them."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from engine.tries import Try, clear, forget_tries, pauses, reserve, try_key
from ledger.book import LedgerConnection
from tests.identities import START, ManualClock, at_once

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

PAUSES = pauses(0, 0, 30, 300, forget_after=timedelta(hours=1))
KEY = try_key("door", "somebody")


async def fail(connection: LedgerConnection, clock: ManualClock, key: bytes = KEY) -> Try:
    return await reserve(connection, key, pauses=PAUSES, at=clock())


async def test_pauses_grow_and_the_last_one_holds(
    connection: LedgerConnection, clock: ManualClock
) -> None:
    seen = []
    for _ in range(6):
        tried = await fail(connection, clock)
        seen.append((tried.failures, tried.pause_s(clock())))
        clock.advance(seconds=tried.pause_s(clock()))
    assert seen == [(1, 0), (2, 0), (3, 30), (4, 300), (5, 300), (6, 300)]


async def test_a_try_during_a_pause_is_not_counted_and_learns_how_long(
    connection: LedgerConnection, clock: ManualClock
) -> None:
    for _ in range(3):
        await fail(connection, clock)
    clock.advance(seconds=10.5)
    for _ in range(5):
        refused = await fail(connection, clock)
        assert (refused.failures, refused.pause_s(clock())) == (None, 20)
    clock.advance(seconds=19.5)
    assert (await fail(connection, clock)).failures == 4


async def test_a_clock_that_lags_finds_no_pause_where_none_was_begun(
    connection: LedgerConnection, clock: ManualClock
) -> None:
    await fail(connection, clock)
    clock.advance(seconds=-1)
    assert (await fail(connection, clock)).failures == 2


async def test_keys_have_their_own_counts(connection: LedgerConnection, clock: ManualClock) -> None:
    for _ in range(3):
        await fail(connection, clock)
    assert (await fail(connection, clock, try_key("door", "another"))).failures == 1


async def test_success_clears_the_count(connection: LedgerConnection, clock: ManualClock) -> None:
    for _ in range(3):
        await fail(connection, clock)
    await clear(connection, [KEY])
    assert (await fail(connection, clock)).failures == 1


async def test_failures_are_forgotten_when_none_follows(
    connection: LedgerConnection, clock: ManualClock
) -> None:
    for _ in range(3):
        await fail(connection, clock)
    clock.advance(hours=1)
    again = await fail(connection, clock)
    assert (again.failures, again.paused_until) == (1, None)


async def test_what_is_forgotten_is_deleted(
    connection: LedgerConnection, clock: ManualClock
) -> None:
    await fail(connection, clock)
    clock.advance(minutes=30)
    await fail(connection, clock, try_key("door", "another"))
    clock.advance(minutes=30)
    await forget_tries(connection, at=clock())
    assert await connection.fetchval("select count(*) from tries") == 1


async def test_of_many_tries_at_once_only_the_free_ones_and_one_more_are_admitted(
    pool: "Pool[Record]", clock: ManualClock
) -> None:
    async def attempt() -> Try:
        async with pool.acquire() as connection:
            return await fail(connection, clock)

    outcomes = await at_once(attempt() for _ in range(100))
    tries = [outcome for outcome in outcomes if isinstance(outcome, Try)]
    admitted = [tried.failures for tried in tries if tried.failures is not None]
    assert sorted(admitted) == [1, 2, 3]
    refused = [tried for tried in tries if tried.failures is None]
    assert {tried.paused_until for tried in refused} == {START + timedelta(seconds=30)}


def test_keys_of_different_parts_differ() -> None:
    assert try_key("ab", "c") != try_key("a", "bc")
    assert try_key("\ud800") != try_key("\ud801")


def test_a_pause_ends_before_its_reason_is_forgotten() -> None:
    with pytest.raises(ValueError, match="forgotten"):
        pauses(0, 60, forget_after=timedelta(seconds=59))
