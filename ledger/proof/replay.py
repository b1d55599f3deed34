"""Replaying the chain: every link made again from its batch, and compared with signed heads."""

from collections.abc import Iterable
from typing import NamedTuple

from ledger.proof.chain import Chain, Link, batch_digest
from ledger.proof.findings import Finding, FindingKind
from ledger.proof.heads import Head
from ledger.proof.json_fields import moment_text
from ledger.rows import BATCH_BITS


class SealedBatch(NamedTuple):
    """What the chain knows of a batch, and the link that is recorded for it."""

    position: int
    number: int
    transfers: int
    root: bytes
    chain_hash: bytes


class ChainReplay:
    """Takes the sealed batches in the order of their positions, then `finish`.

    Links are made from the links made before, never from recorded ones, so the first finding
    names the first place that was changed; what merely follows from it is not reported again.
    """

    def __init__(self, heads: Iterable[Head]) -> None:
        self.findings: list[Finding] = []
        self.proven_position = 0
        self._heads: dict[int, list[Head]] = {}
        for head in heads:
            self._heads.setdefault(head.position, []).append(head)
        self._chain = Chain()
        self._transfers = 0
        self._numbers_since_head: list[int] = []
        self._last_number = 0
        self._compare_heads(self._chain.end)

    @property
    def position(self) -> int:
        """The position of the last batch that was taken."""
        return self._chain.end.position

    def add(self, batch: SealedBatch) -> bool:
        """Take the next batch; return False when the chain cannot be followed any further."""
        expected = self.position + 1
        if batch.position != expected:
            self._find(
                FindingKind.DROPPED if batch.position > expected else FindingKind.CHAIN_BROKEN,
                f"a batch is missing at position {expected} of the chain: after position "
                f"{self.position} (batch {self._last_number}) comes {batch.position} "
                f"(batch {batch.number})",
                position=expected,
            )
            return False
        link = self._chain.append(batch_digest(batch.number, batch.transfers, batch.root))
        if link.hash != batch.chain_hash and not self.findings:
            self._find(
                FindingKind.CHAIN_BROKEN,
                f"batch {batch.number} is not the one that was sealed at position "
                f"{batch.position}, or its link was changed",
                seq=batch.number << BATCH_BITS,
            )
        self._transfers += batch.transfers
        self._last_number = batch.number
        self._numbers_since_head.append(batch.number)
        self._compare_heads(link)
        return True

    def finish(self, sealed_position: int) -> None:
        """Compare the end with how far the sealer says it came, and with heads beyond the end."""
        end = f"the chain ends at position {self.position} (batch {self._last_number})"
        if sealed_position < self.position:
            self._find(FindingKind.INSERTED, f"{end}, but no sealer came beyond {sealed_position}")
        elif sealed_position > self.position:
            self._find(FindingKind.TAIL_CUT, f"{end}, but a sealer came to {sealed_position}")
        beyond = max(self._heads, default=0)
        if beyond:
            self._find(
                FindingKind.TAIL_CUT,
                f"{end}, but a head of position {beyond} was signed at "
                f"{moment_text(self._heads[beyond][0].signed_at)}",
            )

    def _compare_heads(self, link: Link) -> None:
        heads = self._heads.pop(link.position, [])
        for head in heads:
            if head.chain_hash == link.hash:
                self._confirm(head)
        for head in heads:
            if head.chain_hash != link.hash and not self.findings:
                self._deny(head)

    def _confirm(self, head: Head) -> None:
        self.proven_position = head.position
        self._numbers_since_head.clear()
        if head.transfers_total != self._transfers:
            self._find(
                FindingKind.HEAD_MISMATCH,
                f"the head of position {head.position} counts {head.transfers_total} transfers, "
                f"there are {self._transfers}",
            )

    def _deny(self, head: Head) -> None:
        numbers = self._numbers_since_head
        signed = f"the head of position {head.position} signed at {moment_text(head.signed_at)}"
        if not numbers:
            text = f"{signed} is not of this history, though another head of that position is"
        else:
            text = (
                f"{signed} is not of this history: it was rewritten after position "
                f"{self.proven_position} and up to {head.position}, in batches {min(numbers)} to "
                f"{max(numbers)}"
            )
        first = min(numbers, default=self._last_number)
        self._find(FindingKind.HEAD_MISMATCH, text, seq=first << BATCH_BITS)

    def _find(
        self, kind: FindingKind, text: str, *, seq: int | None = None, position: int | None = None
    ) -> None:
        self.findings.append(
            Finding(
                kind=kind,
                text=text,
                seq=(self._last_number + 1) << BATCH_BITS if seq is None else seq,
                position=self.position if position is None else position,
            )
        )
