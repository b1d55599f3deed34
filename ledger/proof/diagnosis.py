"""Comparing the rows of a batch with what was recorded of it, and naming what differs.

The root proves the rows. The marks, four bytes of each leaf hash, are only there to tell which
of them is the wrong one.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.proof.findings import Finding, FindingKind
from ledger.proof.merkle import leaf_hash, merkle_root
from ledger.proof.transfer_row import id_of, seq_of, with_seq
from ledger.rows import BATCH_BITS

MARK_LENGTH: Final = 4
"""Bytes of each leaf hash that a batch keeps."""

_MOVES_TRIED_MAX: Final = 10_000


class RecordedBatch(NamedTuple):
    """What is on record of a batch, apart from its transfers."""

    number: int
    transfers: int
    root: bytes
    leaf_marks: bytes

    @property
    def first_seq(self) -> int:
        """The seq of its first transfer."""
        return self.number << BATCH_BITS


def is_intact(batch: RecordedBatch, rows: Sequence[bytes]) -> bool:
    """Tell whether these rows, in the order of their seq, are what the batch was made of."""
    leaves = [leaf_hash(row) for row in rows]
    return (
        len(rows) == batch.transfers
        and merkle_root(leaves) == batch.root
        and b"".join([leaf[:MARK_LENGTH] for leaf in leaves]) == batch.leaf_marks
    )


def differences(batch: RecordedBatch, rows: Sequence[bytes]) -> list[Finding]:
    """Name what is wrong with a batch that is not intact; `rows` are all that claim to be of it."""
    if not rows:
        return [_all_dropped(batch)]
    if len(rows) == batch.transfers and _root(rows) == batch.root:
        return [_batch_altered(batch, "its marks were changed, its transfers were not")]
    return _by_marks(batch, rows) or [
        _batch_altered(
            batch,
            f"what is recorded of it, {batch.transfers} transfers and their root, was changed, or "
            f"its {len(rows)} transfers were and their marks made to fit",
        )
    ]


def orphans(rows: Sequence[bytes]) -> list[Finding]:
    """Name rows that claim to be of batches of which there is no record."""
    return [
        _of_row(row, FindingKind.INSERTED, "its batch is not on record: dropped, or never was")
        for row in rows
    ]


def _by_marks(batch: RecordedBatch, rows: Sequence[bytes]) -> list[Finding]:
    """Return what the marks tell: nothing when they fit the rows, or are not one for each."""
    marks = _marks(batch)
    if len(marks) != batch.transfers:
        return []
    missing = dict(enumerate(marks))
    wrong: list[bytes] = []
    for row in rows:
        place = seq_of(row) - batch.first_seq
        if missing.get(place) == leaf_hash(row)[:MARK_LENGTH]:
            del missing[place]
        else:
            wrong.append(row)
    found, wrong = _moved(batch, wrong, missing)
    for row in wrong:
        if missing.pop(seq_of(row) - batch.first_seq, None) is None:
            found.append(_of_row(row, FindingKind.INSERTED, "nothing was posted in its place"))
        else:
            found.append(_of_row(row, FindingKind.ALTERED, "it is not as it was posted"))
    return found + [_dropped(batch, place) for place in missing]


def _moved(
    batch: RecordedBatch, wrong: list[bytes], missing: dict[int, bytes]
) -> tuple[list[Finding], list[bytes]]:
    """Find wrong rows that are right in a missing place; return them as findings, and the rest."""
    if len(wrong) * len(missing) > _MOVES_TRIED_MAX:
        return [], wrong
    found: list[Finding] = []
    rest: list[bytes] = []
    for row in wrong:
        origin = _origin(batch, row, missing)
        if origin is None:
            rest.append(row)
        else:
            del missing[origin]
            text = f"it was posted as seq {batch.first_seq + origin}"
            found.append(_of_row(row, FindingKind.REORDERED, text))
    return found, rest


def _origin(batch: RecordedBatch, row: bytes, missing: dict[int, bytes]) -> int | None:
    for place, mark in missing.items():
        if leaf_hash(with_seq(row, batch.first_seq + place))[:MARK_LENGTH] == mark:
            return place
    return None


def _marks(batch: RecordedBatch) -> list[bytes]:
    marks = batch.leaf_marks
    return [marks[start : start + MARK_LENGTH] for start in range(0, len(marks), MARK_LENGTH)]


def _root(rows: Sequence[bytes]) -> bytes:
    return merkle_root([leaf_hash(row) for row in rows])


def _of_row(row: bytes, kind: FindingKind, what: str) -> Finding:
    seq, transfer_id = seq_of(row), id_of(row)
    text = f"transfer {transfer_id} at seq {seq} (batch {seq >> BATCH_BITS}): {what}"
    return Finding(kind=kind, text=text, seq=seq, transfer_id=transfer_id)


def _dropped(batch: RecordedBatch, place: int) -> Finding:
    seq = batch.first_seq + place
    text = f"the transfer at seq {seq} (batch {batch.number}, place {place}) is gone"
    return Finding(kind=FindingKind.DROPPED, text=text, seq=seq)


def _all_dropped(batch: RecordedBatch) -> Finding:
    text = f"all {batch.transfers} transfers of batch {batch.number} are gone"
    return Finding(kind=FindingKind.DROPPED, text=text, seq=batch.first_seq)


def _batch_altered(batch: RecordedBatch, what: str) -> Finding:
    text = f"batch {batch.number}: {what}"
    return Finding(kind=FindingKind.BATCH_ALTERED, text=text, seq=batch.first_seq)
