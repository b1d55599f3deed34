"""A process of its own that moves money: `bank_writer URL`, with its task on the input.

It says `ready`, waits for a line, posts, and then says what it was told about each id.
"""

import asyncio
import random
import sys
from uuid import UUID

import msgspec

from engine.database.connections import open_pool
from engine.database.target import Target
from ledger.errors import TransferRefused
from ledger.poster import Poster, open_poster
from ledger.transfers import Draw, Entry, Phase
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S
from tests.ledger.asking import draw, end, hold, single


class Work(msgspec.Struct):
    """What one process is to do."""

    accounts: list[UUID]
    seed: int
    tasks: int
    posts_of_each: int


class Told(msgspec.Struct):
    """The transfers that it was told are posted, and the entries that were refused."""

    posted: list[UUID]
    refused: list[UUID]


class Writer:
    """Some tasks that share a poster and choose by one seed what they post."""

    def __init__(self, poster: Poster, work: Work) -> None:
        self.poster = poster
        self.work = work
        self.random = random.Random(work.seed)
        self.told = Told([], [])

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.work.tasks):
                tasks.create_task(self._post_some())

    async def _post_some(self) -> None:
        for _ in range(self.work.posts_of_each):
            first, second, third = self.random.sample(self.work.accounts, 3)
            amount = self.random.randint(1, 40)
            match self.random.randrange(6):
                case 0:
                    await self._hold(first, second, amount)
                case 1:
                    linked = single(first, second, amount), single(second, third, amount)
                    await self._post(Entry(*linked))
                case 2:
                    await self._post(draw((first, second), third, 3 * amount))
                case _:
                    await self._post(Entry(single(first, second, amount)))

    async def _hold(self, debit: UUID, credit: UUID, amount_fen: int) -> None:
        held = hold(debit, credit, amount_fen)
        if await self._post(Entry(held)):
            part = self.random.randint(1, amount_fen)
            ways = [end(held.id), end(held.id, amount_fen=part), end(held.id, Phase.VOID)]
            await self._post(Entry(self.random.choice(ways)))

    async def _post(self, asked: Entry | Draw) -> bool:
        try:
            posted = await self.poster.post(asked)
        except TransferRefused:
            self.told.refused.append(asked.id)
            return False
        self.told.posted += [line.id for line in posted.lines]
        return True


async def main() -> None:
    work = msgspec.json.decode(sys.stdin.buffer.readline(), type=Work)
    pool = await open_pool(Target(sys.argv[1]), CAMPUS, size=2, command_timeout_s=COMMAND_TIMEOUT_S)
    async with open_poster(pool) as poster:
        writer = Writer(poster, work)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.buffer.readline()
        await writer.run()
    sys.stdout.buffer.write(msgspec.json.encode(writer.told) + b"\n")
    pool.terminate()


if __name__ == "__main__":
    asyncio.run(main())
