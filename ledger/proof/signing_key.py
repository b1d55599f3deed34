"""The file of a signing key: Ed25519, PKCS #8 in PEM, readable by its owner alone."""

import os
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.proof.errors import BadKeyFile

_OWNER_ONLY: Final = 0o600


def create_key_file(path: Path) -> Ed25519PrivateKey:
    """Make a new key and its file, on disk when this returns; raises BadKeyFile if there is one."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with open(path, "xb", opener=_owner_only) as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadKeyFile(f"{path}: {error.strerror}") from None
    return key


def load_key_file(path: Path) -> Ed25519PrivateKey:
    """Return the key of a file. Raises BadKeyFile, also when others than its owner may read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read()
    except OSError as error:
        raise BadKeyFile(f"{path}: {error.strerror}") from None
    if os.name == "posix" and mode & ~_OWNER_ONLY:
        raise BadKeyFile(f"{path}: others may read it (mode {mode:04o}); chmod 600 it")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeyFile(f"{path}: not an unencrypted private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKeyFile(f"{path}: not an Ed25519 key")
    return key


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, mode=_OWNER_ONLY)
