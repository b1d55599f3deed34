"""Passwords: first set by their owner with a one-time code, later changed with the old one."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, assert_never

from engine.argon import ArgonPool
from engine.audit_trail import Action, Actor, AuditEvent, record
from engine.errors import (
    AccountNotActive,
    InvalidCode,
    SignInPaused,
    WeakPassword,
    WrongCredentials,
)
from engine.one_time_codes import Purpose, is_code, use_code
from engine.people import Person, find_person
from engine.principals import Owner, OwnerKind, Principal
from engine.sessions import Client, SignedIn, end_sessions, open_session
from engine.staff import Staff, find_staff
from engine.tries import clear, pauses, reserve, try_key
from ledger.book import LedgerConnection
from ledger.queries import load
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "passwords")

_LENGTH_MIN: Final = 8  # NIST SP 800-63B-3, 5.1.1.2
_LENGTH_MAX: Final = 128
_DISTINCT_MIN: Final = 4

PASSWORD_PAUSES: Final = pauses(0, 0, 0, 5, 15, 60, 300, 900, forget_after=timedelta(hours=2))
"""After wrong tries in one place: five typos cost 20 seconds, a program gets four tries an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What was typed: the number of a person or the name of a member of staff, and a password."""

    kind: OwnerKind
    login: str
    password: str = field(repr=False)


def password_bytes(password: str) -> bytes:
    """Return what is hashed of a password: the same from every keyboard (RFC 8265, 4.2.2)."""
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")


def check_password(password: str, *, login: str) -> None:
    """Refuse a new password that is too short, too long, too uniform or made of the login.

    Raises WeakPassword.
    """
    if len(password) < _LENGTH_MIN:
        raise WeakPassword(f"at least {_LENGTH_MIN} characters")
    if len(password) > _LENGTH_MAX:
        raise WeakPassword(f"at most {_LENGTH_MAX} characters")
    if len(set(password)) < _DISTINCT_MIN:
        raise WeakPassword(f"at least {_DISTINCT_MIN} different characters")
    if login.casefold() in password.casefold():
        raise WeakPassword("not with your own number or name in it")


class Passwords:
    """How owners set their passwords. No transaction is open while one is hashed."""

    def __init__(self, pool: "Pool[Record]", argon: ArgonPool, clock: Clock) -> None:
        self._pool = pool
        self._argon = argon
        self._clock = clock

    async def set_with_code(self, code: str, chosen: Credentials, client: Client) -> SignedIn:
        """Give the holder of a one-time code the password chosen, and a session in place of all.

        Raises InvalidCode, WeakPassword, AccountNotActive, TooBusy; but for the first, the code
        stays good.
        """
        check_password(chosen.password, login=chosen.login)
        async with self._pool.acquire() as connection:
            owner, name = await _find_owner(connection, chosen)
            if not await is_code(
                connection, owner.id, Purpose.SET_PASSWORD, code=code, at=self._clock()
            ):
                raise _invalid_code()
        with self._argon.turn() as hasher:
            hashed = await hasher.hash(password_bytes(chosen.password))
        at = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            if not await use_code(connection, owner.id, Purpose.SET_PASSWORD, code=code, at=at):
                raise _invalid_code()
            version = (await _put(connection, {owner: hashed}, at=at))[0]
            await end_sessions(connection, owner.id, at=at)
            signed_in = await open_session(connection, owner, version=version, client=client, at=at)
            if signed_in is None:
                raise AccountNotActive("this account is not active")
            await _record(connection, Action.PASSWORD_SET, owner, by=owner.as_actor(name), at=at)
        return signed_in

    async def change(self, principal: Principal, *, old: str, new: str) -> None:
        """Change one's own password and end one's other sessions; the present one stays.

        Raises WeakPassword, WrongCredentials, SignInPaused, TooBusy.
        """
        check_password(new, login=principal.login)
        owner, key = principal.owner, try_key("password change", str(principal.owner.id))
        with self._argon.turn() as hasher:
            present = await self._admit(owner, key)
            if not await hasher.verify(present["hash"], password_bytes(old)):
                raise WrongCredentials("the old password is wrong")
            hashed = await hasher.hash(password_bytes(new))
        at = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            changed = await connection.fetchval(
                _SQL.get("change_password"), owner.id, present["version"], hashed, at
            )
            if changed is None:
                raise WrongCredentials("the old password was changed meanwhile")
            await end_sessions(connection, owner.id, at=at, but=principal.session_id)
            await clear(connection, [key])
            await _record(connection, Action.PASSWORD_CHANGED, owner, by=principal.actor, at=at)

    async def _admit(self, owner: Owner, key: bytes) -> "Record":
        """Count a try at the old password and return what is on record."""
        at = self._clock()
        async with self._pool.acquire() as connection:
            tried = await reserve(connection, key, pauses=PASSWORD_PAUSES, at=at)
            if tried.failures is None:
                raise SignInPaused(tried.pause_s(at))
            present = await connection.fetchrow(_SQL.get("find_password"), owner.id)
        assert present is not None, "whoever is signed in has a password"
        return present


async def seed_passwords(
    connection: LedgerConnection, argon: ArgonPool, passwords: Mapping[Owner, str], *, at: datetime
) -> None:
    """Give made-up people known passwords, each with a hash and salt of its own.

    For demonstrations: use a pool with the `DEMO` parameters. The first sign-in makes the hash anew
    under the parameters of the door.
    """
    with argon.turn() as hasher:
        hashes = {
            owner: await hasher.hash(password_bytes(password))
            for owner, password in passwords.items()
        }
    await _put(connection, hashes, at=at)


async def _find_owner(connection: LedgerConnection, chosen: Credentials) -> tuple[Owner, str]:
    """Return the owner of a login, and the name."""
    found: Person | Staff | None
    match chosen.kind:
        case OwnerKind.PERSON:
            found = await find_person(connection, chosen.login)
        case OwnerKind.STAFF:
            found = await find_staff(connection, chosen.login)
        case _:
            assert_never(chosen.kind)
    if found is None:
        raise _invalid_code()
    return Owner(chosen.kind, found.id), found.name


async def _put(
    connection: LedgerConnection, hashes: Mapping[Owner, str], *, at: datetime
) -> list[int]:
    rows = await connection.fetch(
        _SQL.get("put_passwords"),
        [owner.person_id for owner in hashes],
        [owner.staff_id for owner in hashes],
        list(hashes.values()),
        at,
    )
    return [row["version"] for row in rows]


async def _record(
    connection: LedgerConnection, action: Action, owner: Owner, *, by: Actor, at: datetime
) -> None:
    event = AuditEvent(at=at, actor=by, action=action, subject=owner.subject)
    await record(connection, event)


def _invalid_code() -> InvalidCode:
    return InvalidCode("the code is wrong, used or expired")
