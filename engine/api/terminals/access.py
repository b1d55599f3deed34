"""Terminals at the HTTP door: they prove their key once and then show a token."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.requests import HTTPConnection

from engine.api import Bearer
from engine.api.access import Scheme
from engine.api.bodies import headers
from engine.api.link_admission import Fault, NotAdmitted, admit
from engine.devices import Device
from engine.errors import NotSignedIn
from engine.known_terminals import KnownTerminals
from engine.terminal_tokens import CHALLENGE_LIFE, SESSION_LIFE, Tokens
from ledger.errors import CampusError, LedgerUnavailable
from ledger.time import Clock
from terminals.identity import Purpose
from terminals.messages import VERSIONS, Challenge, Hello, Session, to_moment

_BEARER: Final = b"Bearer "


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal that was admitted."""

    device: Device

    @property
    def key(self) -> UUID:
        """Which one it is."""
        return self.device.id


class TerminalAccess:
    """Lets in whoever shows the token of a session."""

    schemes: tuple[Scheme, ...] = (
        Bearer(name="terminal", description="The token of a terminal's session."),
    )
    errors: tuple[type[CampusError], ...] = (NotSignedIn, LedgerUnavailable)

    def __init__(self, tokens: Tokens, known: KnownTerminals, *, clock: Clock) -> None:
        self._tokens = tokens
        self._known = known
        self._clock = clock

    async def authenticate(self, connection: HTTPConnection) -> Terminal:
        """Return the terminal. Raises NotSignedIn, also from its revocation on."""
        values = headers(connection.scope, b"authorization")
        if len(values) != 1 or not values[0].startswith(_BEARER):
            raise NotSignedIn("show the token of your session")
        terminal_id = self._tokens.read_session(values[0][len(_BEARER) :], at=self._clock())
        device = await self._known.find(terminal_id)
        if device is None:
            raise NotSignedIn("this terminal is not admitted any more")
        return Terminal(device)


class Admissions:
    """Challenges terminals and opens their sessions. A proof opens one session in one process."""

    def __init__(self, tokens: Tokens, known: KnownTerminals, *, campus: str, clock: Clock) -> None:
        self._tokens = tokens
        self._known = known
        self._campus = campus
        self._clock = clock
        self._answered: dict[bytes, float] = {}
        """Challenges that were answered rightly, and when they end by themselves; oldest first."""

    def challenge(self) -> Challenge:
        """Return a challenge that may be answered for some time."""
        at = self._clock()
        nonce = self._tokens.new_challenge(at)
        return Challenge(nonce=nonce, server_time=to_moment(at), versions=VERSIONS)

    async def admit(self, hello: Hello) -> Session:
        """Open a session. Raises NotAdmitted, LedgerUnavailable."""
        at = self._clock()
        if not self._tokens.is_challenge(hello.nonce, at=at):
            raise NotAdmitted(Fault.WRONG_NONCE)
        device = await admit(
            hello,
            find_device=self._known.read,
            purpose=Purpose.SESSION,
            campus=self._campus,
            nonce=hello.nonce,
        )
        self._use_up(hello.nonce, at.timestamp())
        expires_at = at + SESSION_LIFE
        token = self._tokens.new_session(device.id, expires_at=expires_at)
        return Session(token=token, expires_at=to_moment(expires_at))

    def _use_up(self, nonce: bytes, now: float) -> None:
        """Take a challenge out of use. Raises NotAdmitted when it was answered before."""
        while self._answered and (oldest := next(iter(self._answered.items())))[1] <= now:
            del self._answered[oldest[0]]
        if nonce in self._answered:
            raise NotAdmitted(Fault.WRONG_NONCE)
        self._answered[nonce] = now + CHALLENGE_LIFE.total_seconds()
