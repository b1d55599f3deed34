"""Echoes a second over one WebSocket, pipelined, by a client that costs next to nothing.

What it sends is made once, and of what comes back it counts the bytes: so the server is what is
measured, not the client.
"""

import asyncio
import base64
import os
from typing import Final

_PAYLOAD: Final = bytes(64)
"""About as long as a purchase."""
_BINARY: Final = 0x82  # RFC 6455, section 5.2: final, binary
_MASKED: Final = bytes([_BINARY, 0x80 | len(_PAYLOAD), 0, 0, 0, 0]) + _PAYLOAD
"""A mask of zeros is a mask."""
_ECHOED: Final = 2 + len(_PAYLOAD)
_LATE_S: Final = 10.0


async def echo_rate(port: int, *, window: int, duration_s: float) -> float:
    """Return messages a second, with so many under way at any time."""
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(
        lambda: _Client(port, window), "127.0.0.1", port
    )
    async with asyncio.timeout(duration_s + _LATE_S):
        await client.is_open
        before, started = client.echoed, loop.time()
        await asyncio.sleep(duration_s)
        rate = (client.echoed - before) / (loop.time() - started)
    transport.abort()
    return rate


class _Client(asyncio.Protocol):
    def __init__(self, port: int, window: int) -> None:
        self.echoed = 0
        self.is_open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._port = port
        self._window = window
        self._received = bytearray()  # until the handshake is done
        self._rest = 0  # bytes of an echo that is not whole yet
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if self.is_open.done():
            whole, self._rest = divmod(self._rest + len(data), _ECHOED)
            self.echoed += whole
            self._send(whole)
            return
        self._received += data
        if b"\r\n\r\n" not in self._received:
            return
        if self._received.startswith(b"HTTP/1.1 101 "):
            self.is_open.set_result(None)
            self._send(self._window)
        else:
            self.is_open.set_exception(RuntimeError(bytes(self._received[:200])))

    def _send(self, count: int) -> None:
        assert self._transport is not None
        self._transport.write(_MASKED * count)
