"""People, staff and secrets to try things with, hashed at almost no cost."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from engine.argon import ArgonParameters, ArgonPool, Hasher
from engine.audit_trail import Actor, ActorKind
from engine.errors import NotSignedIn, WrongCredentials
from engine.passwords import Credentials, seed_passwords
from engine.people import NewPerson, Person, PersonKind, add_person
from engine.permissions import Role
from engine.principals import Owner, OwnerKind, PersonPrincipal
from engine.sessions import Client, SignedIn, get_principal
from engine.sign_in import SignIn
from engine.staff import Staff, create_staff
from ledger.book import LedgerConnection

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

T = TypeVar("T")

CHEAP: Final = ArgonParameters(memory_kib=8, passes=1, lanes=1)
SYSTEM: Final = Actor(kind=ActorKind.SYSTEM, id=None, name="test")
PASSWORD: Final = "correct horse"
START: Final = datetime(2026, 3, 2, 4, 5, 6, 789_012, tzinfo=UTC)
HOME: Final = Client(address="203.0.113.7")
ELSEWHERE: Final = Client(address="198.51.100.1")


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        """Move on by days, hours, minutes or seconds."""
        self.now += timedelta(**span)


class Gate(Hasher):
    """A hasher that tells when it is asked to verify, and waits to be let through."""

    def __init__(self, argon: ArgonPool) -> None:
        super().__init__(CHEAP, argon._threads)
        argon._hasher = self
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def verify(self, encoded: str | None, secret: bytes) -> bool:
        self.reached.set()
        await self.opened.wait()
        return await super().verify(encoded, secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What a test of secrets works with."""

    pool: "Pool[Record]"
    argon: ArgonPool
    clock: ManualClock

    @property
    def sign_in(self) -> SignIn:
        return SignIn(self.pool, self.argon, self.clock)

    async def person(self, number: str = "20190001", password: str = PASSWORD) -> Person:
        """Add a student with a password."""
        async with self.pool.acquire() as connection, connection.transaction():
            person = await student(connection, number)
            owner = Owner(OwnerKind.PERSON, person.id)
            passwords = {owner: password}
            await seed_passwords(connection, self.argon, passwords, at=self.clock())
        return person

    async def staff(self, name: str = "zhang.wei", *roles: Role) -> Staff:
        """Add a member of staff with a password."""
        async with self.pool.acquire() as connection, connection.transaction():
            staff = await create_staff(connection, name, roles, actor=SYSTEM, at=self.clock())
            passwords = {Owner(OwnerKind.STAFF, staff.id): PASSWORD}
            await seed_passwords(connection, self.argon, passwords, at=self.clock())
        return staff

    async def enter(
        self, number: str = "20190001", password: str = PASSWORD, client: Client = HOME
    ) -> SignedIn:
        """Sign a person in."""
        return await self.sign_in.sign_in(as_person(number, password), client)

    async def lets_in(self, password: str) -> bool:
        """Tell whether the door opens for a password of 20190001."""
        try:
            await self.enter(password=password)
        except WrongCredentials:
            return False
        return True

    async def knows(self, signed_in: SignedIn) -> bool:
        """Tell whether a session is live."""
        try:
            await self.principal(signed_in)
        except NotSignedIn:
            return False
        return True

    async def principal(self, signed_in: SignedIn) -> PersonPrincipal:
        """Return the person behind a session."""
        async with self.pool.acquire() as connection:
            found = await get_principal(connection, signed_in.token, at=self.clock())
        assert isinstance(found, PersonPrincipal)
        return found


def as_person(number: str = "20190001", password: str = PASSWORD) -> Credentials:
    return Credentials(kind=OwnerKind.PERSON, login=number, password=password)


def as_staff(name: str = "zhang.wei", password: str = PASSWORD) -> Credentials:
    return Credentials(kind=OwnerKind.STAFF, login=name, password=password)


async def student(connection: LedgerConnection, number: str = "20190001") -> Person:
    person = NewPerson(number=number, name="李雷", kind=PersonKind.STUDENT, college="数学学院")
    return await add_person(connection, person, actor=SYSTEM, at=START)


async def at_once(attempts: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    """Let all of them start from behind one barrier; return results and errors in order."""
    started = list(attempts)
    barrier = asyncio.Barrier(len(started))

    async def run(attempt: Awaitable[T]) -> T:
        await barrier.wait()
        return await attempt

    return await asyncio.gather(*map(run, started), return_exceptions=True)
