"""Load by POST, from a client that is cheap enough to measure a server with.

HTTP/1.1 with connections that stay open, one request at a time on each. It reads of an answer only
the status and the length, which a server must tell.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from terminals.latencies import Latencies

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length: "
_STATUS: Final = slice(9, 12)  # of "HTTP/1.1 200 OK"
_LATE_S: Final = 30.0


@dataclass(slots=True, kw_only=True)
class PostReport:
    """What came of some load."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    took_s: float = 0.0

    @property
    def succeeded(self) -> int:
        """How many answers have a status of 200 to 299."""
        return sum(count for status, count in self.statuses.items() if 200 <= status <= 299)  # noqa: PLR2004  RFC 9110, section 15.3


async def put_posts(
    port: int, sources: Sequence[Iterator[bytes]], *, duration_s: float
) -> PostReport:
    """Send requests, from each source over a connection of its own, and await the last answers.

    Raises ConnectionError when the server hangs up, TimeoutError when it falls silent.
    """
    loop = asyncio.get_running_loop()
    report = PostReport()
    started = time.perf_counter()
    callers = []
    for requests in sources:
        make = partial(_Caller, report, requests, ends_at=started + duration_s)
        _, caller = await loop.create_connection(make, "127.0.0.1", port)
        callers.append(caller)
    async with asyncio.timeout(duration_s + _LATE_S):
        await asyncio.gather(*(caller.is_done for caller in callers))
    report.took_s = time.perf_counter() - started
    return report


def post(path: str, body: bytes, *, headers: Sequence[str] = ()) -> bytes:
    """Return a request as it is sent."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join(lines).encode() + _HEAD_END + body


class _Caller(asyncio.Protocol):
    def __init__(self, report: PostReport, requests: Iterator[bytes], *, ends_at: float) -> None:
        self.is_done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._report = report
        self._requests = requests
        self._ends_at = ends_at
        self._received = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        at = self._received.index(_LENGTH, 0, head_end) + len(_LENGTH)
        length = int(self._received[at : self._received.index(b"\r\n", at)])
        if len(self._received) < head_end + len(_HEAD_END) + length:
            return
        self._report.latencies.add(time.perf_counter() - self._sent_at)
        self._report.statuses[int(self._received[_STATUS])] += 1
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_done.done():
            self.is_done.set_exception(exc or ConnectionResetError("the server hung up"))

    def _send(self) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()  # uvloop's own clock counts milliseconds
        if self._sent_at < self._ends_at:
            self._transport.write(next(self._requests))
        else:
            self.is_done.set_result(None)
            self._transport.close()
