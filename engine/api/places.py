"""How many requests may be under way, and for how long each."""

import asyncio
from types import TracebackType

from engine.api.errors import ServerBusy, TimedOut


class Gate:
    """Lets a bounded number of tasks be inside at once. Raises ServerBusy to those beyond."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._inside = 0

    def __enter__(self) -> None:
        if self._inside >= self._capacity:
            raise ServerBusy
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1


class Places:
    """A bounded number of places, each of which its task must leave within a time limit.

    `with places.take():` raises ServerBusy when all are taken, and cancels what is inside after
    `limit_s` seconds, which then raises TimedOut. It keeps the promises of `asyncio.timeout` at a
    tenth of its cost: as all have the same limit, the first taken is the first to end, and one
    timer watches them all.
    """

    def __init__(self, *, capacity: int, limit_s: float) -> None:
        self.capacity = capacity
        self.limit_s = limit_s
        self.taken: dict[Place, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> "Place":
        """Return a place for a `with` block."""
        return Place(self)

    def watch(self, place: "Place", loop: asyncio.AbstractEventLoop) -> None:
        """See to it that the place ends in time; none that is taken ends earlier."""
        if self._timer is None:
            self._timer = loop.call_at(place.ends_at, self._end_late, loop)

    def _end_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for place in self.taken:
            if place.ends_at > now:
                self.watch(place, loop)
                return
            place.end()


class Place:
    """One task's place, from the start of its `with` block to the end."""

    __slots__ = ("_cancelling", "_is_late", "_places", "_task", "ends_at")

    def __init__(self, places: Places) -> None:
        self._places = places
        self._is_late = False

    def __enter__(self) -> None:
        places = self._places
        if len(places.taken) >= places.capacity:
            raise ServerBusy
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a place is taken by a task")
        self._task = task
        self._cancelling = task.cancelling()
        self.ends_at = loop.time() + places.limit_s
        places.taken[self] = None
        places.watch(self, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        del self._places.taken[self]
        # As in asyncio.timeout: somebody else's cancellation goes on, only ours becomes an error.
        if (
            self._is_late
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimedOut from error

    def end(self) -> None:
        """Cancel what goes on in this place, once."""
        if not self._is_late:
            self._is_late = True
            self._task.cancel()
