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
from engine.chart import AccountKind, account_id, open_campus_accounts
from engine.devices import Device, add_device, get_device
from engine.merchants import Merchant, add_merchant
from engine.people import Person
from engine.pins import PinKeys, Pins
from engine.purchases import PurchaseRequest, Purchases
from engine.wallets import Balance, find_balance, open_wallets
from ledger.book import Asked, LedgerConnection, post
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.poster import Poster, open_poster
from ledger.transfers import Entry, Transfer
from tests.identities import SYSTEM, ManualClock, student

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Campus:
    """What a test of money works with."""

    pool: "Pool[Record]"
    pins: Pins
    clock: ManualClock
    poster: Poster
    purchases: Purchases
    merchant: Merchant
    till: Device

    async def holder(self, number: str = "20190001", *, cash: int = 0, subsidy: int = 0) -> Holder:
        """Add a student with an active card and so many fen on each wallet."""
        async with self.pool.acquire() as connection, connection.transaction():
            person = await student(connection, number)
            await open_wallets(connection, [person.id])
            card = await give_card(connection, person.id, at=self.clock())
            if cash:
                await put_cash(connection, person.id, cash, at=self.clock())
        if subsidy:
            await self.grant(person.id, subsidy)
        await self.pins.seed({person.id: PIN})
        return Holder(person=person, card=card)

    async def grant(self, person_id: UUID, amount: int) -> None:
        """Put money on a subsidy wallet, as a hand-out does."""
        transfer = Transfer(
            id=uuid7(self.clock()),
            kind="subsidy",
            event_at=self.clock(),
            amount=Fen(amount),
            debit_account=account_id(AccountKind.SUBSIDY_FUNDING),
            credit_account=account_id(AccountKind.SUBSIDY_WALLET, person_id),
        )
        async with self.pool.acquire() as connection, connection.transaction():
            await post(connection, [Asked(Entry(transfer))])
            await connection.execute(
                "update spenders set has_subsidy = true, version = version + 1"
                " where person_id = $1",
                person_id,
            )

    async def balance(self, holder: Holder) -> Balance:
        async with self.pool.acquire() as connection:
            return await find_balance(connection, holder.id)

    def ask(
        self, holder: Holder, amount: int, *, pin: str | None = None, card: str | None = None
    ) -> PurchaseRequest:
        """Return a request under a new id."""
        return PurchaseRequest(
            id=uuid7(self.clock()),
            card=card or holder.card.number,
            amount=Fen(amount),
            event_at=self.clock(),
            pin=pin,
        )


@asynccontextmanager
async def opened(
    pool: "Pool[Record]", argon: ArgonPool, clock: ManualClock
) -> AsyncIterator[Campus]:
    """Open a campus with one merchant and one enrolled till."""
    async with pool.acquire() as connection, connection.transaction():
        await open_campus_accounts(connection)
        merchant = await add_merchant(connection, "第一食堂", actor=SYSTEM, at=clock())
        till = await enrolled(connection, merchant, at=clock())
    pins = Pins(pool, argon, keys=_KEYS, clock=clock)
    async with open_poster(pool) as poster:
        yield Campus(
            pool=pool,
            pins=pins,
            clock=clock,
            poster=poster,
            purchases=Purchases(pool, poster, pins=pins, clock=clock),
            merchant=merchant,
            till=till,
        )


async def enrolled(
    connection: LedgerConnection, merchant: Merchant, *, at: datetime, place: str = "1号窗口"
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
