"""Enrolment of terminals (终端注册): by a one-time code a terminal hands in its public key.

A code is 16 digits, because digits are the keys that a till has. Wrong ones are followed by growing
pauses, counted by address; what can be tried in a code's life from very many addresses is still
nothing against ten thousand million million.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from asyncpg import UniqueViolationError

from engine.actions import CampusAction
from engine.audit_trail import Actor, ActorKind
from engine.campus_errors import DeviceNotFound, EnrolmentPaused, InvalidEnrolment
from engine.devices import TRANSITIONS, Device, DeviceEvent, get_device, record_device
from engine.errors import IllegalTransition
from engine.tries import clear, pauses, reserve, try_key
from ledger.book import LedgerConnection
from ledger.queries import load
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "enrolments")
_DIGITS: Final = 16
_GROUP: Final = 4
_KEY_BYTES: Final = 32  # RFC 8032, section 5.1.5

CODE_LIFE: Final = timedelta(days=1)
CODE_PAUSES: Final = pauses(0, 0, 0, 0, 10, 60, 300, forget_after=timedelta(hours=1))


async def issue_code(
    connection: LedgerConnection, device_id: UUID, *, actor: Actor, at: datetime
) -> str:
    """Make the code with which a terminal that awaits it is enrolled; an earlier one is void.

    It exists nowhere else: show it once, as `1234 5678 9012 3456`. Expires after `CODE_LIFE`.
    Raises DeviceNotFound, IllegalTransition.
    """
    code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
    state = await connection.fetchval(_SQL.get("lock_device"), device_id)
    if state is None:
        raise DeviceNotFound("there is no such terminal")
    if (state, DeviceEvent.ENROL) not in TRANSITIONS:
        raise IllegalTransition(state, DeviceEvent.ENROL)
    await connection.execute(_SQL.get("put_code"), device_id, _code_hash(code), at + CODE_LIFE)
    device = await get_device(connection, device_id)
    await record_device(connection, CampusAction.DEVICE_CODE_ISSUED, device, actor=actor, at=at)
    return " ".join(code[start : start + _GROUP] for start in range(0, _DIGITS, _GROUP))


class Enrolments:
    """Takes the keys of terminals in."""

    def __init__(self, pool: "Pool[Record]", *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def enrol(self, code: str, *, public_key: bytes, address: str) -> Device:
        """Give the terminal that a code was made for its key, Ed25519, and return it.

        The same again, while the code lasts, returns it again: a terminal may not have heard the
        first answer. `address` is where the request came from. Raises InvalidEnrolment,
        EnrolmentPaused.
        """
        at = self._clock()
        key = try_key("enrolment", address)
        async with self._pool.acquire() as connection:
            tried = await reserve(connection, key, pauses=CODE_PAUSES, at=at)
            if tried.failures is None:
                raise EnrolmentPaused(tried.pause_s(at))
            if len(public_key) != _KEY_BYTES:
                raise InvalidEnrolment("not an Ed25519 public key")
            async with connection.transaction():
                device = await _enrol(connection, code, public_key, at=at)
                await clear(connection, [key])
            return device


async def _enrol(
    connection: LedgerConnection, code: str, public_key: bytes, *, at: datetime
) -> Device:
    row = await connection.fetchrow(_SQL.get("lock_by_code"), _code_hash(code), at)
    if row is None or row["public_key"] not in (None, public_key):
        raise InvalidEnrolment("the code is wrong, used or expired")
    device_id = row["id"]
    if row["public_key"] == public_key:
        return await get_device(connection, device_id)
    try:
        await connection.execute(_SQL.get("put_key"), device_id, public_key, at)
    except UniqueViolationError as error:
        raise InvalidEnrolment("another terminal has this key") from error
    device = await get_device(connection, device_id)
    terminal = Actor(kind=ActorKind.SYSTEM, id=None, name="terminal")
    await record_device(connection, CampusAction.DEVICE_ENROLLED, device, actor=terminal, at=at)
    return device


def _code_hash(code: str) -> bytes:
    digits = "".join(code.split())
    return hashlib.sha256(digits.encode(errors="surrogatepass")).digest()
