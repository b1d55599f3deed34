"""The figures of the terminal link, counted in plain integers and turned into metrics when asked.

A counter of the metrics library takes a lock for each step; at ten thousand requests a second, on
one thread, that is the larger part of counting them.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from terminals.messages import CloseReason, Request

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the latency histogram; above the last there is one class more."""


class LinkFigures(Collector):
    """Counts of one link server; register it with a metrics registry."""

    def __init__(self) -> None:
        self.links = 0
        self.requests: dict[type, int] = dict.fromkeys(get_args(Request), 0)
        self.ended = dict.fromkeys(CloseReason, 0)
        self._classes = [0] * (len(BOUNDS_S) + 1)
        self._seconds = 0.0

    def took(self, seconds: float) -> None:
        """Count an answered request by the time from its arrival to its answer."""
        self._classes[bisect_left(BOUNDS_S, seconds)] += 1
        self._seconds += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they stand."""
        yield GaugeMetricFamily(
            "campus_terminal_links", "Terminals connected by the link.", self.links
        )
        requests = CounterMetricFamily(
            "campus_terminal_requests", "Requests taken in from terminals.", labels=["kind"]
        )
        for kind, count in self.requests.items():
            requests.add_metric([kind.__name__.lower()], count)
        yield requests
        ended = CounterMetricFamily(
            "campus_terminal_links_ended", "Links ended or refused, by reason.", labels=["reason"]
        )
        for reason, count in self.ended.items():
            ended.add_metric([reason], count)
        yield ended
        yield HistogramMetricFamily(
            "campus_terminal_request_seconds",
            "From the arrival of a request to its answer.",
            buckets=self._buckets(),
            sum_value=self._seconds,
        )

    def _buckets(self) -> list[tuple[str, float]]:
        reached = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*BOUNDS_S, "+Inf"), self._classes, strict=True):
            reached += count
            buckets.append((str(bound), reached))
        return buckets
