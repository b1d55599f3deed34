"""How purchases go: outcomes and latencies, counted in plain integers, by whichever door."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

APPROVED: Final = "approved"
BOUNDS_S: Final = (
    *(0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0),
)
"""Upper bounds of the latency classes; above the last there is one class more."""

_OTHER: Final = "other"
_OUTCOMES_MAX: Final = 64


class Counts(NamedTuple):
    """Purchases so far: how many, and how many in each latency class."""

    total: int
    classes: tuple[int, ...]


class PurchaseFigures(Collector):
    """Counts purchases of one process; register it with a metrics registry."""

    def __init__(self) -> None:
        self._outcomes = {APPROVED: 0, _OTHER: 0}
        self._classes = [0] * (len(BOUNDS_S) + 1)
        self._seconds = 0.0

    def took(self, outcome: str, seconds: float) -> None:
        """Count a purchase that was answered with `approved` or the code of a refusal."""
        outcomes = self._outcomes
        if outcome not in outcomes and len(outcomes) >= _OUTCOMES_MAX:
            outcome = _OTHER
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        self._classes[bisect_left(BOUNDS_S, seconds)] += 1
        self._seconds += seconds

    def counts(self) -> Counts:
        """Return the counts as they stand."""
        return Counts(sum(self._classes), tuple(self._classes))

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they stand."""
        purchases = CounterMetricFamily(
            "campus_purchases", "Purchases by their outcome.", labels=["outcome"]
        )
        for outcome, count in self._outcomes.items():
            purchases.add_metric([outcome], count)
        yield purchases
        reached, buckets = 0, []
        for bound, count in zip((*BOUNDS_S, "+Inf"), self._classes, strict=True):
            reached += count
            buckets.append((str(bound), float(reached)))
        yield HistogramMetricFamily(
            "campus_purchase_seconds",
            "From the arrival of a purchase to its answer.",
            buckets=buckets,
            sum_value=self._seconds,
        )


class PurchasePace:
    """The purchases of the last seconds: how many in each, and how long they took."""

    def __init__(self, figures: PurchaseFigures, *, seconds: int) -> None:
        self._figures = figures
        self._seen: deque[Counts] = deque([figures.counts()], maxlen=seconds + 1)

    def tick(self) -> None:
        """Note the counts; to be called once a second."""
        self._seen.append(self._figures.counts())

    def per_second(self) -> list[int]:
        """Return the purchases of each second, the oldest first."""
        return [after.total - before.total for before, after in pairwise(self._seen)]

    def quantile_s(self, share: float) -> float | None:
        """Return the latency that a share of them did not exceed, within its class; None if none.

        Above the last bound it is that bound.
        """
        first, last = self._seen[0], self._seen[-1]
        classes = [
            after - before for before, after in zip(first.classes, last.classes, strict=True)
        ]
        total = sum(classes)
        return _quantile(classes, share * total) if total else None


def _quantile(classes: Sequence[int], rank: float) -> float:
    """Return where a rank lies, as if the members of a class were spread evenly over it."""
    reached, low = 0, 0.0
    for bound, count in zip(BOUNDS_S, classes, strict=False):
        if count and reached + count >= rank:
            return low + (bound - low) * (rank - reached) / count
        reached, low = reached + count, bound
    return BOUNDS_S[-1]
