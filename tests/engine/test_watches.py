"""What the engine keeps an eye on: its database, its books, its proof."""

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.cash_desk import CashPayment, pay_in
from engine.chart import open_campus_accounts
from engine.wallets import open_wallets
from engine.watches import BooksWatch, DatabaseWatch, ProofWatch
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.proof.heads import Signer
from ledger.sealer import Sealer
from tests.databases import CAMPUS, Database
from tests.identities import SYSTEM, ManualClock, student
from tests.logs import captured_logs

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool


async def test_a_database_that_answers_is_not_silent(pool: "Pool[Record]") -> None:
    watch = DatabaseWatch(pool, None)
    assert watch.silent_s == float("inf")
    assert await watch.run_once() == 0
    assert watch.silent_s < 60


async def test_an_external_database_that_is_away_stays_silent(pool: "Pool[Record]") -> None:
    watch = DatabaseWatch(pool, None)
    await pool.close()
    with pytest.raises(asyncpg.InterfaceError):
        await watch.run_once()
    assert watch.silent_s == float("inf")


async def test_books_in_balance_are_told(pool: "Pool[Record]", clock: ManualClock) -> None:
    watch = BooksWatch(pool, clock)
    assert watch.books is None
    assert await watch.run_once() == 0
    assert watch.books == (0, clock.now)


async def test_books_that_are_wrong_are_told_and_logged(
    pool: "Pool[Record]", database: Database, clock: ManualClock
) -> None:
    async with database.owner() as owner:
        await open_campus_accounts(owner)
        await owner.execute("update accounts set credits_posted = 1 where kind = 'bank'")
    watch = BooksWatch(pool, clock)
    with captured_logs() as log:
        assert await watch.run_once() == 1
    line = json.loads(log.getvalue())
    assert (line["level"], line["event"]) == ("error", "books are wrong")
    assert line["check"] == "debits_equal_credits"
    assert watch.books == (1, clock.now)


async def take_a_payment(pool: "Pool[Record]", clock: ManualClock) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await open_campus_accounts(connection)
        person = await student(connection)
        await open_wallets(connection, [person.id])
        payment = CashPayment(id=uuid7(clock()), person_id=person.id, amount=Fen(100))
        await pay_in(connection, payment, actor=SYSTEM, at=clock())


async def test_what_waits_to_be_sealed_has_its_age(
    pool: "Pool[Record]", clock: ManualClock
) -> None:
    watch = ProofWatch(pool, clock)
    assert (watch.lag_s, math.isnan(watch.head_age_s)) == (0, True)
    await take_a_payment(pool, clock)
    assert await watch.run_once() == 1
    assert watch.proof is not None
    assert watch.proof.unsealed_since is not None
    clock.now = watch.proof.unsealed_since + timedelta(seconds=7)
    assert watch.lag_s == 7


async def test_what_is_sealed_is_counted_and_its_head_ages(
    pool: "Pool[Record]", clock: ManualClock
) -> None:
    watch = ProofWatch(pool, clock)
    await take_a_payment(pool, clock)
    sealer = Sealer(pool, Signer(CAMPUS, Ed25519PrivateKey.generate()), clock=clock)
    await sealer.run_once()
    await sealer.sign_head()
    clock.advance(seconds=90)
    assert await watch.run_once() == 0
    assert watch.proof is not None
    assert (watch.proof.sealed, watch.proof.transfers, watch.proof.head_position) == (1, 1, 1)
    assert (watch.lag_s, watch.head_age_s) == (0, 90)
