import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from engine.demo.habits import CLOSES_S, OPENS_S, Customer, Visit, habit_of, visits_of
from engine.demo.rhythm import STARTS_S, visits
from tests.engine.demo.fast_loops import FastLoop

T = TypeVar("T")

CUSTOMERS = [
    Customer(number=f"20230101{place:02}", card=f"{place}", purchases_per_month=90)
    for place in range(1, 41)
]
SPEED = 60.0
FIRST_DAY_S = (CLOSES_S - STARTS_S) / SPEED
DAY_S = (CLOSES_S - OPENS_S) / SPEED


def in_no_time(work: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        return await work()

    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(run())


async def until(end_s: float, pauses: Iterable[float] = ()) -> list[tuple[float, Visit]]:
    """Return the visits before a time on the loop's clock, each with when it came.

    After each visit the customer takes the next pause.
    """
    loop = asyncio.get_running_loop()
    waits = iter(pauses)
    came: list[tuple[float, Visit]] = []
    async for visit in visits(CUSTOMERS, seed=1, speed=SPEED):
        if loop.time() >= end_s:
            return came
        came.append((loop.time(), visit))
        await asyncio.sleep(next(waits, 0))
    raise AssertionError("there is always another day")


def planned(day: int, opens_s: float = OPENS_S) -> list[Visit]:
    plan = [
        visit
        for each in CUSTOMERS
        for visit in visits_of(each, habit_of(1, each), seed=1, day=day)
        if visit.at_s >= opens_s
    ]
    return sorted(plan, key=lambda visit: visit.at_s)


def test_the_first_day_begins_at_lunch_and_leaves_nobody_out() -> None:
    came = in_no_time(lambda: until(FIRST_DAY_S))
    assert [visit for _, visit in came] == planned(0, STARTS_S)


def test_each_comes_when_due_by_the_faster_clock() -> None:
    came = in_no_time(lambda: until(FIRST_DAY_S))
    assert all(abs(at - (visit.at_s - STARTS_S) / SPEED) < 0.01 for at, visit in came)


def test_the_next_morning_follows_the_evening_at_once() -> None:
    came = in_no_time(lambda: until(FIRST_DAY_S + DAY_S))
    second = [(at, visit) for at, visit in came if at >= FIRST_DAY_S]
    assert [visit for _, visit in second] == planned(1)
    assert all(
        abs(at - FIRST_DAY_S - (visit.at_s - OPENS_S) / SPEED) < 0.01 for at, visit in second
    )


def test_after_a_long_pause_the_day_goes_on_where_it_stood() -> None:
    """Nobody who would have come during the pause comes in a crowd after it."""
    came = in_no_time(lambda: until(FIRST_DAY_S, pauses=[0.0] * 9 + [600.0]))
    (before, tenth), (after, eleventh), (later, twelfth) = came[9:12]
    assert after - before == 600.0
    assert abs((later - after) - (twelfth.at_s - eleventh.at_s) / SPEED) < 0.01
    assert tenth.at_s <= eleventh.at_s
