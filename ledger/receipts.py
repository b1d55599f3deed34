"""Making receipts: from a transfer in the database to a signed head (docs/proofs.md)."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final
from uuid import UUID

from asyncpg import Record

from ledger.book import LedgerConnection
from ledger.evidence import copy_rows, first_head
from ledger.proof.chain import START, Step, batch_digest, route, skip
from ledger.proof.errors import HistoryRewritten, NotYetSealed, UnknownTransfer
from ledger.proof.heads import SignedHead
from ledger.proof.merkle import inclusion_proof, leaf_hash
from ledger.proof.receipt import BatchLink, Receipt, chain_hash_of
from ledger.proof.transfer_row import decode_row
from ledger.queries import load
from ledger.rows import BATCH_BITS, BATCH_MAX

_SQL = load("ledger.sql", "receipts")
_REWRITTEN: Final = "the books do not lead from this transfer to the head: run a verification"


async def make_receipt(
    connection: LedgerConnection, transfer_id: UUID, *, head: SignedHead | None = None
) -> Receipt:
    """Return the receipt of a transfer or of a refusal, for a head or for the first that covers it.

    Reads all transfers of one batch and the few links on the way, however long the chain is.
    Raises UnknownTransfer, NotYetSealed, or HistoryRewritten when no valid receipt can be made.
    """
    seq = await connection.fetchval(_SQL.get("find_seq"), transfer_id)
    if seq is None:
        raise UnknownTransfer("no transfer has this id")
    position = await connection.fetchval(_SQL.get("find_position"), seq >> BATCH_BITS)
    if position is None:
        raise NotYetSealed("the transfer is not in the chain yet")
    head = await first_head(connection, position) if head is None else head
    if head is None or head.head.position < position:
        raise NotYetSealed("the transfer is newer than the signed head")
    receipt = await _receipt(connection, seq, position, head)
    if receipt.transfer.id != transfer_id or chain_hash_of(receipt) != head.head.chain_hash:
        raise HistoryRewritten(_REWRITTEN)
    return receipt


async def _receipt(
    connection: LedgerConnection, seq: int, position: int, head: SignedHead
) -> Receipt:
    number = seq >> BATCH_BITS
    first = number << BATCH_BITS
    rows = await copy_rows(connection, first, first + BATCH_MAX - 1)
    index = seq - first
    if index >= len(rows):
        raise HistoryRewritten(_REWRITTEN)
    way = route(position, head.head.position)
    others = _others(position, way)
    wanted = {position - 1, skip(position), *way, *others} - {0}
    found = await connection.fetch(_SQL.get("find_links"), list(wanted))
    links = {row["position"]: row for row in found}
    if links.keys() != wanted:
        raise HistoryRewritten(_REWRITTEN)
    return Receipt(
        transfer=decode_row(rows[index]),
        batch_transfers=len(rows),
        batch_path=tuple(inclusion_proof([leaf_hash(row) for row in rows], index)),
        link=BatchLink(
            position=position,
            previous=_hash_at(links, position - 1),
            skipped=_hash_at(links, skip(position)),
        ),
        steps=tuple(
            Step(_digest_at(links, at), _hash_at(links, other))
            for at, other in zip(way, others, strict=True)
        ),
        head=head,
    )


def _others(position: int, way: list[int]) -> list[int]:
    """Return, for each link on the way, which one it names beside the one before it on the way."""
    return [skip(at) if before == at - 1 else at - 1 for before, at in pairwise([position, *way])]


def _hash_at(links: Mapping[int, Record], position: int) -> bytes:
    chain_hash: bytes = links[position]["chain_hash"] if position else START
    return chain_hash


def _digest_at(links: Mapping[int, Record], position: int) -> bytes:
    link = links[position]
    return batch_digest(link["number"], link["transfers"], link["root"])
