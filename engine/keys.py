"""The key files of a campus: made at its first start, readable by the engine's user alone.

    keys/CAMPUS/heads-N.pem    sign the heads of the ledger (Ed25519, PKCS #8 in PEM)
    keys/CAMPUS/pin-N.key      go into the hash of every transaction PIN (32 bytes in hexadecimal)

The highest N of a kind is current; older ones still verify what was made with them. They belong
into the backup, apart from the database: without the heads' keys nobody can tell our heads from
forged ones, without the PIN keys everybody has to set a new PIN.
"""

import hmac
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.pins import PinKeys
from ledger.errors import CampusError
from ledger.proof.errors import BadKeyFile
from ledger.proof.heads import Trust
from ledger.proof.signing_key import create_key_file, load_key_file

_PIN_KEY_BYTES: Final = 32  # RFC 2104, section 3: as long as the hash
_HEADS: Final = re.compile(r"heads-([1-9][0-9]{0,5})\.pem")
_PIN: Final = re.compile(r"pin-([1-9][0-9]{0,5})\.key")
_OTHERS: Final = 0o077
_SESSIONS: Final = b"campus terminal sessions\0"


class BadKeys(CampusError):
    """Keys that are missing, readable by others or no keys; says which file, never its content."""

    code = "bad_keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys that one campus runs with."""

    signing: Ed25519PrivateKey = field(repr=False)
    """Signs heads from now on."""
    trusted: tuple[bytes, ...]
    """The public keys, old and new, whose heads count."""
    pins: PinKeys

    @property
    def terminal_sessions(self) -> bytes:
        """What signs the sessions of terminals over HTTP: the same in all processes.

        Derived, because it is needed for minutes only: with a new PIN key they sign in again.
        """
        return hmac.digest(self.pins.keys[self.pins.current], _SESSIONS, sha256)

    def trust(self, campus: str) -> Trust:
        """Return what a checker of heads knows beforehand."""
        return Trust(campus=campus, public_keys=self.trusted)


def open_keys(folder: Path) -> Keys:
    """Return the keys in a folder, each made now if there is none of its kind. Raises BadKeys.

    Processes may do so at the same time: all of them return the same keys.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _numbered(folder, _HEADS):
            _create(folder / "heads-1.pem", create_key_file)
        if not _numbered(folder, _PIN):
            _create(folder / "pin-1.key", _write_pin_key)
    except (OSError, BadKeyFile) as error:
        raise BadKeys(str(error)) from None
    return load_keys(folder)


def load_keys(folder: Path) -> Keys:
    """Return the keys in a folder. Raises BadKeys, also when others than their owner may read."""
    try:
        if folder.stat().st_mode & _OTHERS:
            raise BadKeys(f"{folder}: others may look into it; chmod 700 it")
        heads = [load_key_file(path) for path in _numbered(folder, _HEADS).values()]
        pins = [_load_pin_key(path) for path in _numbered(folder, _PIN).values()]
    except (OSError, BadKeyFile) as error:
        raise BadKeys(str(error)) from None
    if not heads or not pins:
        raise BadKeys(f"{folder}: no heads-1.pem or no pin-1.key")
    return Keys(
        signing=heads[-1],
        trusted=tuple(key.public_key().public_bytes_raw() for key in heads),
        pins=PinKeys(_key_id(pins[-1]), {_key_id(key): key for key in pins}),
    )


def _numbered(folder: Path, name: re.Pattern[str]) -> Mapping[int, Path]:
    """Return the files whose names match, by their numbers, the current one last."""
    found = ((name.fullmatch(path.name), path) for path in folder.iterdir())
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def _load_pin_key(path: Path) -> bytes:
    with path.open(encoding="ascii", errors="replace") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        text = file.read()
    if mode & _OTHERS:
        raise BadKeys(f"{path}: others may read it (mode {mode:04o}); chmod 600 it")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise BadKeys(f"{path}: not in hexadecimal") from None
    if len(key) != _PIN_KEY_BYTES:
        raise BadKeys(f"{path}: a key of {_PIN_KEY_BYTES} bytes is needed")
    return key


def _key_id(key: bytes) -> str:
    """Return the name of a key in the database.

    It follows from the key, so that a PIN whose key was lost is known for that, and is not taken
    for a wrong PIN.
    """
    return sha256(b"campus pin key id\0" + key).hexdigest()[:16]


def _create(path: Path, write: Callable[[Path], object]) -> None:
    """Make a file whole and on disk, or not at all; leave it to another process that was faster."""
    with tempfile.TemporaryDirectory(prefix="new-", dir=path.parent) as folder:
        unfinished = Path(folder, path.name)
        write(unfinished)
        with suppress(FileExistsError):
            path.hardlink_to(unfinished)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_pin_key(path: Path) -> None:
    with open(path, "x", encoding="ascii", opener=_owner_only) as file:
        file.write(f"{secrets.token_hex(_PIN_KEY_BYTES)}\n")
        file.flush()
        os.fsync(file.fileno())


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
