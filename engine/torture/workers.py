"""The client's end: workers that are started, asked, killed, and started again."""

import asyncio
import os
import signal
import socket
import sys
from asyncio import StreamWriter
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from engine.torture.frames import Orders, Replied, asked, read_frame, to_frame
from engine.torture.journal import Answer
from engine.torture.questions import Question
from ledger.errors import CampusError

_MODULE: Final = "engine.torture.worker"
_DEATHS_MAX: Final = 5
_LOG_TAIL: Final = 600


class WorkersFailed(CampusError):
    """Workers kept dying without being killed; their logs say why."""

    code = "workers_failed"


class Worker:
    """One place for a worker, which is filled again whenever the worker in it has died."""

    def __init__(
        self, orders: Orders, log: Path, *, answer_max_s: float, any_up: asyncio.Event
    ) -> None:
        """`any_up` is set whenever this worker, or another that has the same event, comes up."""
        self.deaths: list[str] = []
        """What workers left behind that died though nobody had killed them."""
        self.up = asyncio.Event()
        self._orders = orders
        self._log = log
        self._answer_max_s = answer_max_s
        self._any_up = any_up
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}
        self._writer: StreamWriter | None = None
        self._process: Process | None = None
        self._is_killed = False

    async def keep(self) -> None:
        """Start a worker, and another one whenever it died. Raises WorkersFailed."""
        while len(self.deaths) < _DEATHS_MAX:
            self._process, self._is_killed = None, False
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = await self._start(theirs.fileno())
            try:
                await self._talk(ours)
                await self._process.wait()
                if not self._is_killed:
                    self.deaths.append(self._log.read_text(errors="replace")[-_LOG_TAIL:])
            finally:
                self.kill()
                await self._process.wait()
        raise WorkersFailed(self.deaths[-1])

    def kill(self) -> None:
        """End the worker as `kill -9` does."""
        self.up.clear()
        self._send(signal.SIGKILL)
        self._is_killed = True

    def freeze(self) -> None:
        """Let the worker stand still."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the worker go on."""
        self._send(signal.SIGCONT)

    async def ask(self, question: Question) -> Answer | None:
        """Return the answer, or None when the outcome is not known."""
        if self._writer is None or self._writer.is_closing():
            self.up.clear()
            return None
        number = next(self._numbers)
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._writer.write(to_frame(asked(number, question)))
        try:
            async with asyncio.timeout(self._answer_max_s):
                return await answer
        except TimeoutError:
            if not self._is_killed:
                self.deaths.append(f"no answer within {self._answer_max_s} s to {question}")
            self.kill()
            return None
        finally:
            self._waiting.pop(number, None)

    def _send(self, sent: signal.Signals) -> None:
        process = self._process
        if process is not None and process.returncode is None and not self._is_killed:
            with suppress(ProcessLookupError):
                os.kill(process.pid, sent)

    async def _start(self, descriptor: int) -> Process:
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                _MODULE,
                str(descriptor),
                pass_fds=(descriptor,),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def _talk(self, connected: socket.socket) -> None:
        """Give the orders, then hand answers to who waits for them, until the worker is gone."""
        reader, writer = await asyncio.open_unix_connection(sock=connected)
        try:
            writer.write(to_frame(self._orders))
            while (replied := await read_frame(reader, Replied)) is not None:
                if replied.number == 0:
                    self._writer = writer
                    self.up.set()
                    self._any_up.set()
                elif replied.number in self._waiting:
                    _settle(self._waiting[replied.number], replied.answer)
        finally:
            self._writer = None
            self.up.clear()
            for each in self._waiting.values():
                _settle(each, None)
            writer.close()


def _settle(waiting: "asyncio.Future[Answer | None]", answer: Answer | None) -> None:
    if not waiting.done():
        waiting.set_result(answer)
