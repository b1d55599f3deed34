"""The server drops the poster's connections under load: every caller still hears the truth."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from engine.database.target import Role
from ledger.answers import Posted
from ledger.book import LedgerConnection, find_lines
from ledger.decide import Line
from ledger.errors import TransferRefused
from ledger.poster import Poster, open_poster
from ledger.transfers import Effect, Entry, Transfer
from tests.databases import Database, open_connection
from tests.ledger.accounts_in import open_chart, open_wallets, pay_in
from tests.ledger.asking import single
from tests.ledger.judge import find_faults
from tests.ledger.waiting import turn

if TYPE_CHECKING:
    from asyncpg import Pool, Record

LOSSES, TASKS, WALLETS, EACH_HAS, LIMIT_S = 20, 40, 10, 300, 100

COUNTS = """
    create table counts (id uuid not null);
    grant select, insert on counts to campus_app;
"""
COUNT = """
    with counted as (
        insert into counts (id) select id from unnest($1::uuid[]) as c (id) returning 1
    )
    select count(*) from counted
"""
DROP = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and usename = 'campus_app'
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller asked, and what it heard."""

    asked: Transfer
    answer: Posted | TransferRefused


class Callers:
    """Tasks that post until they are told to stop, and write down what they hear.

    Anything but an answer of the ledger ends the test.
    """

    def __init__(self, poster: Poster, wallets: list[UUID], seed: int) -> None:
        self.poster = poster
        self.wallets = wallets
        self.random = random.Random(seed)
        self.journal: list[Told] = []
        self.is_over = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(TASKS):
                tasks.create_task(self._post_on())

    async def _post_on(self) -> None:
        while not self.is_over:
            debit, credit = self.random.sample(self.wallets, 2)
            asked = single(debit, credit, self.random.randint(1, 200))
            try:
                posted = await self.poster.post(Entry(asked), Effect(COUNT, (asked.id,)))
            except TransferRefused as error:
                self.journal.append(Told(asked, error))
            else:
                self.journal.append(Told(asked, posted))

    async def hear(self, more: int) -> None:
        """Return when the callers have heard so many more answers."""
        enough = len(self.journal) + more
        while len(self.journal) < enough:
            await turn()


async def drop_connections(superuser: LedgerConnection, callers: Callers, seed: int) -> None:
    """Drop all connections of the poster, at moments that a seed chooses; then end the load."""
    chance = random.Random(seed)
    async with asyncio.timeout(LIMIT_S):
        for _ in range(LOSSES):
            await callers.hear(chance.randint(1, 2 * TASKS))
            for _ in range(chance.randint(0, 30)):
                await turn()
            while not await superuser.fetch(DROP):
                await turn()
        await callers.hear(TASKS)
    callers.is_over = True


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the callers heard, and what the database says when all is over."""

    journal: list[Told]
    lines: dict[UUID, Line]
    counts: Counter[UUID]
    faults: list[str]


async def suffer(database: Database, pool: "Pool[Record]", seed: int) -> Aftermath:
    async with database.owner() as owner:
        await owner.execute(COUNTS)
        bank = (await open_chart(owner)).bank
        wallets = await open_wallets(owner, WALLETS)
        await pay_in(owner, [(bank, wallet, EACH_HAS) for wallet in wallets])
        async with (
            open_connection(database.target(Role.SUPERUSER)) as superuser,
            open_poster(pool) as poster,
            asyncio.TaskGroup() as tasks,
        ):
            callers = Callers(poster, wallets, seed)
            tasks.create_task(callers.run())
            tasks.create_task(drop_connections(superuser, callers, seed))
        recorded = await find_lines(owner, [told.asked.id for told in callers.journal])
        return Aftermath(
            callers.journal,
            {id_: each.line for id_, each in recorded.items()},
            Counter(row["id"] for row in await owner.fetch("select id from counts")),
            await find_faults(owner),
        )


@pytest.mark.parametrize("seed", [1, 2])
async def test_everybody_hears_the_truth(
    database: Database, pool: "Pool[Record]", seed: int
) -> None:
    after = await suffer(database, pool, seed)
    assert len(after.journal) > LOSSES * 3
    for told in after.journal:
        line = after.lines[told.asked.id]
        if isinstance(told.answer, Posted):
            assert told.answer.lines == (line,)
            assert after.counts[told.asked.id] == 1
        else:
            assert line.refusal == told.answer.code
            assert after.counts[told.asked.id] == 0
    posted = sum(isinstance(told.answer, Posted) for told in after.journal)
    assert after.counts.total() == posted
    assert after.faults == []
