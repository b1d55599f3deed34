"""The WebSocket under a link, told in the words of the link instead of ASGI's."""

import contextlib
import socket
from collections.abc import Sequence
from typing import Final

from starlette.types import Receive, Send

from terminals import frames
from terminals.errors import LinkEnded
from terminals.messages import CLOSE_CODES, CloseReason, FromEngine

_BY_CODE: Final = {
    CLOSE_CODES[reason]: reason for reason in (CloseReason.CLOSED, CloseReason.FRAME_TOO_LARGE)
}
"""What a close code tells us: the other side's, or the web server's for a frame over its limit."""


class Socket:
    """One WebSocket connection as an ASGI server hands it over (ASGI 3, WebSocket 2.4)."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def accept(self) -> None:
        """Take the connection."""
        await self._receive()  # the request to connect
        await self._send({"type": "websocket.accept"})

    async def refuse(self, retry_after_s: int) -> None:
        """Answer the request to connect with 503: come back later."""
        headers = [(b"retry-after", str(retry_after_s).encode())]
        start = {"type": "websocket.http.response.start", "status": 503, "headers": headers}
        await self._send(start)
        await self._send({"type": "websocket.http.response.body", "body": b""})

    async def read(self) -> bytes:
        """Return the next frame. Raises LinkEnded when there is none, or it is none of ours."""
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise LinkEnded(_BY_CODE.get(event["code"], CloseReason.LOST))
        frame: bytes | None = event.get("bytes")
        if frame is None:
            raise LinkEnded(CloseReason.TEXT_FRAME)
        return frame

    async def write(self, messages: Sequence[FromEngine]) -> None:
        """Send one frame; wait while the other side does not read. Raises LinkEnded."""
        try:
            await self._send({"type": "websocket.send", "bytes": frames.write(messages)})
        except (OSError, RuntimeError) as error:
            # uvicorn raises OSError when the connection is gone, and RuntimeError after it has
            # itself begun to close it: for a frame over its limit, or an unanswered ping.
            raise LinkEnded(CloseReason.LOST) from error

    async def close(self, reason: CloseReason) -> None:
        """Say why and close; nothing happens where the connection is closed already."""
        closing = {"type": "websocket.close", "code": CLOSE_CODES[reason], "reason": reason.value}
        with contextlib.suppress(OSError, RuntimeError):  # as in `write`
            await self._send(closing)


def drop_unread(listening: socket.socket, *, after_s: float) -> None:
    """Have the system drop each connection whose other side leaves our data unread for so long.

    A server cannot do this by ASGI: a connection that it closed stays until all of it is sent.
    Does nothing on systems without the limit of RFC 5482, which Linux has.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(after_s * 1000))
