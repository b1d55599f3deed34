"""The transaction PIN: six digits, asked for at terminals and for acts of weight in a session.

Six digits are guessed from a stolen table whatever the hash, so what Argon2id hashes is an HMAC of
the PIN under a key of the server, bound to the person. At the door, wrong tries are followed by
growing pauses, counted apart for terminals and for the person's own sessions: whoever finds a card
can pause it at terminals, but not keep its owner from using or changing the PIN.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.argon import ArgonPool, Hasher
from engine.audit_trail import Action, AuditEvent, record
from engine.errors import InvalidCode, PinAlreadySet, PinNotSet, PinPaused, PinWrong, WeakPin
from engine.one_time_codes import Purpose, is_code, use_code
from engine.principals import PersonPrincipal
from engine.tries import Try, clear, pauses, try_key
from ledger.book import LedgerConnection
from ledger.queries import load
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "pins")
_PIN: Final = re.compile(r"[0-9]{6}", re.ASCII)
_KEY_BYTES_MIN: Final = 32  # RFC 2104, section 3: not shorter than the hash
_PURPOSE: Final = b"campus transaction pin\0"

PIN_PAUSES: Final = pauses(0, 0, 0, 30, 60, 300, 900, 3600, forget_after=timedelta(days=1))
"""Three typos are free; a program gets 24 of a million guesses a day."""


class Channel(StrEnum):
    """Where a PIN is entered. Each has its own count of wrong tries."""

    TERMINAL = "terminal"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class PinKeys:
    """The server's keys by their id. New PINs are hashed under `current`; old ids still verify."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise ValueError("the current PIN key is not among the keys")
        if any(len(key) < _KEY_BYTES_MIN for key in self.keys.values()):
            raise ValueError(f"a PIN key has at least {_KEY_BYTES_MIN} bytes")

    def blind(self, key_id: str, person_id: UUID, pin: str) -> bytes:
        """Return what is hashed of a PIN: worthless without the key, and for any other person."""
        if key_id not in self.keys:
            raise RuntimeError(f"the PIN key {key_id!r} is not configured")
        message = _PURPOSE + person_id.bytes + pin.encode(errors="surrogatepass")
        return hmac.digest(self.keys[key_id], message, hashlib.sha256)


def check_pin(pin: str, *, number: str) -> None:
    """Refuse a new PIN that is not six digits or that a stranger would try first.

    Those are one digit six times, six digits in a row up or down, and the last six digits of one's
    own number. Raises WeakPin.
    """
    if not _PIN.fullmatch(pin):
        raise WeakPin("a PIN is six digits")
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if steps in ({0}, {1}, {9}):
        raise WeakPin("not the same digit six times, nor digits in a row")
    if "".join(filter(str.isdigit, number)).endswith(pin):
        raise WeakPin("not the end of your own number")


