"""What admits terminals over HTTP: challenges and session tokens, signed instead of stored.

So any process of the campus takes what another gave out. Both end with a MAC (BLAKE2b with a key,
RFC 7693, of 128 bits or more) over their content, for one purpose; times are milliseconds.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from engine.errors import NotSignedIn

CHALLENGE_LIFE: Final = timedelta(minutes=1)
SESSION_LIFE: Final = timedelta(minutes=15)

_CHALLENGE_MAC_BYTES: Final = 16
_SESSION_MAC_BYTES: Final = 18
"""Two more than needed: so base64 has no bits to spare, and one token one spelling."""
_TIME_BYTES: Final = 8
_RANDOM_BYTES: Final = 8
_ID_BYTES: Final = 16
_CHALLENGE: Final = b"challenge"
_SESSION: Final = b"session"


class Tokens:
    """Makes and reads challenges and session tokens."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new_challenge(self, at: datetime) -> bytes:
        """Return a nonce of 32 bytes, good for `CHALLENGE_LIFE`."""
        content = _milliseconds(at + CHALLENGE_LIFE) + secrets.token_bytes(_RANDOM_BYTES)
        return content + self._mac(content, _CHALLENGE, _CHALLENGE_MAC_BYTES)

    def is_challenge(self, nonce: bytes, *, at: datetime) -> bool:
        """Tell whether we gave a nonce out, not too long ago."""
        content, mac = nonce[:-_CHALLENGE_MAC_BYTES], nonce[-_CHALLENGE_MAC_BYTES:]
        right = self._mac(content, _CHALLENGE, _CHALLENGE_MAC_BYTES)
        if not hmac.compare_digest(mac, right):
            return False
        return content[:_TIME_BYTES] > _milliseconds(at)

    def new_session(self, terminal_id: UUID, *, expires_at: datetime) -> str:
        """Return the token by which a terminal is known until then."""
        content = terminal_id.bytes + _milliseconds(expires_at)
        packed = content + self._mac(content, _SESSION, _SESSION_MAC_BYTES)
        return urlsafe_b64encode(packed).decode("ascii")

    def read_session(self, token: bytes, *, at: datetime) -> UUID:
        """Return the terminal that a token was made for. Raises NotSignedIn."""
        try:
            packed = b64decode(token, altchars=b"-_", validate=True)
        except ValueError:
            raise NotSignedIn("not a token of ours") from None
        content, mac = packed[:-_SESSION_MAC_BYTES], packed[-_SESSION_MAC_BYTES:]
        right = self._mac(content, _SESSION, _SESSION_MAC_BYTES)
        if not hmac.compare_digest(mac, right):
            raise NotSignedIn("not a token of ours")
        if content[_ID_BYTES:] <= _milliseconds(at):
            raise NotSignedIn("the token has expired: answer a new challenge")
        return UUID(bytes=content[:_ID_BYTES])

    def _mac(self, content: bytes, purpose: bytes, size: int) -> bytes:
        """Return the MAC of a purpose; none is good for the other."""
        return hashlib.blake2b(content, key=self._key, person=purpose, digest_size=size).digest()


def _milliseconds(at: datetime) -> bytes:
    """Return a moment in so many bytes that texts of them are ordered like the moments."""
    return int(at.timestamp() * 1000).to_bytes(_TIME_BYTES)
