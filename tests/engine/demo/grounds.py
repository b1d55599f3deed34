"""Campuses of some hundred people for the demo to stand on."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from engine.chart import open_campus_accounts
from engine.database.connections import open_pool
from engine.demo.ground import Ground, Options
from engine.demo.record import DemoRecord
from engine.demo.run import prepare
from engine.pins import PinKeys
from ledger.time import wall_clock
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S, Database

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

PIN_KEYS: Final = PinKeys("k1", {"k1": bytes(32)})
OPTIONS: Final = Options(people=200, seed=7)


@dataclass(frozen=True, slots=True)
class Founded:
    """A demo campus as its first start left it. Not to be changed."""

    database: Database
    folder: Path
    remembered: DemoRecord


@asynccontextmanager
async def bare(database: Database, folder: Path) -> AsyncIterator[Ground]:
    """Stand on a campus that has accounts of its own and no people."""
    pool = await open_pool(database.target(), CAMPUS, size=4, command_timeout_s=COMMAND_TIMEOUT_S)
    try:
        async with pool.acquire() as connection:
            await open_campus_accounts(connection)
        yield ground(pool, folder)
    finally:
        pool.terminate()


def ground(pool: "Pool[Record]", folder: Path) -> Ground:
    return Ground(
        campus=CAMPUS,
        pool=pool,
        pin_keys=PIN_KEYS,
        clock=wall_clock,
        url="http://127.0.0.1:1",
        folder=folder / "demo",
        is_in_balance=lambda: True,
    )


async def founded(place: Ground, options: Options = OPTIONS) -> DemoRecord:
    """Make what is missing of the campus, as the start of a demo does."""
    return await prepare(place, options, Console(file=io.StringIO()))
