"""`campus demo` as a process of its own, watched by what it prints."""

import asyncio
import re
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.engine.processes import PROGRAM

LIMIT_S: Final = 60
SELLING: Final = re.compile(r"^\d\d:\d\d +([1-9]\d*\.\d|0\.[1-9]) purchases/s ")
"""A line about purchases, of which there were some."""


@dataclass(slots=True)
class Demo:
    """A running `campus demo`."""

    process: Process
    printed: list[str] = field(default_factory=list)
    errors: str = ""
    """What it logged, once it has ended."""

    async def until(self, wanted: re.Pattern[str]) -> str:
        """Read on to the next line that matches. Raises EOFError when there is none."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            while line := (await self.process.stdout.readline()).decode():
                self.printed.append(line.rstrip())
                if wanted.search(line):
                    return line.rstrip()
        raise EOFError(f"{wanted.pattern!r} was never printed, but {self.printed[-3:]}")

    async def stop(self) -> int:
        """Press Ctrl-C; return the exit code, once all that belongs to the demo has ended."""
        self.process.send_signal(signal.SIGINT)
        return await self.ended()

    async def ended(self) -> int:
        """Return the exit code, once nothing holds the output any more: tills included."""
        async with asyncio.timeout(LIMIT_S):
            output, errors = await self.process.communicate()
        self.printed += output.decode().splitlines()
        self.errors = errors.decode()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def demo(settings: Mapping[str, str], *options: str) -> AsyncIterator[Demo]:
    """Start a demo; in the end kill it, should it still run."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "demo", *options, env=dict(settings), stdout=PIPE, stderr=PIPE
    )
    try:
        yield Demo(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def asked(settings: Mapping[str, str], *command: str) -> bytes:
    """Run a command; return what it printed. It must succeed."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *command, env=dict(settings), stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(LIMIT_S):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output
