"""Kills: which process, when, and how what was killed comes back."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, assert_never

import asyncpg

from engine.database.embedded import EmbeddedServer
from engine.database.errors import EmbeddedServerFailed
from engine.database.target import Role
from engine.torture.workers import Worker
from ledger.queries import load

if TYPE_CHECKING:
    from asyncpg.connection import Connection

_SQL = load("engine.sql", "torture")

_ANSWERS_MIN: Final = 20
_ANSWERS_MAX: Final = 500
_AT_ONCE: Final = 0.3
"""How often the kill comes with an answer, so that others of its batch may still be on the way."""
_DELAY_MAX_S: Final = 0.02
"""Some batches long, so that the kill meets one anywhere."""
_MILLISECOND_S: Final = 0.001
_RECOVERY_DELAY_MAX_S: Final = 0.2
_POLL_S: Final = 0.002
_FREEZES_MAX: Final = 200
_SETTLE_S: Final = 0.02
"""For PostgreSQL to finish what workers asked before they were stopped."""


class KillKind(StrEnum):
    """What is killed. All but `terminate` is SIGKILL."""

    WORKER = "worker"
    """The process that posts; its backends go on until they notice."""
    UNHEARD = "unheard"
    """All workers, at a moment when something is posted that nobody was told of."""
    POSTMASTER = "postmaster"
    """The first process of PostgreSQL; the others end when they notice."""
    BACKEND = "backend"
    """A backend that writes: PostgreSQL ends all others and recovers by itself."""
    TERMINATE = "terminate"
    """A backend that writes, ended as an administrator does."""
    RECOVERY = "recovery"
    """The postmaster, and the next one while it recovers."""
    WORKER_AND_POSTMASTER = "worker_and_postmaster"
    """Both at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill of a schedule."""

    kind: KillKind
    answers: int
    """It comes after so many more answers."""
    delay_s: float
    """And then so much later, to the microsecond."""
    recovery_delay_s: float
    """The age of the postmaster that is killed while it recovers."""
    worker: int
    """The number of the worker, where one is killed."""


def schedule(random: Random, count: int, *, workers: int) -> list[Kill]:
    """Return kills in random order, every kind as often as the others, give or take one."""
    kinds: list[KillKind] = []
    while len(kinds) < count:
        kinds += random.sample(tuple(KillKind), len(KillKind))
    return [
        Kill(
            kind=kind,
            answers=random.randint(_ANSWERS_MIN, _ANSWERS_MAX),
            delay_s=0.0 if random.random() < _AT_ONCE else random.uniform(0, _DELAY_MAX_S),
            recovery_delay_s=random.uniform(0, _RECOVERY_DELAY_MAX_S),
            worker=random.randrange(workers),
        )
        for kind in kinds[:count]
    ]


class Killer:
    """Kills processes of one embedded server and of its workers, and no others."""

    def __init__(
        self,
        server: EmbeddedServer,
        workers: Sequence[Worker],
        *,
        is_unheard: Callable[[], Awaitable[bool]],
    ) -> None:
        """`is_unheard` tells whether something is posted that the client does not know of."""
        self._server = server
        self._workers = workers
        self._is_unheard = is_unheard

    async def carry_out(self, kill: Kill) -> float:
        """Kill, start again what has to be, and return the monotonic time of the kill."""
        worker = self._workers[kill.worker]
        match kill.kind:
            case KillKind.WORKER:
                return await self._strike(kill, worker.kill)
            case KillKind.UNHEARD:
                await self._freeze_unheard(kill)
                return await self._strike(kill, *(each.kill for each in self._workers))
            case KillKind.POSTMASTER:
                killed_at = await self._strike(kill, self._kill_postmaster)
            case KillKind.BACKEND:
                pid = await self._writing_backend()
                killed_at = await self._strike(kill, partial(_kill_if_there, pid))
            case KillKind.TERMINATE:
                return await self._terminate_backend(kill)
            case KillKind.RECOVERY:
                killed_at = await self._kill_twice(kill)
            case KillKind.WORKER_AND_POSTMASTER:
                killed_at = await self._strike(kill, worker.kill, self._kill_postmaster)
            case _:
                assert_never(kill.kind)
        await self._revive()
        return killed_at

    async def _strike(self, kill: Kill, *blows: Callable[[], None]) -> float:
        whole_ms, rest_s = divmod(kill.delay_s, _MILLISECOND_S)
        await asyncio.sleep(whole_ms * _MILLISECOND_S)
        time.sleep(rest_s)  # noqa: ASYNC251  less than the event loop can tell apart
        killed_at = time.monotonic()
        for blow in blows:
            blow()
        return killed_at

    async def _revive(self) -> None:
        await asyncio.to_thread(self._server.ensure_running)

    async def _revive_if_let(self) -> None:
        with suppress(EmbeddedServerFailed):
            await self._revive()

    def _kill_postmaster(self) -> None:
        pid = self._server.pid
        assert pid is not None, "the server runs"
        _kill_if_there(pid)

    async def _kill_twice(self, kill: Kill) -> float:
        """Kill the postmaster, and the one that is started in its place at its given age."""
        first = self._server.pid
        killed_at = await self._strike(kill, self._kill_postmaster)
        async with asyncio.TaskGroup() as group:
            reviving = group.create_task(self._revive_if_let())
            while (  # noqa: ASYNC110  another program writes that file
                second := self._server.pid
            ) in {None, first} and not reviving.done():
                await asyncio.sleep(_POLL_S)
            await asyncio.sleep(kill.recovery_delay_s)
            if second is not None and second != first:
                _kill_if_there(second)
        return killed_at

    async def _freeze_unheard(self, kill: Kill) -> None:
        """Stop the workers at once, again and again, until they have posted and not told."""
        for _ in range(_FREEZES_MAX):
            await asyncio.sleep(kill.delay_s)
            for worker in self._workers:
                worker.freeze()
            await asyncio.sleep(_SETTLE_S)
            if await self._is_unheard():
                return
            for worker in self._workers:
                worker.thaw()

    async def _writing_backend(self) -> int:
        async with self._as_administrator() as connection:
            return await _find_writer(connection)

    async def _terminate_backend(self, kill: Kill) -> float:
        async with self._as_administrator() as connection:
            pid = await _find_writer(connection)
            killed_at = await self._strike(kill)
            await connection.execute(_SQL.get("end_backend"), pid)
            return killed_at

    @asynccontextmanager
    async def _as_administrator(self) -> "AsyncIterator[Connection[asyncpg.Record]]":
        connection = await asyncpg.connect(self._server.target(Role.SUPERUSER).url)
        try:
            yield connection
        finally:
            await connection.close()


async def _find_writer(connection: "Connection[asyncpg.Record]") -> int:
    """Return the process id of a backend; workers may be about to connect again."""
    while (  # noqa: ASYNC110  other programs connect
        pid := await connection.fetchval(_SQL.get("find_writers"))
    ) is None:
        await asyncio.sleep(_POLL_S)
    return int(pid)


def _kill_if_there(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
