"""Load on an engine through real links: a closed loop, or an open one at a given rate.

In a closed loop each customer comes when the one before has left, so a slow engine is asked less.
In an open loop they come when they come: a time is counted from the moment at which the request
was due, so what waited for its turn behind a slow answer counts as slow too.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from terminals.errors import LinkDown, OutcomeUnknown
from terminals.latencies import Latencies
from terminals.link import Link
from terminals.messages import Answer, Declined, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much is asked, and when that ends: by number or by time, whichever comes first."""

    outstanding: int
    """Requests of each link that may be without an answer."""
    requests_max: int
    duration_s: float
    rate_per_s: float | None = None
    """Over all links together; None for a closed loop."""


@dataclass(slots=True, kw_only=True)
class LoadReport:
    """What came of it."""

    answers: Counter[str] = field(default_factory=Counter)
    """By the kind of the answer; of refusals, and of requests that got none, by the code."""
    latencies: Latencies = field(default_factory=Latencies)
    """Of the requests that were answered, refusals included."""
    took_s: float = 0.0


async def put_load(links: Sequence[Link], requests: Iterator[Request], load: Load) -> LoadReport:
    """Send requests over links that are up, and return when each has its answer.

    A request is taken from the iterator, which must not run out, when it is about to be sent. A
    link that goes down is asked nothing more.
    """
    run = _Run(requests, load)
    async with asyncio.TaskGroup() as group:
        for link in links:
            for _ in range(load.outstanding):
                group.create_task(run.work(link))
    run.report.took_s = time.perf_counter() - run.started_at
    return run.report


class _Run:
    def __init__(self, requests: Iterator[Request], load: Load) -> None:
        self.report = LoadReport()
        self.started_at = time.perf_counter()
        self._ends_at = self.started_at + load.duration_s
        self._requests_max = load.requests_max
        self._sent = 0
        self._interval_s = None if load.rate_per_s is None else 1 / load.rate_per_s
        self._requests = requests

    async def work(self, link: Link) -> None:
        """Be one customer after the other."""
        while (due_at := self._next_due()) is not None:
            wait_s = due_at - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            try:
                await self._send(link, next(self._requests), due_at)
            except LinkDown as error:
                self.report.answers[error.code] += 1
                return

    def _next_due(self) -> float | None:
        """Return when the next request is due, or None when there are enough of them."""
        now = time.perf_counter()
        due_at = now
        if self._interval_s is not None:
            due_at = self.started_at + self._sent * self._interval_s
        if self._sent >= self._requests_max or max(due_at, now) >= self._ends_at:
            return None
        self._sent += 1
        return due_at

    async def _send(self, link: Link, request: Request, due_at: float) -> None:
        try:
            answer = await link.request(request)
        except OutcomeUnknown as error:
            self.report.answers[error.code] += 1
        else:
            self.report.latencies.add(time.perf_counter() - due_at)
            self.report.answers[_name_of(answer)] += 1


def _name_of(answer: Answer) -> str:
    return answer.code if isinstance(answer, Declined) else type(answer).__name__.lower()
