"""A small campus with money in it: people, cards, a merchant, terminals."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.argon import ArgonPool
from engine.cards import Card, CardEvent, change_card, issue_card
from engine.cash_desk import CashPayment, pay_in
from engine.chart import open_campus_accounts
from engine.database.connections import open_pool
from engine.devices import Device, add_device, get_device
from engine.loss_reports import LossReports
from engine.merchants import Merchant, add_merchant
from engine.people import Person
from engine.permissions import Role
from engine.pins import PinKeys, Pins
from engine.principals import Owner, OwnerKind, PersonPrincipal
from engine.purchases import PurchaseRequest, Purchases
from engine.refunds import RefundRequest, Refunds
from engine.reversals import ReversalRequest, Reversals
from engine.staff import create_staff
from engine.subsidies import NewBatch, approve, prepare
from engine.subsidy_files import SubsidyRow, SubsidyTable
from engine.wallets import Balance, find_balance, open_wallets
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.poster import Poster, open_poster
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S, Database
from tests.identities import SYSTEM, ManualClock, student

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

    from engine.audit_trail import Actor

PIN: Final = "135790"
EXPIRES_ON: Final = date(2029, 8, 31)
_KEYS: Final = PinKeys("k1", {"k1": bytes(32)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A person with a card."""

    person: Person
    card: Card

    @property
    def id(self) -> UUID:
        return self.person.id

    @property
    def principal(self) -> PersonPrincipal:
        """The person, signed in."""
        return PersonPrincipal(
            session_id=uuid7(),
            person_id=self.person.id,
            number=self.person.number,
            name=self.person.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What one process of the engine has: connections, a poster, and a memory of its own."""

    pool: "Pool[Record]"
    poster: Poster
    pins: Pins
    purchases: Purchases
    refunds: Refunds
    reversals: Reversals
    loss_reports: LossReports


@dataclass(frozen=True, slots=True, kw_only=True)
class Campus:
    """What a test of money works with."""

    engine: Engine
    argon: ArgonPool
    clock: ManualClock
    merchant: Merchant
    till: Device

    @property
    def pool(self) -> "Pool[Record]":
        return self.engine.pool

    async def holder(
        self, number: str = "20190001", *, cash: int = 0, subsidy: int = 0, has_pin: bool = True
    ) -> Holder:
        """Add a student with an active card, a PIN, and so many fen on each wallet."""
        async with self.pool.acquire() as connection, connection.transaction():
            person = await student(connection, number)
            await open_wallets(connection, [person.id])
            card = await give_card(connection, person.id, at=self.clock())
            if cash:
                await put_cash(connection, person.id, cash, at=self.clock())
        if subsidy:
            await self.hand_out({number: subsidy})
        if has_pin:
            await self.engine.pins.seed({person.id: PIN})
        return Holder(person=person, card=card)

    async def hand_out(self, amounts: dict[str, int], title: str = "三月补助") -> UUID:
        """Give people a subsidy, by two members of staff, and return the batch."""
        rows = [
            SubsidyRow(row=row, number=number, amount=Fen(amount))
            for row, (number, amount) in enumerate(amounts.items(), start=2)
        ]
        batch = NewBatch(id=uuid7(self.clock()), title=title, table=SubsidyTable(rows=tuple(rows)))
        preparer, approver = await self.actor("li.na"), await self.actor("zhang.wei")
        async with self.pool.acquire() as connection, connection.transaction():
            await prepare(connection, batch, actor=preparer, at=self.clock())
            await approve(connection, batch.id, actor=approver, at=self.clock())
        return batch.id

    async def actor(self, name: str) -> "Actor":
        """Return a member of staff of the finance office, appointed at the first call."""
        async with self.pool.acquire() as connection, connection.transaction():
            found = await connection.fetchval("select id from staff where name = $1", name)
            if found is None:
                staff = await create_staff(
                    connection, name, [Role.FINANCE], actor=SYSTEM, at=self.clock()
                )
                found = staff.id
        return Owner(OwnerKind.STAFF, found).as_actor(name)

    async def add_till(self, place: str = "2号窗口", merchant: Merchant | None = None) -> Device:
        """Add another till, enrolled."""
        async with self.pool.acquire() as connection, connection.transaction():
            return await enrolled(connection, merchant or self.merchant, place, at=self.clock())

    async def add_merchant(self, name: str) -> Merchant:
        async with self.pool.acquire() as connection, connection.transaction():
            return await add_merchant(connection, name, actor=SYSTEM, at=self.clock())

    async def balance(self, holder: Holder) -> Balance:
        async with self.pool.acquire() as connection:
            return await find_balance(connection, holder.id)

    async def spent_today(self, holder: Holder) -> int:
        sql = "select spent_fen from spenders where person_id = $1"
        return int(await self.pool.fetchval(sql, holder.id))

    def ask(
        self, holder: Holder, amount: int, *, pin: str | None = None, card: str | None = None
    ) -> PurchaseRequest:
        """Return a purchase under a new id."""
        return PurchaseRequest(
            id=uuid7(self.clock()),
            card=card or holder.card.number,
            amount=Fen(amount),
            event_at=self.clock(),
            pin=pin,
        )

    def newcomer(self) -> Purchases:
        """Return purchases of a process that has just started and remembers nobody."""
        engine = self.engine
        return Purchases(engine.pool, engine.poster, pins=engine.pins, clock=self.clock)

    async def buy(self, holder: Holder, amount: int, *, till: Device | None = None) -> UUID:
        """Let a purchase be approved and return its id."""
        request = self.ask(holder, amount, pin=PIN)
        return (await self.engine.purchases.purchase(till or self.till, request)).id

    def ask_refund(self, purchase_id: UUID, amount: int) -> RefundRequest:
        """Return a refund under a new id."""
        return RefundRequest(
            id=uuid7(self.clock()),
            purchase_id=purchase_id,
            amount=Fen(amount),
            event_at=self.clock(),
        )

    def ask_reversal(self, purchase_id: UUID) -> ReversalRequest:
        return ReversalRequest(purchase_id=purchase_id, event_at=self.clock())

    @asynccontextmanager
    async def another_engine(self, database: Database) -> AsyncIterator[Engine]:
        """Run a second process's engine on the same campus."""
        pool = await open_pool(
            database.target(), CAMPUS, size=4, command_timeout_s=COMMAND_TIMEOUT_S
        )
        try:
            async with running(pool, self.argon, self.clock) as engine:
                yield engine
        finally:
            pool.terminate()


@asynccontextmanager
async def running(
    pool: "Pool[Record]", argon: ArgonPool, clock: ManualClock
) -> AsyncIterator[Engine]:
    """Run an engine over a pool."""
    pins = Pins(pool, argon, keys=_KEYS, clock=clock)
    async with open_poster(pool) as poster:
        yield Engine(
            pool=pool,
            poster=poster,
            pins=pins,
            purchases=Purchases(pool, poster, pins=pins, clock=clock),
            refunds=Refunds(pool, poster, clock=clock),
            reversals=Reversals(pool, poster, clock=clock),
            loss_reports=LossReports(pool, pins=pins, clock=clock),
        )


@asynccontextmanager
async def opened(
    pool: "Pool[Record]", argon: ArgonPool, clock: ManualClock
) -> AsyncIterator[Campus]:
    """Open a campus with one merchant and one enrolled till."""
    async with pool.acquire() as connection, connection.transaction():
        await open_campus_accounts(connection)
        merchant = await add_merchant(connection, "第一食堂", actor=SYSTEM, at=clock())
        till = await enrolled(connection, merchant, "1号窗口", at=clock())
    async with running(pool, argon, clock) as engine:
        yield Campus(engine=engine, argon=argon, clock=clock, merchant=merchant, till=till)


async def enrolled(
    connection: LedgerConnection, merchant: Merchant, place: str, *, at: datetime
) -> Device:
    """Add a till and give it a key, without the way through a code."""
    device = await add_device(connection, place, merchant_id=merchant.id, actor=SYSTEM, at=at)
    await connection.execute(
        "update devices set state = 'enrolled', public_key = $2, enrolled_at = $3 where id = $1",
        device.id,
        device.id.bytes * 2,
        at,
    )
    return await get_device(connection, device.id)


async def give_card(connection: LedgerConnection, person_id: UUID, *, at: datetime) -> Card:
    card = await issue_card(connection, person_id, expires_on=EXPIRES_ON, actor=SYSTEM, at=at)
    return await change_card(connection, card.id, CardEvent.ACTIVATE, actor=SYSTEM, at=at)


async def put_cash(
    connection: LedgerConnection, person_id: UUID, amount: int, *, at: datetime
) -> None:
    payment = CashPayment(id=uuid7(at), person_id=person_id, amount=Fen(amount))
    await pay_in(connection, payment, actor=SYSTEM, at=at)


async def wait_for_waiters(connection: LedgerConnection, count: int) -> None:
    """Return when so many backends wait for a lock."""
    while await connection.fetchval("select count(*) from pg_locks where not granted") < count:
        pass
