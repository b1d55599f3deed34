"""Who may call: the frame's side of signing in."""

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Protocol, TypeVar

from starlette.requests import HTTPConnection

from ledger.errors import CampusError


class Principal(Protocol):
    """Somebody we know well enough to answer."""

    @property
    def key(self) -> Hashable:
        """What tells this caller from all others; rate limits count by it. Never logged."""
        ...


P_co = TypeVar("P_co", bound=Principal, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Credentials in the header `Authorization: Bearer …` (RFC 6750)."""

    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """Credentials in a cookie."""

    name: str
    description: str
    cookie: str


Scheme = Bearer | Cookie


class Access(Protocol[P_co]):
    """Finds out who calls, and whether such a caller may."""

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """The ways to show who one is, each enough by itself; none when anybody may call."""
        ...

    @property
    def errors(self) -> tuple[type[CampusError], ...]:
        """What `authenticate` may raise."""
        ...

    async def authenticate(self, connection: HTTPConnection) -> P_co:
        """Return who calls. Raises NotSignedIn or NotAllowed (`engine.errors`).

        Whoever believes a cookie must refuse what another site makes a browser send: an
        operation without a body has no media type to be told by.
        """
        ...


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody of whom we know the address alone."""

    address: str

    @property
    def key(self) -> str:
        """The address, or the network of 2^64 addresses that one IPv6 line has (RFC 6177)."""
        try:
            address = IPv6Address(self.address.partition("%")[0])
        except ValueError:
            return self.address
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Address(int(address) >> 64 << 64))


class Anybody:
    """Lets everybody in, as a Visitor.

    The address is that of the socket. Behind a proxy the server must be told whom to trust
    (uvicorn's `forwarded_allow_ips`) and then puts the caller's own address in its place.
    """

    schemes: tuple[Scheme, ...] = ()
    errors: tuple[type[CampusError], ...] = ()

    async def authenticate(self, connection: HTTPConnection) -> Visitor:
        """Return the visitor."""
        client = connection.client
        return Visitor(client.host if client else "")
