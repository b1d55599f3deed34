"""Signing in with a password.

Wrong tries are followed by growing pauses (docs/adr/0004). They are counted for the pair of account
and client, so that nobody can lock others out; and for the account as well, over all clients that
it does not know, so that many addresses together get no more guesses than a few. A client that
signed in before is outside of that second count.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from engine.argon import ArgonPool
from engine.audit_trail import Action, AuditEvent, record
from engine.errors import AccountNotActive, SignInPaused, WrongCredentials
from engine.passwords import PASSWORD_PAUSES, Credentials, password_bytes
from engine.principals import Owner, OwnerKind
from engine.sessions import KNOWN_FOR, Client, SignedIn, open_session
from engine.tries import Pauses, clear, pauses, reserve, try_key
from ledger.book import LedgerConnection
from ledger.queries import load
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "sign_in")
_LOG = structlog.get_logger()
_FIND: Final = {OwnerKind.PERSON: "find_person", OwnerKind.STAFF: "find_staff"}
_LOGIN: Final = re.compile(r"[0-9A-Za-z._-]{1,40}", re.ASCII)

ACCOUNT_PAUSES: Final = pauses(*[0] * 10, 60, 300, 900, 1800, forget_after=timedelta(hours=2))
"""For one account from all clients together that it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """Somebody who has a password, and what is known of the client that claims to be them."""

    owner: Owner
    is_active: bool
    hash: str = field(repr=False)
    version: int
    knows_address: bool
    knows_device: bool


class SignIn:
    """The door for people and staff. No transaction is open while a password is hashed."""

    def __init__(self, pool: "Pool[Record]", argon: ArgonPool, clock: Clock) -> None:
        self._pool = pool
        self._argon = argon
        self._clock = clock

    async def sign_in(self, credentials: Credentials, client: Client) -> SignedIn:
        """Open a session for whoever knows the password.

        An unknown login costs the work that a wrong password costs. Raises WrongCredentials,
        AccountNotActive, SignInPaused, TooBusy.
        """
        secret = password_bytes(credentials.password)
        with self._argon.turn() as hasher:
            account, keys = await self._admit(credentials, client)
            is_right = await hasher.verify(None if account is None else account.hash, secret)
            if account is None or not is_right:
                _LOG.info("sign-in refused", kind=credentials.kind.value)
                raise WrongCredentials("the name or the password is wrong")
            if not account.is_active:
                raise AccountNotActive("this account is not active")
            if hasher.is_outdated(account.hash):
                await self._upgrade(account, await hasher.hash(secret))
        return await self._open(account, keys, credentials.login, client)

    async def _admit(
        self, credentials: Credentials, client: Client
    ) -> tuple[_Account | None, Sequence[bytes]]:
        """Count this try wherever it counts, or refuse it and count it nowhere."""
        at = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            account = await _find_account(connection, credentials, client, at=at)
            counts = _counts(credentials, client, account)
            for key, its_pauses in counts.items():
                tried = await reserve(connection, key, pauses=its_pauses, at=at)
                if tried.failures is None:
                    raise SignInPaused(tried.pause_s(at))
        return account, list(counts)

    async def _upgrade(self, account: _Account, hashed: str) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute(
                _SQL.get("upgrade_hash"), account.owner.id, account.version, hashed
            )

    async def _open(
        self, account: _Account, keys: Sequence[bytes], login: str, client: Client
    ) -> SignedIn:
        at = self._clock()
        owner = account.owner
        async with self._pool.acquire() as connection, connection.transaction():
            signed_in = await open_session(
                connection, owner, version=account.version, client=client, at=at
            )
            if signed_in is None:
                raise WrongCredentials("the password was changed meanwhile")
            await clear(connection, keys)
            if owner.kind is OwnerKind.STAFF:
                event = AuditEvent(
                    at=at,
                    actor=owner.as_actor(login),
                    action=Action.STAFF_SIGNED_IN,
                    subject=owner.subject,
                )
                await record(connection, event)
        _LOG.info("signed in", kind=owner.kind.value, owner_id=str(owner.id))
        return signed_in


async def _find_account(
    connection: LedgerConnection, credentials: Credentials, client: Client, *, at: datetime
) -> _Account | None:
    if not _LOGIN.fullmatch(credentials.login):
        return None
    row = await connection.fetchrow(
        _SQL.get(_FIND[credentials.kind]),
        credentials.login,
        client.place,
        client.device_hash,
        at - KNOWN_FOR,
    )
    if row is None:
        return None
    return _Account(
        owner=Owner(credentials.kind, row["id"]),
        is_active=row["is_active"],
        hash=row["hash"],
        version=row["version"],
        knows_address=row["knows_address"],
        knows_device=row["knows_device"],
    )


def _counts(
    credentials: Credentials, client: Client, account: _Account | None
) -> Mapping[bytes, Pauses]:
    """Return where a try counts. What many clients share comes last, so waiting makes no ring."""
    who = ("sign-in", credentials.kind, credentials.login)
    if account is not None and account.knows_device and client.device_hash is not None:
        return {try_key(*who, "device", client.device_hash.hex()): PASSWORD_PAUSES}
    pair = {try_key(*who, "address", client.place): PASSWORD_PAUSES}
    if account is not None and account.knows_address:
        return pair
    return pair | {try_key(*who, "strangers"): ACCOUNT_PAUSES}
