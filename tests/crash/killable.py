"""A real engine to be killed, a campus for it, and load on it."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from engine.database.embedded import EmbeddedServer
from terminals.link import Link, LinkOptions
from tests.campuses import Holder
from tests.crash.tills import Till
from tests.databases import CAMPUS, Database
from tests.engine.running import Till as EnrolledTill
from tests.engine.running import running_engine

TILLS = 12
HOLDERS = 40
CASH = 20_000

_ANSWERS_MAX_S = 60


@dataclass(slots=True)
class Engine:
    """A place for `campus run`, filled again whenever the engine in it was killed."""

    folder: Path
    port: int
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    pid: int | None = None

    @property
    def link_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/terminals/link"

    async def keep(self) -> None:
        while True:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "engine", "run"),
                env=self._settings(),
                stdout=DEVNULL,
                stderr=PIPE,
            )
            assert process.stderr is not None
            self.pid = process.pid
            try:
                async for line in process.stderr:
                    sys.stderr.write(line.decode())  # shown when the test fails
                    if b'"engine ready"' in line:
                        self.ready.set()
                code = await process.wait()
                assert code == -signal.SIGKILL, f"nobody killed it, and it ended with {code}"
            finally:
                self.pid = None
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    def kill(self) -> None:
        self.ready.clear()
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    def _settings(self) -> dict[str, str]:
        return {
            "CAMPUS_NAME": CAMPUS,
            "CAMPUS_DATA_DIR": str(self.folder),
            "CAMPUS_PORT": str(self.port),
            "CAMPUS_SHARED_BUFFERS_MIB": "64",
            "CAMPUS_LOG_FORMAT": "json",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A campus with tills and with people who have CASH fen each."""

    database: Database
    tills: list[EnrolledTill]
    holders: list[Holder]


class Answers:
    """Counts answers, and lets one wait for so many more."""

    def __init__(self) -> None:
        self._left = 0
        self._enough = asyncio.Event()

    def add(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self._enough.set()

    async def more(self, count: int) -> None:
        self._left = count
        self._enough.clear()
        async with asyncio.timeout(_ANSWERS_MAX_S):
            await self._enough.wait()


async def make_ground(server: EmbeddedServer, folder: Path) -> Ground:
    """Make the campus with an engine in this process, which ends again."""
    database = Database(server, "campus")
    async with running_engine(database, folder) as engine:
        merchant = await engine.merchant()
        return Ground(
            database=database,
            tills=[await engine.till(merchant, f"{number}号窗口") for number in range(TILLS)],
            holders=[
                await engine.holder(f"2019{number:04}", cash=CASH, pin=None)
                for number in range(HOLDERS)
            ],
        )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Engine]:
    """Keep an engine running while inside, on a port that stays the same."""
    engine = Engine(folder, _free_port())
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(engine.keep())
        await engine.ready.wait()
        yield engine
        keeping.cancel()


@asynccontextmanager
async def selling(
    ground: Ground, engine: Engine, random: Random
) -> AsyncIterator[tuple[list[Till], Answers]]:
    """Have tills that sell while inside; in the end every sale is settled."""
    options = LinkOptions(url=engine.link_url, wait_min_s=0.05, wait_max_s=0.3)
    cards = [holder.card.number for holder in ground.holders]
    answers = Answers()
    tills = [
        Till(Link(each.identity, options), cards, random, answers.add) for each in ground.tills
    ]
    async with asyncio.TaskGroup() as group:
        for till in tills:
            group.create_task(till.run())
        yield tills, answers
        for till in tills:
            till.is_closing = True


def kill_postmaster(server: EmbeddedServer) -> None:
    """Kill the server under the engine, which is to revive it."""
    assert server.pid is not None
    with suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
