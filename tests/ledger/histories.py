"""Histories in memory: batches of rows, their chain, and receipts made without a database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.proof.chain import Chain, Link, Step, batch_digest, route, skip
from ledger.proof.heads import SignedHead, Signer, Trust
from ledger.proof.merkle import inclusion_proof, leaf_hash, merkle_root
from ledger.proof.receipt import BatchLink, Receipt
from ledger.proof.transfer_row import TransferRow, encode_row
from ledger.rows import BATCH_BITS

CAMPUS = "campus"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def signer_of(secret: int, campus: str = CAMPUS) -> Signer:
    return Signer(campus, Ed25519PrivateKey.from_private_bytes(bytes([secret]) * 32))


SIGNER = signer_of(1)
TRUST = Trust(campus=CAMPUS, public_keys=(SIGNER.public_key,))


def a_row(number: int, index: int) -> TransferRow:
    seq = (number << BATCH_BITS) + index
    event_at = NOON + timedelta(seconds=seq % 1000)
    return TransferRow(
        kind="purchase",
        phase="single",
        refusal=None,
        id=UUID(int=seq),
        seq=seq,
        entry_id=UUID(int=seq),
        debit_account=UUID(int=1),
        credit_account=UUID(int=2),
        amount_fen=1250,
        event_at=event_at,
        posted_at=event_at + timedelta(milliseconds=2),
        debit_version=seq,
        debit_balance_fen=100_000 - index,
        debit_previous=UUID(int=seq - 1),
        credit_version=None,
        credit_balance_fen=None,
        credit_previous=None,
        hold_id=None,
        expires_at=None,
        about=UUID(int=3),
    )


@dataclass(frozen=True, slots=True)
class History:
    """Batches 1 to n, each with its rows, and the links that they have at positions 1 to n."""

    batches: list[list[TransferRow]]
    links: list[Link]

    def digest(self, position: int) -> bytes:
        rows = self.batches[position - 1]
        return batch_digest(position, len(rows), merkle_root(_leaves(rows)))

    def head(self, position: int, signer: Signer = SIGNER) -> SignedHead:
        total = sum(map(len, self.batches[:position]))
        return signer.sign(self.links[position], transfers_total=total, at=NOON)

    def receipt(self, position: int, index: int, head: SignedHead) -> Receipt:
        rows = self.batches[position - 1]
        way = route(position, head.head.position)
        return Receipt(
            transfer=rows[index],
            batch_transfers=len(rows),
            batch_path=tuple(inclusion_proof(_leaves(rows), index)),
            link=BatchLink(
                position=position,
                previous=self.links[position - 1].hash,
                skipped=self.links[skip(position)].hash,
            ),
            steps=tuple(self._step(before, at) for before, at in pairwise([position, *way])),
            head=head,
        )

    def _step(self, before: int, at: int) -> Step:
        other = skip(at) if before == at - 1 else at - 1
        return Step(self.digest(at), self.links[other].hash)


def a_history(sizes: list[int]) -> History:
    batches = [[a_row(number, i) for i in range(size)] for number, size in enumerate(sizes, 1)]
    history = History(batches, [Chain().end])
    chain = Chain()
    for position in range(1, len(sizes) + 1):
        history.links.append(chain.append(history.digest(position)))
    return history


def _leaves(rows: list[TransferRow]) -> list[bytes]:
    return [leaf_hash(encode_row(row)) for row in rows]
