"""A whole engine in the process of the test: database, ledger, web server, link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import httpx

from engine.cash_desk import CashPayment, pay_in
from engine.database.target import Role
from engine.devices import Device, add_device
from engine.enrolments import Enrolments, issue_code
from engine.keys import open_keys
from engine.merchants import Merchant, add_merchant
from engine.parts import Parts, open_parts
from engine.postgres import Postgres, prepare_campus
from engine.process import Process
from engine.settings import read_settings
from engine.wallets import open_wallets
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.time import wall_clock
from terminals.identity import Identity, new_private_key, public_key_of
from terminals.link import Link, LinkOptions
from tests.campuses import PIN, Holder, give_card
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S, Database
from tests.identities import SYSTEM, student

_SETTINGS: Final = {"CAMPUS_NAME": CAMPUS, "CAMPUS_PORT": "0", "CAMPUS_POOL_SIZE": "6"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """A terminal at a till, with its key."""

    device: Device
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningEngine:
    """An engine that serves, and a client of its HTTP API."""

    parts: Parts
    client: httpx.AsyncClient

    async def merchant(self, name: str = "第一食堂") -> Merchant:
        """Add a merchant."""
        at = self.parts.clock()
        async with self.parts.pool.acquire() as connection, connection.transaction():
            return await add_merchant(connection, name, actor=SYSTEM, at=at)

    async def till(self, merchant: Merchant | None, place: str = "1号窗口") -> Till:
        """Add a till, or a terminal at a door, and enrol it."""
        at = self.parts.clock()
        async with self.parts.pool.acquire() as connection, connection.transaction():
            device = await add_device(
                connection,
                place,
                merchant_id=None if merchant is None else merchant.id,
                actor=SYSTEM,
                at=at,
            )
            code = await issue_code(connection, device.id, actor=SYSTEM, at=at)
        key = new_private_key()
        enrolments = Enrolments(self.parts.pool, clock=self.parts.clock)
        device = await enrolments.enrol(code, public_key=public_key_of(key), address="test")
        identity = Identity(terminal_id=device.id, campus=self.parts.campus, private_key=key)
        return Till(device=device, identity=identity)

    async def holder(
        self, number: str = "20190001", *, cash: int = 10_000, pin: str | None = PIN
    ) -> Holder:
        """Add a student with an active card, so many fen and, unless it is None, a PIN."""
        at = self.parts.clock()
        async with self.parts.pool.acquire() as connection, connection.transaction():
            person = await student(connection, number)
            await open_wallets(connection, [person.id])
            card = await give_card(connection, person.id, at=at)
            payment = CashPayment(id=uuid7(at), person_id=person.id, amount=Fen(cash))
            await pay_in(connection, payment, actor=SYSTEM, at=at)
        if pin is not None:
            await self.parts.pins.seed({person.id: pin})
        return Holder(person=person, card=card)

    @asynccontextmanager
    async def linked(self, identity: Identity) -> AsyncIterator["Linked"]:
        """Have a terminal's link up while inside."""
        host = f"ws://{self.client.base_url.netloc.decode()}"
        link = Link(identity, LinkOptions(url=f"{host}/v1/terminals/link"))
        ended = asyncio.ensure_future(link.run_once())
        waiting = asyncio.ensure_future(link.up())
        await asyncio.wait([ended, waiting], return_when="FIRST_COMPLETED")
        try:
            yield Linked(link, ended)
        finally:
            ended.cancel()
            waiting.cancel()
            await asyncio.wait([ended, waiting])


class Linked(NamedTuple):
    """A link that is up, and what it ends with."""

    link: Link
    ended: "asyncio.Future[NoReturn]"


@asynccontextmanager
async def running_engine(database: Database, folder: Path) -> AsyncIterator[RunningEngine]:
    """Run an engine on a database while inside; stop it in the order that production does."""
    settings = read_settings({**_SETTINGS, "CAMPUS_DATA_DIR": str(folder)})
    keys = open_keys(settings.keys_of(CAMPUS))
    postgres = Postgres(app=database.target(), owner=database.target(Role.OWNER), embedded=None)
    await prepare_campus(postgres, CAMPUS, command_timeout_s=COMMAND_TIMEOUT_S)
    async with open_parts(settings, keys, postgres, wall_clock) as parts:
        process = Process(parts, settings)
        with process.listening():
            async with asyncio.TaskGroup() as group:
                serving = asyncio.Event()

                async def beside() -> None:
                    serving.set()
                    await asyncio.Event().wait()

                group.create_task(process.run(beside))
                await serving.wait()
                try:
                    async with httpx.AsyncClient(base_url=process.web.url) as client:
                        yield RunningEngine(parts=parts, client=client)
                finally:
                    process.stop()
