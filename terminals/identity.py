"""Who a terminal is: an Ed25519 key pair (RFC 8032) that never leaves the device.

The engine knows the public key. A proof is a signature over a text that names what it is for, the
campus, the protocol version, the engine's nonce and the terminal, so that it is good for nothing
else. `challenge_text`, `sign` and `verify` are the same on both sides, on the link and over HTTP.
"""

import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from terminals.errors import BadSignature, BrokenKey, KeyFileExposed


class Purpose(StrEnum):
    """What a proof opens. Part of the signed text: a proof for one does not open the other."""

    LINK = "campus-terminal-link-v1"
    SESSION = "campus-terminal-session-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A terminal as its campus enrolled it. `private_key` is the 32 bytes of RFC 8032."""

    terminal_id: UUID
    campus: str
    private_key: bytes

    def __repr__(self) -> str:
        """Leave the key out: this text may end in a log."""
        return f"Identity(terminal_id={self.terminal_id}, campus={self.campus!r})"


def new_private_key() -> bytes:
    """Return a fresh private key, 32 bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key_of(private_key: bytes) -> bytes:
    """Return the public key, 32 bytes, that belongs to a private key. Raises BrokenKey."""
    return _private(private_key).public_key().public_bytes_raw()


def challenge_text(
    purpose: Purpose, *, campus: str, version: int, nonce: bytes, terminal_id: UUID
) -> bytes:
    """Return the bytes that a proof signs.

    Purpose, NUL, campus in UTF-8, NUL, version in one byte, nonce (32 bytes), terminal id (16).
    Neither text has a NUL in it and the tail has a fixed length, so no two inputs share a text.
    """
    assert "\0" not in campus
    assert len(nonce) == 32  # noqa: PLR2004  the wire form has this length
    head = f"{purpose}\0{campus}\0".encode()
    return head + bytes([version]) + nonce + terminal_id.bytes


def sign(private_key: bytes, text: bytes) -> bytes:
    """Return the signature, 64 bytes, of a text. Raises BrokenKey."""
    return _private(private_key).sign(text)


def verify(public_key: bytes, *, text: bytes, signature: bytes) -> None:
    """Return if the signature is this key's over this text. Raises BadSignature, BrokenKey."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError as error:
        raise BrokenKey("not an Ed25519 public key") from error
    try:
        key.verify(signature, text)
    except InvalidSignature as error:
        raise BadSignature("the signature does not fit") from error


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    terminal_id: UUID
    campus: str
    private_key: bytes


def save(identity: Identity, path: Path) -> None:
    """Write the identity to a new file that only its owner may read, durably or not at all.

    Raises FileExistsError rather than replace a key that the campus may still know.
    """
    content = msgspec.json.encode(
        _KeyFile(
            terminal_id=identity.terminal_id,
            campus=identity.campus,
            private_key=identity.private_key,
        )
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_durably(draft, content)
        os.link(draft, path)  # unlike a rename, refuses when the path is taken
    finally:
        draft.unlink(missing_ok=True)
    _sync_directory(path.parent)


def load(path: Path) -> Identity:
    """Read what `save` wrote. Raises KeyFileExposed, BrokenKey, FileNotFoundError."""
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyFileExposed(f"others may read {path}; allow its owner only (chmod 600)")
        content = file.read()
    try:
        stored = msgspec.json.decode(content, type=_KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # No cause is chained: it could quote the key.
        raise BrokenKey(f"{path} is not a key file") from None
    _private(stored.private_key)
    return Identity(
        terminal_id=stored.terminal_id, campus=stored.campus, private_key=stored.private_key
    )


def _private(private_key: bytes) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(private_key)
    except ValueError as error:
        raise BrokenKey("not an Ed25519 private key") from error


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
