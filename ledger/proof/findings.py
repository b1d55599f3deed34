"""What a verification can find, and its report."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class FindingKind(StrEnum):
    """What is wrong with the books."""

    ALTERED = "altered"
    """A transfer is not as it was posted."""
    DROPPED = "dropped"
    """A transfer, or all of a batch, is gone."""
    INSERTED = "inserted"
    """A transfer stands where none was posted."""
    REORDERED = "reordered"
    """A transfer stands in another place than it was posted in."""
    BATCH_ALTERED = "batch_altered"
    """What is recorded of a batch contradicts its transfers, and it is not known which of them."""
    CHAIN_BROKEN = "chain_broken"
    """The chain does not follow from the batches."""
    TAIL_CUT = "tail_cut"
    """The chain ends before a place that it had reached."""
    HEAD_MISMATCH = "head_mismatch"
    """The chain is whole in itself but is not the one that was signed."""
    HEAD_UNSIGNED = "head_unsigned"
    """No trusted key signed a head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: what, where, and a sentence for people."""

    kind: FindingKind
    text: str
    seq: int | None = None
    """Where it is, or begins, in the order of posting; None when that is not known."""
    transfer_id: UUID | None = None
    position: int | None = None
    """The position in the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was read, how far it is proven, and what was found, first things first."""

    transfers: int
    batches_sealed: int
    batches_unsealed: int
    """Posted in the last moments and not yet in the chain; proven by their own roots only."""
    proven_position: int
    """The last position that a signed head confirms; 0 when none does."""
    heads: int
    """Heads that the chain was compared with."""
    lost_ids: tuple[UUID, ...]
    """Transfers that are gone, though later ones name them as their predecessors."""
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """The finding that comes first in the order of posting."""
        return self.findings[0] if self.findings else None

    @property
    def batches_beyond_heads(self) -> int:
        """Sealed batches that only the chain covers: who rewrites all of them is not found out."""
        return self.batches_sealed - self.proven_position


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order of posting; those of unknown place come last."""
    return tuple(sorted(findings, key=lambda each: (each.seq is None, each.seq or 0)))
