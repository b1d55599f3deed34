"""The report of a run."""

from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

from engine.torture.kills import KillKind


class Recoveries(msgspec.Struct, frozen=True, kw_only=True):
    """The kills of one kind, and how long it took until what was killed answered again."""

    kind: KillKind
    kills: int
    p50_ms: float
    max_ms: float


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the client was told."""

    posted: int
    refused: int
    again: int
    """Answers about ids that had one already; all of them agree, or there is a finding."""
    unknown: int
    """Questions whose first answer failed to come."""
    unknown_posted_before: int
    """Of these: committed, though the client had not heard of it."""
    unknown_posted_after: int
    """Of these: posted when it asked again."""
    unknown_refused: int


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """What the last verification covered."""

    transfers: int
    batches: int
    heads: int
    """Kept outside the database, from before the kills; each of them still holds."""


class TortureReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did and what it found. Nothing found means that every promise held."""

    seed: int
    seconds: float
    kills: list[Recoveries]
    answers: Answers
    audits: int
    """Under load and at rest."""
    examinations: int
    """Comparisons of journal and ledger, each with a verification."""
    proven: Proven | None
    """None when the run broke off before its books could be read."""
    findings: list[str]

    @property
    def is_clean(self) -> bool:
        """Tell whether every promise held."""
        return not self.findings


def recoveries(seconds: Mapping[KillKind, Sequence[float]]) -> list[Recoveries]:
    """Return the rows of the kinds that there were, in their order."""
    return [
        Recoveries(
            kind=kind,
            kills=len(seconds[kind]),
            p50_ms=round(median(seconds[kind]) * 1000, 1),
            max_ms=round(max(seconds[kind]) * 1000, 1),
        )
        for kind in KillKind
        if seconds.get(kind)
    ]
