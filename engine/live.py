"""What the live page shows, put together from the parts of the process."""

import time
from typing import Final

from engine.api.health import Health
from engine.api.live_page import Live
from engine.jobs import Job
from engine.parts import Parts
from engine.purchase_figures import PurchasePace

_SECONDS: Final = 120


class LiveView:
    """Looks at the parts whenever the page asks; counts purchases once a second by its job."""

    def __init__(self, parts: Parts, health: Health) -> None:
        self._parts = parts
        self._health = health
        self._pace = PurchasePace(parts.purchases, seconds=_SECONDS)
        self._started = time.monotonic()

    @property
    def job(self) -> Job:
        """The job that must run for the pace to be known."""
        return Job(name="count_pace", run_once=self._tick, every_s=1.0, limit_s=1.0)

    def look(self) -> Live:
        """Return the campus as it stands. Nothing is waited for."""
        parts = self._parts
        books, proof, pace = parts.books.books, parts.proof.proof, self._pace
        return Live(
            campus=parts.campus,
            running_s=int(time.monotonic() - self._started),
            is_stopping=self._health.is_stopping,
            books_in_balance=books and not books.findings,
            books_checked_s_ago=books and int((parts.clock() - books.checked_at).total_seconds()),
            purchases=pace.per_second(),
            purchases_total=parts.purchases.counts().total,
            p50_ms=_milliseconds(pace.quantile_s(0.5)),
            p99_ms=_milliseconds(pace.quantile_s(0.99)),
            terminals=parts.link.connected,
            waiting=parts.poster.waiting,
            transfers=proof and proof.transfers,
            sealed=proof and proof.sealed,
            unsealed=proof and proof.unsealed,
            head_position=proof and proof.head_position,
            head_age_s=int(parts.proof.head_age_s) if proof and proof.signed_at else None,
        )

    async def _tick(self) -> int:
        self._pace.tick()
        return 1


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
