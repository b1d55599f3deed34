"""Who may speak as a terminal: the same proof for the link and for sessions over HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from ledger.errors import CampusError
from terminals.errors import BadSignature
from terminals.identity import Purpose, challenge_text, verify
from terminals.messages import Hello


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalKey:
    """What the campus knows of a terminal that may speak: its public key and where it stands."""

    terminal_id: UUID
    public_key: bytes
    merchant_id: UUID


FindKey = Callable[[UUID], Awaitable[TerminalKey | None]]
"""Finds the key of a terminal that is enrolled and not revoked; otherwise None."""


class Fault(StrEnum):
    """Why a terminal was not admitted. For the log alone; the terminal is not told."""

    NO_VALID_KEY = "no_valid_key"
    """Unknown or revoked."""
    WRONG_NONCE = "wrong_nonce"
    """The proof is for another challenge: recorded, perhaps."""
    WRONG_SIGNATURE = "wrong_signature"


class NotAdmitted(CampusError):
    """The proof does not open the door. `fault` must not leave the engine."""

    code = "not_admitted"

    def __init__(self, fault: Fault) -> None:
        super().__init__("this terminal is not admitted")
        self.fault = fault


_NOBODY: Final = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""RFC 8032, section 7.1, test 1: a key to check against where there is none."""


async def admit(
    hello: Hello, *, find_key: FindKey, purpose: Purpose, campus: str, nonce: bytes
) -> TerminalKey:
    """Return the terminal's key if `hello` proves, over this nonce, that the terminal holds it.

    Raises NotAdmitted after the same work for every fault, so that a stranger cannot find out
    which terminals exist.
    """
    key = await find_key(hello.terminal_id)
    text = challenge_text(
        purpose,
        campus=campus,
        version=hello.version,
        nonce=nonce,
        terminal_id=hello.terminal_id,
    )
    fits = _fits(_NOBODY if key is None else key.public_key, text, hello.signature)
    if key is None:
        raise NotAdmitted(Fault.NO_VALID_KEY)
    if hello.nonce != nonce:
        raise NotAdmitted(Fault.WRONG_NONCE)
    if not fits:
        raise NotAdmitted(Fault.WRONG_SIGNATURE)
    return key


def _fits(public_key: bytes, text: bytes, signature: bytes) -> bool:
    try:
        verify(public_key, text=text, signature=signature)
    except BadSignature:
        return False
    return True
