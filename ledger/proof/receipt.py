"""Receipts: one transfer, and the way from it to a signed head. Pure, and checked offline."""

import json
from dataclasses import dataclass
from typing import Final

from ledger.proof.chain import Link, Step, batch_digest, follow, link_hash
from ledger.proof.errors import BadHead, BadProof
from ledger.proof.heads import SignedHead, Trust, head_from_json, head_to_json
from ledger.proof.json_fields import JsonFields
from ledger.proof.merkle import leaf_hash, root_from_inclusion
from ledger.proof.transfer_row import TransferRow, encode_row, row_from_json, row_to_json

FORMAT: Final = "campus-ledger-receipt-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLink:
    """How a batch hangs in the chain: its position, and the two older links that its own names."""

    position: int
    previous: bytes
    skipped: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Everything that leads from a transfer to a head. It proves nothing before it is checked."""

    transfer: TransferRow
    batch_transfers: int
    """Transfers in the batch."""
    batch_path: tuple[bytes, ...]
    """From the transfer's leaf to the root of the batch (RFC 6962)."""
    link: BatchLink
    steps: tuple[Step, ...]
    """From the batch's link to the head's."""
    head: SignedHead
    """A copy of the head that it leads to, so that a checker knows which one to look up."""


def check_receipt(receipt: Receipt, head: SignedHead, trust: Trust) -> None:
    """Make sure that the transfer stands, as the receipt shows it, in the history of this head.

    Give the head that was kept or fetched from where you trust it; `receipt.head` only to take
    the signer's word. Raises BadHead for the head itself, BadProof for the rest.
    """
    trusted = trust.check(head)
    if receipt.head.head.position != trusted.position:
        raise BadProof(
            f"the receipt leads to the head at position {receipt.head.head.position}, "
            f"not to the one at {trusted.position}"
        )
    if chain_hash_of(receipt) != trusted.chain_hash:
        raise BadProof("the transfer is not in the history of this head as the receipt shows it")


def chain_hash_of(receipt: Receipt) -> bytes:
    """Return the chain hash that a receipt leads to. Raises BadProof when a path does not fit."""
    transfer, link = receipt.transfer, receipt.link
    leaf = leaf_hash(encode_row(transfer))
    root = root_from_inclusion(
        leaf, transfer.batch_index, receipt.batch_transfers, receipt.batch_path
    )
    digest = batch_digest(transfer.batch_number, receipt.batch_transfers, root)
    own = Link(link.position, link_hash(link.position, link.previous, link.skipped, digest))
    return follow(own, receipt.head.head.position, receipt.steps)


def dump_receipt(receipt: Receipt) -> str:
    """Return a receipt as a JSON document for people and programs."""
    link = receipt.link
    document = {
        "format": FORMAT,
        "transfer": row_to_json(receipt.transfer),
        "batch": {
            "transfers": receipt.batch_transfers,
            "path": [each.hex() for each in receipt.batch_path],
        },
        "link": {
            "position": link.position,
            "previous": link.previous.hex(),
            "skipped": link.skipped.hex(),
        },
        "steps": [{"batch": each.batch.hex(), "other": each.other.hex()} for each in receipt.steps],
        "head": head_to_json(receipt.head),
    }
    return json.dumps(document, indent=2) + "\n"


def load_receipt(document: str) -> Receipt:
    """Return the receipt of a JSON document, unchecked. Raises BadProof."""
    try:
        return _receipt(JsonFields.parse(document))
    except (ValueError, BadHead) as error:
        raise BadProof(f"not a receipt: {error}") from None


def _receipt(fields: JsonFields) -> Receipt:
    if fields.text("format") != FORMAT:
        raise ValueError("the format is another one")
    transfer, batch, link = (fields.within(name) for name in ("transfer", "batch", "link"))
    steps = fields.each("steps")
    receipt = Receipt(
        transfer=row_from_json(transfer),
        batch_transfers=batch.integer("transfers"),
        batch_path=batch.hashes("path"),
        link=BatchLink(
            position=link.integer("position"),
            previous=link.hash("previous"),
            skipped=link.hash("skipped"),
        ),
        steps=tuple(Step(each.hash("batch"), each.hash("other")) for each in steps),
        head=head_from_json(fields.within("head")),
    )
    for each in (transfer, batch, link, *steps, fields):
        each.end()
    return receipt