class Pins:
    """Transaction PINs. No transaction is open while one is hashed."""

    def __init__(
        self, pool: "Pool[Record]", argon: ArgonPool, *, keys: PinKeys, clock: Clock
    ) -> None:
        self._pool = pool
        self._argon = argon
        self._keys = keys
        self._clock = clock

    async def verify(self, person_id: UUID, pin: str, *, channel: Channel) -> None:
        """Return if the PIN is right. One round trip before the hash, one after it.

        Commits on its own, so that each try counts whatever becomes of the caller: not to be called
        with a transaction open. Raises PinNotSet, PinWrong, PinPaused (neither looked at nor
        counted), TooBusy (the same).
        """
        with self._argon.turn() as hasher:
            on_record = await self._verify(hasher, person_id, pin, channel)
            if on_record["key_id"] != self._keys.current or hasher.is_outdated(on_record["hash"]):
                hashed = await self._hash(hasher, person_id, pin)
                await self._pool.execute(
                    _SQL.get("upgrade_hash"),
                    person_id,
                    on_record["version"],
                    hashed,
                    self._keys.current,
                )

    async def set_first(self, principal: PersonPrincipal, pin: str) -> None:
        """Set the PIN of a person who has none. Raises WeakPin, PinAlreadySet, TooBusy."""
        check_pin(pin, number=principal.number)
        person_id = principal.person_id
        with self._argon.turn() as hasher:
            hashed = await self._hash(hasher, person_id, pin)
        at = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(
                _SQL.get("set_first"), person_id, hashed, self._keys.current, at
            ):
                raise PinAlreadySet("a PIN is set: change it with the old one")
            await _record(connection, Action.PIN_SET, principal, at=at)

    async def change(self, principal: PersonPrincipal, *, old: str, new: str) -> None:
        """Change one's own PIN. Raises WeakPin, and what `verify` raises."""
        check_pin(new, number=principal.number)
        person_id = principal.person_id
        with self._argon.turn() as hasher:
            on_record = await self._verify(hasher, person_id, old, Channel.SESSION)
            hashed = await self._hash(hasher, person_id, new)
        at = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(
                _SQL.get("change_pin"),
                person_id,
                on_record["version"],
                hashed,
                self._keys.current,
                at,
            ):  # changed meanwhile: what was right is now wrong
                raise PinWrong(tries_left=PIN_PAUSES.free, retry_after_s=0)
            await _record(connection, Action.PIN_CHANGED, principal, at=at)

    async def set_with_code(self, principal: PersonPrincipal, code: str, pin: str) -> None:
        """Set a new PIN with a one-time code and end all its pauses.

        Raises WeakPin, InvalidCode, TooBusy; but for the second, the code stays good.
        """
        check_pin(pin, number=principal.number)
        person_id = principal.person_id
        async with self._pool.acquire() as connection:
            if not await is_code(
                connection, person_id, Purpose.SET_PIN, code=code, at=self._clock()
            ):
                raise InvalidCode("the code is wrong, used or expired")
        with self._argon.turn() as hasher:
            hashed = await self._hash(hasher, person_id, pin)
        at = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            if not await use_code(connection, person_id, Purpose.SET_PIN, code=code, at=at):
                raise InvalidCode("the code is wrong, used or expired")
            await self._put(connection, {person_id: hashed}, at=at)
            await clear(connection, [_key(person_id, channel) for channel in Channel])
            await _record(connection, Action.PIN_SET, principal, at=at)

    async def seed(self, pins: Mapping[UUID, str]) -> None:
        """Give made-up people known PINs, each with a hash and salt of its own."""
        with self._argon.turn() as hasher:
            hashes = {
                person_id: await self._hash(hasher, person_id, pin)
                for person_id, pin in pins.items()
            }
        async with self._pool.acquire() as connection:
            await self._put(connection, hashes, at=self._clock())

    async def _verify(
        self, hasher: Hasher, person_id: UUID, pin: str, channel: Channel
    ) -> "Record":
        """Return the PIN on record, which is this one."""
        at = self._clock()
        key = _key(person_id, channel)
        row = await self._pool.fetchrow(
            _SQL.get("reserve_try"), person_id, key, at, PIN_PAUSES.after, PIN_PAUSES.forget_after
        )
        if row is None:
            raise PinNotSet("no PIN is set")
        tried = Try(failures=row["failures"], paused_until=row["paused_until"])
        if tried.failures is None:
            raise PinPaused(tried.pause_s(at))
        if not await hasher.verify(row["hash"], self._keys.blind(row["key_id"], person_id, pin)):
            raise PinWrong(
                tries_left=max(0, PIN_PAUSES.free - tried.failures),
                retry_after_s=tried.pause_s(at),
            )
        async with self._pool.acquire() as connection:
            await clear(connection, [key])
        return row

    async def _hash(self, hasher: Hasher, person_id: UUID, pin: str) -> str:
        return await hasher.hash(self._keys.blind(self._keys.current, person_id, pin))

    async def _put(
        self, connection: LedgerConnection, hashes: Mapping[UUID, str], *, at: datetime
    ) -> None:
        await connection.execute(
            _SQL.get("put_pins"), list(hashes), list(hashes.values()), self._keys.current, at
        )


def _key(person_id: UUID, channel: Channel) -> bytes:
    return try_key("pin", channel, str(person_id))


async def _record(
    connection: LedgerConnection, action: Action, principal: PersonPrincipal, *, at: datetime
) -> None:
    event = AuditEvent(at=at, actor=principal.actor, action=action, subject=principal.owner.subject)
    await record(connection, event)
