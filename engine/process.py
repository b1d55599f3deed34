"""One process of the engine: its parts run together and stop in order (docs/adr/0009).

All that runs belongs to one task group. When any of it fails, or ends before it was told to,
everything is cancelled and the process ends with an error: it is never half alive.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, NamedTuple

import structlog

from engine.api.health import Health, Part, health_pages
from engine.api.live_page import live_pages
from engine.app import build_app
from engine.garbage import freeze_what_stays
from engine.jobs import run_jobs
from engine.keys import Keys
from engine.live import LiveView
from engine.parts import Parts, open_parts
from engine.postgres import Postgres, prepare_campus
from engine.settings import Settings
from engine.upkeep import upkeep
from engine.web import WebServer
from ledger.errors import CampusError
from ledger.time import wall_clock

_SILENT_MAX_S: Final = 5.0
"""A database that was not heard of for so long counts as gone; it is asked every second."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


class PartEnded(RuntimeError):
    """A part of the process returned, though nobody had told it to."""


class DrainTooLong(CampusError):
    """The drain deadline passed with work unfinished; its callers were not answered."""

    code = "drain_too_long"


class StopForced(CampusError):
    """A second signal ended the process before it had finished what it had accepted."""

    code = "stop_forced"


Beside = Callable[[Parts, Keys, str], Awaitable[None]]
"""Runs beside an engine that serves, given its URL; it is cancelled before the engine stops."""


async def run_engine(
    settings: Settings, keys: Keys, postgres: Postgres, beside: Beside | None = None
) -> None:
    """Serve a campus until a signal says stop; return when all that was accepted is finished.

    Raises DrainTooLong, StopForced, what opening the parts raises, and an ExceptionGroup when
    a part failed.
    """
    applied = await prepare_campus(
        postgres, settings.campus, command_timeout_s=settings.database.command_timeout_s
    )
    if applied:
        log.info("campus migrated", campus=settings.campus, migrations=applied)
    async with open_parts(settings, keys, postgres, wall_clock) as parts:
        process = Process(parts, settings)
        freeze_what_stays()
        with _signals(process.stop), process.listening():
            await process.run(beside and partial(beside, parts, keys, process.web.url))
    log.info("engine stopped")


class Process:
    """The running parts of one process, and the order in which they stop."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        """Take the address to listen on. Raises AddressInUse."""
        self._parts = parts
        self._drain_timeout_s = settings.web.drain_timeout_s
        self._stopping = asyncio.Event()
        self._sealing_ends = asyncio.Event()
        self._posting: asyncio.Task[None] | None = None
        self.health = Health(
            (
                Part(name="database", fault=self._database_fault),
                Part(name="poster", fault=self._poster_fault),
            )
        )
        self._live = LiveView(parts, self.health)
        pages = {**health_pages(self.health, parts.registry), **live_pages(self._live.look)}
        self.web = WebServer(build_app(pages, parts), settings.web)

    def stop(self) -> None:
        """Let `run` finish what was accepted, and return."""
        self._stopping.set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Give the address up in the end, whatever happens inside."""
        try:
            yield
        finally:
            self.web.close()

    async def run(self, beside: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run until `stop`, with something beside it that is cancelled first.

        Raises DrainTooLong, or an ExceptionGroup when a part failed.
        """
        is_drained = False
        async with asyncio.TaskGroup() as group:
            tasks = await self._start(group, beside or _nothing)
            await self._stopping.wait()
            self.health.is_stopping = True
            self.web.stop_listening()
            log.info("engine stopping")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._drain_timeout_s):
                    await self._drain(tasks)
                    is_drained = True
            for task in tasks:
                task.cancel()
        if not is_drained:
            raise DrainTooLong(f"not finished within {self._drain_timeout_s} s")

    async def _start(
        self, group: asyncio.TaskGroup, beside: Callable[[], Awaitable[None]]
    ) -> "_Tasks":
        """Start the parts, and what runs beside them once they serve."""
        parts = self._parts
        jobs = (*upkeep(parts), self._live.job)
        self._posting = group.create_task(self._until_told(parts.poster.run()))
        sealing = group.create_task(self._until_told(parts.sealer.run(self._sealing_ends)))
        working = group.create_task(run_jobs(jobs, parts.jobs))
        serving = group.create_task(self._until_told(self.web.serve()))
        await self.web.is_serving.wait()
        await parts.database.run_once()
        log.info("engine ready", campus=parts.campus, url=self.web.url)
        visiting = group.create_task(self._until_told(beside()))
        return _Tasks(visiting, serving, working, self._posting, sealing)

    async def _drain(self, tasks: "_Tasks") -> None:
        """Stop from the doors inwards: each part ends when nothing can ask it for more."""
        await _cancel(tasks.visiting)
        await self._parts.link.stop()  # before the server, which would cut the links off
        self.web.stop()
        await tasks.serving
        await _cancel(tasks.working)
        self._parts.poster.close()
        await tasks.posting
        self._sealing_ends.set()
        await tasks.sealing

    async def _until_told(self, work: Awaitable[None]) -> None:
        await work
        if not self._stopping.is_set():
            raise PartEnded("a part of the process ended on its own")

    def _database_fault(self) -> str | None:
        silent_s = self._parts.database.silent_s
        return f"no answer for {silent_s:.0f} s" if silent_s > _SILENT_MAX_S else None

    def _poster_fault(self) -> str | None:
        is_running = self._posting is not None and not self._posting.done()
        return None if is_running else "not running"


class _Tasks(NamedTuple):
    """What runs, in the order in which it stops."""

    visiting: asyncio.Task[None]
    serving: asyncio.Task[None]
    working: asyncio.Task[None]
    posting: asyncio.Task[None]
    sealing: asyncio.Task[None]


async def _nothing() -> None:
    """Run beside an engine and do nothing."""
    await asyncio.Event().wait()


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended; what it raises is its group's to tell."""
    task.cancel()
    await asyncio.wait([task])


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first signal while inside; give everything up at the second.

    Then raises StopForced.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    received: list[signal.Signals] = []

    def handle(received_signal: signal.Signals) -> None:
        received.append(received_signal)
        log.info("signal received", signal=received_signal.name)
        if len(received) == 1:
            stop()
        else:
            task.cancel()

    for each in _SIGNALS:
        loop.add_signal_handler(each, handle, each)
    try:
        yield
    except asyncio.CancelledError:
        if len(received) > 1:
            raise StopForced("stopped by a second signal; something may be unfinished") from None
        raise
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
