"""The figures of one process, read from its parts whenever somebody asks.

Counting costs the parts an addition; names, labels and text are made here. Every label has a
closed list of values: no person, card, terminal or merchant is ever one of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.argon import ArgonPool
from engine.watches import BooksWatch, DatabaseWatch, ProofWatch
from ledger.poster import Poster

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures(Collector):
    """Metrics of the ledger, the database and the watches; to be registered."""

    pool: "Pool[Record]"
    poster: Poster
    argon: ArgonPool
    database: DatabaseWatch
    books: BooksWatch
    proof: ProofWatch

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they stand."""
        yield from self._posting()
        yield from self._waiting()
        yield from self._proving()

    def _posting(self) -> Iterator[Metric]:
        stats = self.poster.stats
        yield CounterMetricFamily(
            "campus_ledger_entries", "Entries that were answered, refusals included.", stats.entries
        )
        batches = CounterMetricFamily(
            "campus_ledger_batches", "Database transactions of the poster.", labels=["way"]
        )
        batches.add_metric(["fast"], stats.batches)
        batches.add_metric(["slow"], stats.slow_batches)
        yield batches
        yield CounterMetricFamily(
            "campus_ledger_turned_away", "Entries refused because too many wait.", stats.turned_away
        )
        yield GaugeMetricFamily(
            "campus_ledger_waiting", "Entries that wait to be decided.", self.poster.waiting
        )

    def _waiting(self) -> Iterator[Metric]:
        connections = GaugeMetricFamily(
            "campus_database_connections", "Connections of the pool.", labels=["state"]
        )
        idle = self.pool.get_idle_size()
        connections.add_metric(["idle"], idle)
        connections.add_metric(["used"], self.pool.get_size() - idle)
        yield connections
        yield GaugeMetricFamily(
            "campus_database_silent_seconds",
            "Time since the database last answered.",
            self.database.silent_s,
        )
        yield CounterMetricFamily(
            "campus_secrets_hashed", "Passwords and PINs hashed.", self.argon.computed
        )

    def _proving(self) -> Iterator[Metric]:
        books = self.books.books
        if books is not None:
            yield GaugeMetricFamily(
                "campus_books_in_balance",
                "1 if the last audit of the books found nothing wrong, else 0.",
                int(books.findings == 0),
            )
            yield GaugeMetricFamily(
                "campus_books_checked_timestamp_seconds",
                "When the books were last audited, by the wall clock.",
                books.checked_at.timestamp(),
            )
        proof = self.proof.proof
        if proof is not None:
            yield GaugeMetricFamily(
                "campus_ledger_sealed_batches", "Batches in the hash chain.", proof.sealed
            )
            yield GaugeMetricFamily(
                "campus_ledger_seal_lag_seconds",
                "Age of the oldest batch that is not in the hash chain.",
                self.proof.lag_s,
            )
            yield GaugeMetricFamily(
                "campus_ledger_head_age_seconds",
                "Age of the newest signed head; NaN before the first.",
                self.proof.head_age_s,
            )
