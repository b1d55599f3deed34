"""A run: load on some workers, kills by a schedule, and the books examined again and again."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

from engine.database.embedded import EmbeddedServer
from engine.torture.books import Books, Examination
from engine.torture.comparison import compare
from engine.torture.journal import Journal
from engine.torture.kills import Kill, Killer, KillKind, schedule
from engine.torture.load import Load
from engine.torture.report import Answers, Proven, TortureReport, recoveries
from engine.torture.workers import Worker, WorkersFailed
from ledger.proof.errors import HistoryRewritten
from ledger.time import wall_clock

Progress = Callable[[int, int], None]

_GIVE_UP_AFTER_S: Final = (30.0, 0.3)
"""By worker: one waits for a database to come back, the other soon tells that it does not know."""
_ANSWER_MAX_S: Final = 90.0
_STEP_MAX_S: Final = 300.0
"""For the load to go on, the killed to come back, or the load to come to rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TortureOptions:
    """How hard and how long."""

    kills: int
    seed: int
    callers: int = 96
    examine_every: int = 10
    """Kills between examinations; one more comes at the end."""


async def run_torture(
    server: EmbeddedServer,
    folder: Path,
    options: TortureOptions,
    *,
    progress: Progress = lambda _done, _total: None,
) -> TortureReport:
    """Torture a running server that nobody else uses; return what came of it.

    `folder` is an empty one, for keys, heads and logs. It ends early when workers keep dying of
    themselves or something hangs; that is a finding.
    """
    books = Books(server, folder)
    await books.open(groups=len(_GIVE_UP_AFTER_S))
    return await _Run(server, books, folder, options).run(progress)


class _Run:
    def __init__(
        self, server: EmbeddedServer, books: Books, folder: Path, options: TortureOptions
    ) -> None:
        random = Random(options.seed)  # noqa: S311  repeatable, no secret
        self._options = options
        self._server = server
        self._books = books
        self._journal = Journal()
        any_up = asyncio.Event()
        self._workers = [
            Worker(
                books.orders(give_up_after_s=give_up_after_s),
                folder / f"worker-{number}.log",
                answer_max_s=_ANSWER_MAX_S,
                any_up=any_up,
            )
            for number, give_up_after_s in enumerate(_GIVE_UP_AFTER_S)
        ]
        self._kills = schedule(random, options.kills, workers=len(self._workers))
        self._load = Load(
            self._workers, self._journal, any_up=any_up, random=random, clock=wall_clock
        )
        self._killer = Killer(server, self._workers, is_unheard=self._is_unheard)
        self._recoveries: defaultdict[KillKind, list[float]] = defaultdict(list)
        self._audits = 0
        self._examinations = 0
        self._last: Examination | None = None
        self._findings: dict[str, None] = {}  # in the order of finding, each once

    async def run(self, progress: Progress) -> TortureReport:
        started_at = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(worker.keep()) for worker in self._workers]
                tasks.append(group.create_task(self._load.run(self._options.callers)))
                await self._kill_all(progress)
                for task in tasks:
                    task.cancel()
        except* WorkersFailed:
            await self._examine_what_is_left()
        except* TimeoutError:
            self._find(f"nothing happened for {_STEP_MAX_S} s: see the logs of the workers")
            await self._examine_what_is_left()
        self._find_deaths()
        return self._report(time.monotonic() - started_at)

    async def _kill_all(self, progress: Progress) -> None:
        total = len(self._kills)
        for done, kill in enumerate(self._kills, start=1):
            async with asyncio.timeout(_STEP_MAX_S):
                await self._load.answers(kill.answers)
                await self._kill(kill)
                await self._glance()
            if done % self._options.examine_every == 0 or done == total:
                async with self._at_rest():
                    await self._examine()
            progress(done, total)

    async def _kill(self, kill: Kill) -> None:
        killed_at = await self._killer.carry_out(kill)
        await asyncio.gather(*(self._load.probe(worker) for worker in self._workers))
        self._recoveries[kill.kind].append(time.monotonic() - killed_at)

    async def _is_unheard(self) -> bool:
        return await self._books.is_posted_since(self._journal.newest)

    async def _glance(self) -> None:
        """Audit under load: the books are right at every instant, not only at rest."""
        self._audits += 1
        for finding in await self._books.glance():
            self._find(f"audit under load: {finding.check}: {finding.detail}")

    @asynccontextmanager
    async def _at_rest(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(_STEP_MAX_S):
                await stack.enter_async_context(self._load.paused())
            yield

    async def _examine(self) -> None:
        """Hold the books against the journal, the auditor and the kept heads."""
        try:
            await self._books.sign()
        except HistoryRewritten as error:
            self._find(f"sealer: {error}")
        self._last = await self._books.examine()
        self._audits += 1
        self._examinations += 1
        for audited in self._last.audited:
            self._find(f"audit: {audited.check}: {audited.detail}")
        for verified in self._last.verified.findings:
            self._find(f"verify: {verified.kind}: {verified.text}")
        for each in compare(self._journal.cases, self._last.record):
            self._find(f"journal: {each.kind}: {each.id}: {each.text}")

    async def _examine_what_is_left(self) -> None:
        self._find_deaths()
        await asyncio.to_thread(self._server.ensure_running)
        await self._examine()

    def _find_deaths(self) -> None:
        for worker in self._workers:
            for death in worker.deaths:
                self._find(f"a worker died though nobody had killed it: {death}")

    def _find(self, finding: str) -> None:
        self._findings[finding] = None

    def _report(self, seconds: float) -> TortureReport:
        return TortureReport(
            seed=self._options.seed,
            seconds=round(seconds, 1),
            kills=recoveries(self._recoveries),
            answers=Answers(**asdict(self._journal.counts)),
            audits=self._audits,
            examinations=self._examinations,
            proven=self._proven(),
            findings=list(self._findings),
        )

    def _proven(self) -> Proven | None:
        if self._last is None:
            return None
        verified = self._last.verified
        return Proven(
            transfers=verified.transfers, batches=verified.batches_sealed, heads=verified.heads
        )
