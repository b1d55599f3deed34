"""A campus to measure on: an embedded server of its own, people with money, merchants."""

import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from asyncpg import Record

from engine.database.campus import create_campus
from engine.database.connections import connect, open_pool
from engine.database.durability import check_durability
from engine.database.embedded import EmbeddedServer
from engine.database.target import Role
from engine.garbage import freeze_what_stays
from ledger.accounts import Rule, new_account
from ledger.audit import audit
from ledger.book import Asked, LedgerConnection, find_accounts, make_months, open_accounts
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.poster import Poster, open_poster
from ledger.transfers import Entry, Transfer

if TYPE_CHECKING:
    from asyncpg.pool import Pool

CAMPUS: Final = "campus"
MONEY_FEN: Final = 10**9
PRICE: Final = Fen(550)

_TIMEOUT_S: Final = 120.0
_PART: Final = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Campus:
    """The server, a pool of the engine's role, and the accounts to move money between."""

    server: EmbeddedServer
    pool: "Pool[Record]"
    people: list[UUID]
    merchants: list[UUID]


@contextmanager
def embedded_server() -> Iterator[EmbeddedServer]:
    """Run a server with full durability in a folder that goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        Path(folder).chmod(0o755)  # the server may run as another user
        with EmbeddedServer(Path(folder) / "postgres") as server:
            yield server


@asynccontextmanager
async def open_campus(
    server: EmbeddedServer, *, people: int, merchants: int, name: str = CAMPUS
) -> AsyncIterator[Campus]:
    """Make a campus whose people all have money, through the ledger; refuse an unsafe server."""
    owner = await connect(server.target(Role.OWNER), name, command_timeout_s=_TIMEOUT_S)
    await create_campus(owner, name)
    await owner.close()
    pool = await open_pool(server.target(), name, size=4, command_timeout_s=_TIMEOUT_S)
    try:
        async with pool.acquire() as connection:
            await check_durability(connection)
            await make_months(connection, [datetime.now(UTC)])
            wallet = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS
            campus = Campus(
                server=server,
                pool=pool,
                people=await _open(connection, "cash_wallet", people, wallet),
                merchants=await _open(connection, "merchant_payable", merchants),
            )
            (bank,) = await _open(connection, "bank", 1)
        await _fund(campus, bank)
        freeze_what_stays()  # as the engine does
        yield campus
    finally:
        await pool.close()


def purchase(debit_account: UUID, credit_account: UUID) -> Entry:
    """Return a purchase of PRICE."""
    return Entry(
        Transfer(
            id=uuid7(),
            kind="purchase",
            event_at=datetime.now(UTC),
            amount=PRICE,
            debit_account=debit_account,
            credit_account=credit_account,
        )
    )


def campus_load(campus: Campus, dice: random.Random, count: int) -> list[Entry]:
    """Return purchases of random people at random merchants."""
    return [
        purchase(dice.choice(campus.people), dice.choice(campus.merchants)) for _ in range(count)
    ]


def uniform_load(campus: Campus, dice: random.Random, count: int) -> list[Entry]:
    """Return transfers between two random people."""
    return [purchase(*dice.sample(campus.people, 2)) for _ in range(count)]


async def use_every_account(campus: Campus, poster: Poster) -> None:
    """Have a poster know all accounts, as one does that has run for a while."""
    await _post_in_parts(
        poster,
        [
            purchase(person, campus.merchants[index % len(campus.merchants)])
            for index, person in enumerate(campus.people)
        ],
    )


async def findings(campus: Campus) -> tuple[str, ...]:
    """Audit the books in full; return what is wrong as text."""
    async with campus.pool.acquire() as connection:
        return tuple(f"{each.check}: {each.detail}" for each in await audit(connection))


async def _open(
    connection: LedgerConnection, kind: str, count: int, rule: Rule = Rule.NONE
) -> list[UUID]:
    """Open accounts; return their ids as PostgreSQL hands them out, as an engine has them."""
    made = [new_account(uuid7(), kind, rule=rule) for _ in range(count)]
    await open_accounts(connection, made)
    return list(await find_accounts(connection, [account.id for account in made]))


async def _fund(campus: Campus, bank: UUID) -> None:
    async with open_poster(campus.pool) as poster:
        await _post_in_parts(poster, [_grant(bank, each) for each in campus.people])


async def _post_in_parts(poster: Poster, entries: list[Entry]) -> None:
    for start in range(0, len(entries), _PART):
        await poster.post_many([Asked(each) for each in entries[start : start + _PART]])


def _grant(bank: UUID, person: UUID) -> Entry:
    return Entry(
        Transfer(
            id=uuid7(),
            kind="recharge",
            event_at=datetime.now(UTC),
            amount=Fen(MONEY_FEN),
            debit_account=bank,
            credit_account=person,
        )
    )
