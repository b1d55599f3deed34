"""The engine as a process of its own, watched by its log lines."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.database.target import Role
from tests.databases import CAMPUS, Database

LIMIT_S: Final = 60
PROGRAM: Final = (sys.executable, "-m", "engine")

Line = dict[str, object]


def environment(database: Database, data_dir: Path, **more: str) -> dict[str, str]:
    """Return the settings of an engine on a test's own database, on any free port."""
    return {
        "CAMPUS_NAME": CAMPUS,
        "CAMPUS_DATA_DIR": str(data_dir),
        "CAMPUS_DATABASE_URL": database.target(Role.APP).url,
        "CAMPUS_OWNER_DATABASE_URL": database.target(Role.OWNER).url,
        "CAMPUS_PORT": "0",
        "CAMPUS_POOL_SIZE": "6",
        "CAMPUS_LOG_FORMAT": "json",
        **more,
    }


@dataclass(slots=True)
class EngineProcess:
    """A running `campus run`."""

    process: Process
    lines: list[Line] = field(default_factory=list)
    """What it has logged, as far as the test has read."""

    async def logged(self, event: str) -> Line:
        """Read on to the next line of this event. Raises EOFError when the log ends before."""
        assert self.process.stderr is not None
        async with asyncio.timeout(LIMIT_S):
            while text := await self.process.stderr.readline():
                if not text.startswith(b"{"):
                    continue
                line: Line = json.loads(text)
                self.lines.append(line)
                if line["event"] == event:
                    return line
        raise EOFError(f"{event!r} was never logged, but {self.lines[-3:]}")

    def tell(self, told: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(told)

    async def ended(self) -> int:
        """Read the log to its end and return the exit code."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                try:
                    await self.logged("")
                except EOFError:
                    return await self.process.wait()

    @property
    def events(self) -> list[object]:
        """The events that were read."""
        return [line["event"] for line in self.lines]


@asynccontextmanager
async def engine_process(settings: Mapping[str, str]) -> AsyncIterator[EngineProcess]:
    """Start an engine; in the end kill it, should it still run."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "run", env=dict(settings), stdout=PIPE, stderr=PIPE
    )
    try:
        yield EngineProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def ready_engine(settings: Mapping[str, str]) -> AsyncIterator[tuple[EngineProcess, str]]:
    """Start an engine, and wait until it is ready; give it and its URL."""
    async with engine_process(settings) as engine:
        ready = await engine.logged("engine ready")
        yield engine, str(ready["url"])
