"""The percentiles of latencies that reports show."""

from typing import Final

from terminals.latencies import Latencies

PERCENTILES: Final = (50.0, 99.0, 99.9)


def latency_figures(latencies: Latencies) -> dict[str, float]:
    """Return `latency_us_pNN` for each percentile, and the largest."""
    figures = {
        f"latency_us_p{percent:g}": float(latencies.percentile_us(percent))
        for percent in PERCENTILES
    }
    return figures | {"latency_us_max": float(latencies.longest_us)}
