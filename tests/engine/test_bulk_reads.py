"""Bulk reads: one query for all who wait, and nobody is forgotten."""

import asyncio
from collections.abc import Collection

import pytest

from engine.bulk_reads import BulkReads


class Source:
    """Reads when it is let, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def read(self, keys: Collection[str]) -> dict[str, int]:
        self.asked.append(set(keys))
        self.reached.set()
        await self.gate.wait()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return {key: len(key) for key in keys if key}


async def test_what_waits_is_read_at_once() -> None:
    source = Source()
    reads = BulkReads(source.read)
    tasks = [asyncio.create_task(reads.get(key)) for key in ("a", "bb", "bb", "ccc", "")]
    await source.reached.wait()
    source.gate.set()
    assert await asyncio.gather(*tasks) == [1, 2, 2, 3, None]
    assert source.asked in ([{"a"}, {"bb", "ccc", ""}], [{"a", "bb", "ccc", ""}])


async def test_who_asks_while_it_is_read_gets_what_is_read_after() -> None:
    source = Source()
    reads = BulkReads(source.read)
    first = asyncio.create_task(reads.get("a"))
    await source.reached.wait()
    second = asyncio.create_task(reads.get("a"))
    await asyncio.sleep(0)
    source.gate.set()
    assert (await first, await second) == (1, 1)
    assert source.asked == [{"a"}, {"a"}]


async def test_a_failure_is_its_readers_own() -> None:
    source = Source()
    source.failure = OSError("gone")
    reads = BulkReads(source.read)
    tasks = [asyncio.create_task(reads.get(key)) for key in ("a", "bb", "ccc")]
    source.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[0], OSError)
    assert answers[1:] == [2, 3]


async def test_a_reader_that_is_cancelled_leaves_its_place_to_the_next() -> None:
    source = Source()
    reads = BulkReads(source.read)
    first, second = [asyncio.create_task(reads.get(key)) for key in ("a", "bb")]
    await source.reached.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()
    assert await second == 2
