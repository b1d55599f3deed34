"""The real engine as a process of its own, on a campus that was made for measuring.

The campus is the demo's, with more money and with tills whose keys only the benchmark knows. The
books are audited after the engine has stopped, on the same server.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

import httpx

from benchmarks.campus import MONEY_FEN
from engine.argon import DEMO as CHEAP
from engine.argon import ArgonPool
from engine.chart import AccountKind, TransferKind, account_id
from engine.database.connections import open_pool
from engine.database.durability import check_durability
from engine.demo.founding import DEMO, Plan, found
from engine.demo.population import make_up_people
from engine.devices import add_device
from engine.enrolments import Enrolments, issue_code
from engine.merchants import list_merchants
from engine.postgres import open_postgres, prepare_campus
from engine.settings import PREFIX, read_settings
from ledger.audit import audit
from ledger.book import Asked
from ledger.errors import CampusError
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.poster import open_poster
from ledger.queries import load
from ledger.time import wall_clock
from ledger.transfers import Entry, Transfer
from terminals.identity import Identity, new_private_key, public_key_of

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("benchmarks", "engine_process")
_SEED: Final = 1
_HOST: Final = "127.0.0.1"
_COMMAND_TIMEOUT_S: Final = 600.0
"""An audit of millions of transfers takes a while."""
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.1
_POOL_SIZE: Final = 4
_TOLD_OF_LOG: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCampus:
    """A campus in a folder of its own, as an engine finds it when it starts there."""

    name: str
    folder: Path
    pool: "Pool[Record]"
    cards: list[str]
    """Numbers of the cards that pay."""
    tills: list[Identity]

    async def findings(self) -> tuple[str, ...]:
        """Audit the books in full; return what is wrong as text."""
        async with self.pool.acquire() as connection:
            return tuple(f"{each.check}: {each.detail}" for each in await audit(connection))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningEngine:
    """An engine that is ready."""

    port: int
    pid: int

    @property
    def http_url(self) -> str:
        """Where it is found."""
        return f"http://{_HOST}:{self.port}"

    @property
    def link_url(self) -> str:
        """Where terminals link."""
        return f"ws://{_HOST}:{self.port}/v1/terminals/link"


@asynccontextmanager
async def engine_campus(*, tills: int) -> AsyncIterator[EngineCampus]:
    """Make a campus with so many tills, whose people all have money; refuse an unsafe server."""
    with _folder() as folder:
        settings = read_settings({f"{PREFIX}DATA_DIR": str(folder)})
        with open_postgres(settings) as postgres:
            name = settings.campus
            await prepare_campus(postgres, name, command_timeout_s=_COMMAND_TIMEOUT_S)
            pool = await open_pool(
                postgres.app, name, size=_POOL_SIZE, command_timeout_s=_COMMAND_TIMEOUT_S
            )
            try:
                customers = await _found(pool, folder)
                await _pay_in(pool, list(customers))
                yield EngineCampus(
                    name=name,
                    folder=folder,
                    pool=pool,
                    cards=list(customers.values()),
                    tills=await _enrol_tills(pool, name, tills),
                )
            finally:
                await pool.close()


@asynccontextmanager
async def running_engine(campus: EngineCampus) -> AsyncIterator[RunningEngine]:
    """Run the engine while inside, and stop it in order.

    Raises RuntimeError, with the end of its log, when it was not ready in time or did not stop
    cleanly.
    """
    port = _free_port()
    ours = {f"{PREFIX}DATA_DIR": str(campus.folder), f"{PREFIX}PORT": str(port)}
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    path = campus.folder / "engine.log"
    with path.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "engine", "run"),
            env={**others, **ours},
            stdout=output,
            stderr=output,
        )
    try:
        engine = RunningEngine(port=port, pid=process.pid)
        await _ready(engine, process, path)
        yield engine
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            if await process.wait():
                raise _ended_badly(path)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="campus-bench-") as text:
        folder = Path(text)
        folder.chmod(0o755)  # the server may run as another user
        yield folder


async def _ready(engine: RunningEngine, process: Process, log: Path) -> None:
    """Return when the engine says that it is ready. Raises RuntimeError."""
    deadline = asyncio.get_running_loop().time() + _START_TIMEOUT_S
    async with httpx.AsyncClient(base_url=engine.http_url) as client:
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            try:
                answer = await client.get("/readyz")
            except httpx.TransportError:
                pass
            else:
                if answer.is_success:
                    return
            await asyncio.sleep(_POLL_S)
    raise _ended_badly(log)


def _ended_badly(log: Path) -> RuntimeError:
    end = log.read_text(encoding="utf-8", errors="replace")[-_TOLD_OF_LOG:]
    return RuntimeError(f"the engine did not start or stop as it should:\n{end}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def _found(pool: "Pool[Record]", folder: Path) -> dict[UUID, str]:
    """Found the demo's campus; return who has a card that pays, and its number."""
    plan = Plan(seed=_SEED, people=make_up_people(_SEED), doors=())
    async with pool.acquire() as connection:
        await check_durability(connection)
        with ArgonPool(CHEAP, workers=1, turns_max=1) as argon:
            async with connection.transaction():
                await found(connection, plan, argon=argon, folder=folder, at=wall_clock())
        rows = await connection.fetch(_SQL.get("find_customers"))
    return {row["person_id"]: row["number"] for row in rows}


async def _pay_in(pool: "Pool[Record]", people: list[UUID]) -> None:
    """Give everybody more than a benchmark spends."""
    async with open_poster(pool) as poster:
        outcomes = await poster.post_many([Asked(_payment(each)) for each in people])
    for outcome in outcomes:
        if isinstance(outcome, CampusError):
            raise outcome


def _payment(person_id: UUID) -> Entry:
    return Entry(
        Transfer(
            id=uuid7(),
            kind=TransferKind.CASH_PAYMENT,
            event_at=datetime.now(UTC),
            amount=Fen(MONEY_FEN),
            debit_account=account_id(AccountKind.CASH_DESK),
            credit_account=account_id(AccountKind.CASH_WALLET, person_id),
            about=person_id,
        )
    )


async def _enrol_tills(pool: "Pool[Record]", campus: str, count: int) -> list[Identity]:
    """Add tills to the merchants in turn; return them with their keys."""
    enrolments = Enrolments(pool, clock=wall_clock)
    async with pool.acquire() as connection:
        merchants = await list_merchants(connection)
    identities = []
    for number in range(count):
        at = wall_clock()
        merchant = merchants[number % len(merchants)]
        async with pool.acquire() as connection, connection.transaction():
            device = await add_device(
                connection, f"till {number}", merchant_id=merchant.id, actor=DEMO, at=at
            )
            code = await issue_code(connection, device.id, actor=DEMO, at=at)
        key = new_private_key()
        await enrolments.enrol(code, public_key=public_key_of(key), address="benchmark")
        identities.append(Identity(terminal_id=device.id, campus=campus, private_key=key))
    return identities
