"""Latencies: collected as they are, sorted once, read as percentiles."""

from array import array
from typing import Final

PERCENTILES: Final = (50.0, 99.0, 99.9)


class Latencies:
    """Latencies in microseconds; eight bytes each."""

    def __init__(self) -> None:
        self._values = array("d")

    def add(self, seconds: float) -> None:
        """Keep one latency."""
        self._values.append(seconds * 1e6)

    def __len__(self) -> int:
        return len(self._values)

    def summary(self) -> dict[str, float]:
        """Return `latency_us_pNN` for each percentile, and the largest; empty for none."""
        if not self._values:
            return {}
        ordered = sorted(self._values)
        found = {
            f"latency_us_p{percentile:g}": round(_at(ordered, percentile), 1)
            for percentile in PERCENTILES
        }
        return found | {"latency_us_max": round(ordered[-1], 1)}


def _at(ordered: list[float], percentile: float) -> float:
    """Return the smallest value that at least `percentile` per cent do not exceed."""
    rank = -(-len(ordered) * percentile // 100)
    return ordered[max(0, int(rank) - 1)]
