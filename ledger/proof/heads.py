"""Heads: what the whole chain was at one moment, signed, for anybody to keep."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.proof.chain import Link
from ledger.proof.errors import BadHead
from ledger.proof.json_fields import JsonFields, moment_text

FORMAT: Final = "campus-ledger-head-v1"
"""Opens the signed text, so that the signature fits nothing else (domain separation)."""

_CAMPUS: Final = re.compile(r"[a-z0-9_.-]{1,63}")
_HASH_LENGTH: Final = 32
_KEY_ID_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a campus's chain at a moment; it commits to everything before it.

    Raises BadHead for a campus name or a hash that would make the signed text ambiguous.
    """

    campus: str
    position: int
    """Batches in the chain."""
    chain_hash: bytes
    transfers_total: int
    """Transfers in these batches."""
    signed_at: datetime

    def __post_init__(self) -> None:
        if not _CAMPUS.fullmatch(self.campus):
            raise BadHead("the campus name needs 1 to 63 of a-z 0-9 _ . -")
        if len(self.chain_hash) != _HASH_LENGTH or min(self.position, self.transfers_total) < 0:
            raise BadHead("a head needs a hash of 32 bytes and counts from 0")
        if self.signed_at.tzinfo is None:
            raise BadHead("a moment needs its time zone")

    @property
    def link(self) -> Link:
        """The link of the chain that the head speaks of."""
        return Link(self.position, self.chain_hash)

    def text(self) -> bytes:
        """Return what is signed."""
        lines = (
            FORMAT,
            f"campus {self.campus}",
            f"position {self.position}",
            f"chain_hash {self.chain_hash.hex()}",
            f"transfers_total {self.transfers_total}",
            f"signed_at {moment_text(self.signed_at)}",
        )
        return "".join(f"{line}\n" for line in lines).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A head with a signature, which is worth nothing until `Trust.check` has accepted it."""

    head: Head
    key_id: str
    signature: bytes


class Signer:
    """Signs heads of one campus with one Ed25519 key."""

    def __init__(self, campus: str, key: Ed25519PrivateKey) -> None:
        self.campus = campus
        self.public_key = key.public_key().public_bytes_raw()
        self.key_id = key_id_of(self.public_key)
        self._key = key

    def sign(self, link: Link, *, transfers_total: int, at: datetime) -> SignedHead:
        """Return the signed head of the chain that ends in a link."""
        head = Head(
            campus=self.campus,
            position=link.position,
            chain_hash=link.hash,
            transfers_total=transfers_total,
            signed_at=at,
        )
        return SignedHead(head=head, key_id=self.key_id, signature=self._key.sign(head.text()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a checker knows beforehand: the campus, and its public keys, old and new (raw bytes).

    After a change of keys the old one stays in the list, for the heads that it signed.
    """

    campus: str
    public_keys: tuple[bytes, ...]

    def check(self, signed: SignedHead) -> Head:
        """Return the head that is signed. Raises BadHead: other campus, unknown key, forged."""
        if signed.head.campus != self.campus:
            raise BadHead(f"the head is of campus {signed.head.campus}, not {self.campus}")
        for public_key in self.public_keys:
            if key_id_of(public_key) == signed.key_id:
                return _checked(signed, public_key)
        raise BadHead(f"key {signed.key_id} is not among the trusted keys")


def key_id_of(public_key: bytes) -> str:
    """Return the short name of a raw public key: the first 16 hex digits of its SHA-256."""
    return sha256(public_key).hexdigest()[:_KEY_ID_LENGTH]


def head_to_json(signed: SignedHead) -> dict[str, str | int]:
    """Return the readable form of a signed head."""
    head = signed.head
    return {
        "format": FORMAT,
        "campus": head.campus,
        "position": head.position,
        "chain_hash": head.chain_hash.hex(),
        "transfers_total": head.transfers_total,
        "signed_at": moment_text(head.signed_at),
        "key_id": signed.key_id,
        "signature": signed.signature.hex(),
    }


def head_from_json(fields: JsonFields) -> SignedHead:
    """Return the signed head of a readable form. Raises ValueError or BadHead."""
    if fields.text("format") != FORMAT:
        raise ValueError("the format is another one")
    signed = SignedHead(
        head=Head(
            campus=fields.text("campus"),
            position=fields.integer("position"),
            chain_hash=fields.octets("chain_hash"),
            transfers_total=fields.integer("transfers_total"),
            signed_at=fields.moment("signed_at"),
        ),
        key_id=fields.text("key_id"),
        signature=fields.octets("signature"),
    )
    fields.end()
    return signed


def dump_head(signed: SignedHead) -> str:
    """Return a signed head as one line of JSON, without its end."""
    return json.dumps(head_to_json(signed), separators=(",", ":"))


def load_head(document: str) -> SignedHead:
    """Return the signed head of a JSON document, unchecked. Raises BadHead."""
    try:
        return head_from_json(JsonFields.parse(document))
    except ValueError as error:
        raise BadHead(f"not a head: {error}") from None


def _checked(signed: SignedHead, public_key: bytes) -> Head:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signed.signature, signed.head.text())
    except InvalidSignature:
        raise BadHead("the signature of the head is wrong") from None
    return signed.head
