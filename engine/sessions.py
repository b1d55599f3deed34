"""Server-side sessions of people and staff: looked up at every use, so ended ones end at once.

The token is 32 random bytes; the database has its SHA-256 alone, so reading the database opens no
session (a fast hash is enough: there is nothing to guess in 256 random bits).
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from uuid import UUID

from engine.errors import NotSignedIn, SessionNotFound
from engine.permissions import Role
from engine.principals import Owner, OwnerKind, PersonPrincipal, Principal, StaffPrincipal
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.queries import load

_SQL = load("engine.sql", "sessions")
_TOKEN_BYTES: Final = 32
_TOUCH_AFTER: Final = timedelta(minutes=1)
_ADDRESS_MAX: Final = 100
_AGENT_MAX: Final = 200
_OPEN: Final = {
    OwnerKind.PERSON: "open_person_session",
    OwnerKind.STAFF: "open_staff_session",
}

KNOWN_FOR: Final = timedelta(days=90)
"""How long a session is kept after it was opened: by it, a returning client is known again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long a session lasts at most, and how long without being used."""

    absolute: timedelta
    idle: timedelta


# NIST SP 800-63B-3, 4.1.3 (AAL1: 30 days) and 4.2.3 (AAL2: 12 hours, or 30 minutes unused).
LIFETIMES: Final = {
    OwnerKind.PERSON: Lifetime(absolute=timedelta(days=30), idle=timedelta(days=7)),
    OwnerKind.STAFF: Lifetime(absolute=timedelta(hours=12), idle=timedelta(minutes=30)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Where a request comes from.

    `address` is the network address of the client: an IPv6 one counts as its /64 network, which is
    one household. `device` is a random value that the browser or app keeps after it first signed
    in, so that it is known again behind an address that a whole campus shares.
    """

    address: str
    device: bytes | None = field(default=None, repr=False)
    agent: str = ""

    @property
    def place(self) -> str:
        """The address, as far as it tells one client from another."""
        try:
            address = ip_address(self.address)
        except ValueError:
            return self.address.replace("\0", "")[:_ADDRESS_MAX]
        if isinstance(address, IPv6Address):
            whole = address.ipv4_mapped or ip_network((int(address), 64), strict=False)
            return str(whole)
        return str(address)

    @property
    def device_hash(self) -> bytes | None:
        """SHA-256 of `device`: all that is kept of it."""
        return None if self.device is None else hashlib.sha256(self.device).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A live session, as its owner sees it in a list."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session just opened. The token is its only key and exists nowhere else."""

    owner: Owner
    token: str = field(repr=False)


async def open_session(
    connection: LedgerConnection, owner: Owner, *, version: int, client: Client, at: datetime
) -> SignedIn | None:
    """Open a session for an owner whose password of this version was found right.

    Returns None when the owner is not active, or the password was changed meanwhile.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    opened = await connection.fetchval(
        _SQL.get(_OPEN[owner.kind]),
        owner.id,
        version,
        uuid7(at),
        _token_hash(token),
        at,
        at + LIFETIMES[owner.kind].absolute,
        LIFETIMES[owner.kind].idle,
        client.place,
        client.device_hash,
        client.agent.replace("\0", "")[:_AGENT_MAX],
    )
    return None if opened is None else SignedIn(owner, token)


async def get_principal(connection: LedgerConnection, token: str, *, at: datetime) -> Principal:
    """Return who is signed in by a token, with the name and roles of this moment.

    Notes the use, to the minute: an idle session may end up to a minute early. Raises NotSignedIn.
    """
    row = await connection.fetchrow(_SQL.get("find_session"), _token_hash(token), at)
    if row is None:
        raise NotSignedIn("not signed in, or no longer")
    if at - row["last_seen_at"] >= _TOUCH_AFTER:
        await connection.execute(_SQL.get("touch_session"), row["id"], at)
    if row["person_id"] is not None:
        return PersonPrincipal(
            session_id=row["id"],
            person_id=row["person_id"],
            number=row["number"],
            name=row["name"],
        )
    return StaffPrincipal(
        session_id=row["id"],
        staff_id=row["staff_id"],
        name=row["name"],
        roles=frozenset(map(Role, row["roles"])),
    )


async def list_sessions(
    connection: LedgerConnection, principal: Principal, *, at: datetime
) -> list[Session]:
    """Return one's own live sessions, the latest seen first."""
    rows = await connection.fetch(_SQL.get("list_sessions"), principal.owner.id, at)
    return [
        Session(
            id=row["id"],
            created_at=row["created_at"],
            last_seen_at=row["last_seen_at"],
            address=row["address"],
            agent=row["agent"],
        )
        for row in rows
    ]


async def end_session(
    connection: LedgerConnection, principal: Principal, session_id: UUID, *, at: datetime
) -> None:
    """End one of one's own sessions, such as the present one. Raises SessionNotFound."""
    ended = await connection.fetchval(_SQL.get("end_session"), session_id, principal.owner.id, at)
    if ended is None:
        raise SessionNotFound("none of your sessions")


async def end_sessions(
    connection: LedgerConnection, owner_id: UUID, *, at: datetime, but: UUID | None = None
) -> None:
    """End all sessions of a person or a member of staff, but for the session `but`."""
    await connection.execute(_SQL.get("end_sessions"), owner_id, at, but)


async def forget_sessions(connection: LedgerConnection, *, at: datetime) -> None:
    """Delete the sessions that are over and were opened so long ago that they prove nothing."""
    await connection.execute(_SQL.get("forget_sessions"), at - KNOWN_FOR, at)


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
