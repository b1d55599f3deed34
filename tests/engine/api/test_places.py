import asyncio
import contextlib

import pytest

from engine.api.errors import ServerBusy, TimedOut
from engine.api.places import Gate, Places

LONG_S = 60.0


async def hold(places: Places, entered: asyncio.Event, leave: asyncio.Event) -> None:
    with places.take():
        entered.set()
        await leave.wait()


async def test_whoever_stays_too_long_is_cancelled_and_told() -> None:
    places = Places(capacity=1, limit_s=0.01)
    with pytest.raises(TimedOut), places.take():
        await asyncio.Event().wait()
    assert not places.taken


async def test_each_is_cancelled_at_his_own_time() -> None:
    places = Places(capacity=2, limit_s=0.02)
    loop = asyncio.get_running_loop()

    async def staying_s() -> float:
        started_at = loop.time()
        with contextlib.suppress(TimedOut), places.take():
            await asyncio.Event().wait()
        return loop.time() - started_at

    stayed_s = await asyncio.gather(staying_s(), staying_s())
    assert min(stayed_s) >= places.limit_s


async def test_a_place_in_time_is_left_as_if_it_were_not_there() -> None:
    places = Places(capacity=1, limit_s=LONG_S)
    with places.take():
        await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert (len(places.taken), task.cancelling()) == (0, 0)


async def test_somebody_elses_cancellation_goes_on() -> None:
    places = Places(capacity=1, limit_s=LONG_S)
    entered = asyncio.Event()
    task = asyncio.create_task(hold(places, entered, asyncio.Event()))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not places.taken


async def test_a_cancellation_that_comes_with_ours_is_not_swallowed() -> None:
    places = Places(capacity=1, limit_s=LONG_S)
    entered = asyncio.Event()
    task = asyncio.create_task(hold(places, entered, asyncio.Event()))
    await entered.wait()
    (place,) = places.taken
    task.cancel()
    place.end()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_from_inside_comes_out_as_it_is() -> None:
    places = Places(capacity=1, limit_s=LONG_S)
    with pytest.raises(ValueError, match="mine"), places.take():
        raise ValueError("mine")


async def test_beyond_the_last_place_there_is_none() -> None:
    places = Places(capacity=1, limit_s=LONG_S)
    entered, leave = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(hold(places, entered, leave))
        await entered.wait()
        with pytest.raises(ServerBusy), places.take():
            pass
        leave.set()
    with places.take():
        assert len(places.taken) == 1


def test_a_gate_lets_in_as_many_as_it_holds_and_the_next_when_one_left() -> None:
    gate = Gate(1)
    with gate, pytest.raises(ServerBusy), gate:
        pass
    with gate:
        pass
