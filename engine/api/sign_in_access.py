"""Who calls: people and staff by the token of their session, and those about to sign in."""

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.requests import HTTPConnection

from engine.api import Bearer
from engine.api.access import Scheme
from engine.api.bodies import headers
from engine.errors import NotSignedIn
from engine.principals import PersonPrincipal, Principal, StaffPrincipal
from engine.sessions import Client, get_principal
from ledger.errors import CampusError
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_BEARER: Final = b"Bearer "
_DEVICE_MAX: Final = 128
_DEVICE_BYTES: Final = 16


class SignedInAccess:
    """Lets in whoever has a live session."""

    schemes: tuple[Scheme, ...] = (
        Bearer(name="session", description="The token of a person's or staff's session."),
    )
    errors: tuple[type[CampusError], ...] = (NotSignedIn,)

    def __init__(self, pool: "Pool[Record]", *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def authenticate(self, connection: HTTPConnection) -> Principal:
        """Return who is signed in. Raises NotSignedIn."""
        values = headers(connection.scope, b"authorization")
        if len(values) != 1 or not values[0].startswith(_BEARER):
            raise NotSignedIn("show the token of your session")
        token = values[0][len(_BEARER) :].decode("latin-1")
        async with self._pool.acquire() as opened:
            return await get_principal(opened, token, at=self._clock())


class PersonAccess(SignedInAccess):
    """Lets in people, and no staff."""

    schemes = (Bearer(name="person", description="The token of a person's session."),)

    async def authenticate(self, connection: HTTPConnection) -> PersonPrincipal:
        """Return the person. Raises NotSignedIn."""
        principal = await super().authenticate(connection)
        if not isinstance(principal, PersonPrincipal):
            raise NotSignedIn("sign in as a person")
        return principal


class StaffAccess(SignedInAccess):
    """Lets in members of staff, whatever their roles; what they may do is asked by each handler."""

    schemes = (Bearer(name="staff", description="The token of a member of staff's session."),)

    async def authenticate(self, connection: HTTPConnection) -> StaffPrincipal:
        """Return the member of staff. Raises NotSignedIn."""
        principal = await super().authenticate(connection)
        if not isinstance(principal, StaffPrincipal):
            raise NotSignedIn("sign in as a member of staff")
        return principal


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who is about to sign in."""

    client: Client

    @property
    def key(self) -> str:
        """The network address, as far as it tells one household from another."""
        return self.client.place


class NewcomerAccess:
    """Lets everybody in, and notes by which device they come.

    `X-Device` is what an earlier sign-in answered as `device`; who has none is given one.
    """

    schemes: tuple[Scheme, ...] = ()
    errors: tuple[type[CampusError], ...] = ()

    async def authenticate(self, connection: HTTPConnection) -> Newcomer:
        """Return the newcomer."""
        shown = b"".join(headers(connection.scope, b"x-device"))
        device = shown if 0 < len(shown) <= _DEVICE_MAX else _new_device()
        agent = b" ".join(headers(connection.scope, b"user-agent")).decode("latin-1")
        address = connection.client.host if connection.client else ""
        return Newcomer(Client(address=address, device=device, agent=agent))


def _new_device() -> bytes:
    return secrets.token_urlsafe(_DEVICE_BYTES).encode("ascii")
