"""Many callers who each want one thing, and one query for all who wait."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BulkReads(Generic[K, V]):
    """Reads what is asked for one bulk at a time; the next one gathers meanwhile.

    What a caller gets was read after it asked.
    """

    def __init__(self, read: Callable[[Collection[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._read = read
        self._one_at_a_time = asyncio.Lock()
        self._wanted: dict[K, _Place[V]] = {}

    async def get(self, key: K) -> V | None:
        """Return what is there for a key, or None."""
        place = self._wanted.setdefault(key, _Place())
        async with self._one_at_a_time:
            # The first to come reads for all who wait; the others find their places filled. When it
            # fails or is cancelled, theirs are empty still, and the next one reads.
            if not place.is_filled:
                wanted, self._wanted = {**self._wanted, key: place}, {}
                found = await self._read(wanted.keys())
                for each, waiting in wanted.items():
                    waiting.fill(found.get(each))
        return place.value


class _Place(Generic[V]):
    """Where those who want the same thing find it."""

    __slots__ = ("is_filled", "value")

    def __init__(self) -> None:
        self.is_filled = False
        self.value: V | None = None

    def fill(self, value: V | None) -> None:
        self.value = value
        self.is_filled = True
