"""Who may speak as a terminal: the same proof for the link and for sessions over HTTP."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final
from uuid import UUID

from engine.devices import Device
from ledger.errors import CampusError
from terminals.errors import BadSignature
from terminals.identity import Purpose, challenge_text, verify
from terminals.messages import Hello

FindDevice = Callable[[UUID], Awaitable[Device | None]]
"""Finds a terminal that may speak: enrolled and not revoked."""


class Fault(StrEnum):
    """Why a terminal was not admitted. For the log alone; the terminal is not told."""

    NOT_ENROLLED = "not_enrolled"
    """Unknown, or revoked."""
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
    hello: Hello, *, find_device: FindDevice, purpose: Purpose, campus: str, nonce: bytes
) -> Device:
    """Return the terminal if `hello` proves, over this nonce, that it holds its key.

    Raises NotAdmitted after the same work for every fault, so that a stranger cannot find out
    which terminals exist.
    """
    device = await find_device(hello.terminal_id)
    public_key = None if device is None else device.public_key
    text = challenge_text(
        purpose,
        campus=campus,
        version=hello.version,
        nonce=nonce,
        terminal_id=hello.terminal_id,
    )
    fits = _fits(public_key or _NOBODY, text, hello.signature)
    if device is None or public_key is None:
        raise NotAdmitted(Fault.NOT_ENROLLED)
    if hello.nonce != nonce:
        raise NotAdmitted(Fault.WRONG_NONCE)
    if not fits:
        raise NotAdmitted(Fault.WRONG_SIGNATURE)
    return device


def _fits(public_key: bytes, text: bytes, signature: bytes) -> bool:
    try:
        verify(public_key, text=text, signature=signature)
    except BadSignature:
        return False
    return True
