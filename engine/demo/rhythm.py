"""The day's rhythm: when who goes where, on a clock that runs faster than ours.

Only the rhythm is compressed. What is bought is bought now: its times are those of the wall clock.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Final

from engine.demo.habits import CLOSES_S, OPENS_S, Customer, Visit, habit_of, visits_of

SPEED: Final = 60.0
"""So that a campus day, of 16 hours as nights are skipped, takes 16 minutes."""
STARTS_S: Final = 11.7 * 3600
"""Every run begins at lunch, whatever the time: whoever looks sees the peak first."""

_LATE_MAX_S: Final = 2.0
_CUSTOMERS_AT_A_TIME: Final = 100  # planned in some milliseconds, then others may run


async def visits(customers: Sequence[Customer], *, seed: int, speed: float) -> AsyncIterator[Visit]:
    """Yield visits for ever, each when it is due.

    After a pause, such as a laptop's sleep, the day goes on where it stood.
    """
    loop = asyncio.get_running_loop()
    habits = [(customer, habit_of(seed, customer)) for customer in customers]
    for day in count():
        plan: list[Visit] = []
        for place, (customer, habit) in enumerate(habits):
            plan += visits_of(customer, habit, seed=seed, day=day)
            if place % _CUSTOMERS_AT_A_TIME == 0:
                await asyncio.sleep(0)
        opens_s = STARTS_S if day == 0 else OPENS_S
        began_at = loop.time() - opens_s / speed
        for visit in sorted(plan, key=lambda visit: visit.at_s):
            if visit.at_s < opens_s:
                continue
            late_s = loop.time() - (began_at + visit.at_s / speed)
            if late_s < 0:
                await asyncio.sleep(-late_s)
            elif late_s > _LATE_MAX_S:
                began_at += late_s
            yield visit
        await asyncio.sleep(max(0.0, began_at + CLOSES_S / speed - loop.time()))
