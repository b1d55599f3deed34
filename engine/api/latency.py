"""How long requests take, as a Prometheus histogram by operation and class of status."""

from prometheus_client import CollectorRegistry, Histogram

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Latency:
    """Observes requests. Its labels are bounded: names of operations, and 1xx to 5xx."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._histogram = Histogram(
            "campus_http_request_duration_seconds",
            "Time from the head of a request to the last byte of its answer.",
            ("operation", "status"),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        # `labels` takes a lock and builds a key; a plain table is a third of the cost.
        self._observers: dict[tuple[str, int], Histogram] = {}

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        key = operation, status // 100
        observer = self._observers.get(key)
        if observer is None:
            observer = self._histogram.labels(operation, f"{status // 100}xx")
            self._observers[key] = observer
        observer.observe(seconds)
