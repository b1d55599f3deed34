"""Rate limits: a token bucket for each caller, in a table that cannot be flooded."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from engine.api.errors import RateLimited

MonotonicClock = Callable[[], float]
"""Seconds that only ever grow, such as `time.monotonic`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How often one caller may do a thing: `burst` times at once, `per_second` in the long run."""

    name: str
    burst: int
    per_second: float

    def __post_init__(self) -> None:
        if self.burst < 1 or self.per_second <= 0:
            raise ValueError(f"{self.name}: a limit lets something through")


class Buckets:
    """The buckets of all callers under one limit.

    A bucket is one number: the moment at which it will be full again (GCRA, ITU-T I.371). A full
    bucket equals none, so only callers of the last `burst / per_second` seconds take space.

    No bucket that is not full is ever dropped, so nobody can win back tokens, his own or others',
    by flooding the table. When it is full, callers without a bucket share one.
    """

    def __init__(self, limit: RateLimit, *, callers_max: int, clock: MonotonicClock) -> None:
        self._interval_s = 1 / limit.per_second
        self._burst_s = limit.burst / limit.per_second
        self._callers_max = callers_max
        self._clock = clock
        self._full_at: dict[Hashable, float] = {}  # by last use, longest ago first
        self._shared_full_at = 0.0

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, caller: Hashable) -> None:
        """Take one token. Raises RateLimited, and takes nothing, when the caller has none."""
        now = self._clock()
        full_at = self._full_at.pop(caller, None)
        if full_at is None:
            if not self._has_room(now):
                self._shared_full_at = self._after_one(self._shared_full_at, now)
                return
            full_at = now
        try:
            full_at = self._after_one(full_at, now)
        finally:
            self._full_at[caller] = full_at

    def _after_one(self, full_at: float, now: float) -> float:
        after = max(full_at, now) + self._interval_s
        # A millionth of a second is no reason to refuse: sums of floats are not exact.
        wait_s = after - now - self._burst_s
        if wait_s > 1e-6:  # noqa: PLR2004  explained above
            raise RateLimited(math.ceil(wait_s))
        return after

    def _has_room(self, now: float) -> bool:
        """Drop up to two full buckets; tell whether there is space for one more."""
        for _ in range(2):
            oldest = next(iter(self._full_at), None)
            if oldest is None or self._full_at[oldest] > now:
                break
            del self._full_at[oldest]
        return len(self._full_at) < self._callers_max
