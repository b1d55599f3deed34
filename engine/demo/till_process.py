"""The process with the demo's tills, as seen from the demo: started, told, heard, started again."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NoReturn

import structlog

from engine.demo.lines import CardReplaced, FromTills, Start, read_from_tills, write

_COMMAND: Final = (sys.executable, "-m", "engine.demo.tills")
_LINE_BYTES_MAX: Final = 1024 * 1024
_END_TIMEOUT_S: Final = 10.0
_AGAIN_AFTER_S: Final = 2.0

log = structlog.get_logger()


class TillProcess:
    """Tills that sell for as long as `run` runs, whatever ends their process."""

    def __init__(
        self, start: Callable[[], Awaitable[Start]], heard: Callable[[FromTills], None]
    ) -> None:
        """Take what says how to start, asked before each start, and who is told what they say."""
        self._start = start
        self._heard = heard
        self._process: Process | None = None
        self._cards: dict[str, str] = {}
        """The card of each customer, as the tills know it."""

    async def run(self) -> NoReturn:
        """Keep the tills selling; cancelled, let them serve who waits and end."""
        while True:
            start = await self._start()
            async with _opened() as process:
                self._process = process
                self._cards = {each.number: each.card for each in start.customers}
                self._tell(start)
                await self._listen(process)
            log.warning("tills ended", exit_code=process.returncode)
            await asyncio.sleep(_AGAIN_AFTER_S)

    def replace_card(self, replaced: CardReplaced) -> None:
        """Let a customer pay with another card, if that is news; a start to come knows anyway."""
        if self._cards.get(replaced.number, replaced.card) != replaced.card:
            self._cards[replaced.number] = replaced.card
            self._tell(replaced)

    def _tell(self, line: Start | CardReplaced) -> None:
        stdin = None if self._process is None else self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(write(line))

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._heard(read_from_tills(line))


@asynccontextmanager
async def _opened() -> AsyncIterator[Process]:
    """Have the process while inside; its input ends then, and soon so does it.

    In a session of its own, Ctrl-C does not reach it: it must outlive the purchases under way.
    """
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, stdin=PIPE, stdout=PIPE, limit=_LINE_BYTES_MAX, start_new_session=True
    )
    try:
        yield process
    finally:
        await asyncio.shield(_end(process))


async def _end(process: Process) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_END_TIMEOUT_S):
            await process.stdout.read()  # else it could not write its last lines
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
