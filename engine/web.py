"""The web server: uvicorn, told when to stop by the process instead of by signals."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from engine.api.link_socket import drop_unread
from engine.settings import WebSettings
from ledger.errors import CampusError
from terminals.messages import FRAME_BYTES_MAX

_BACKLOG: Final = 2048
_KEEP_ALIVE_S: Final = 75
"""Longer than the usual minute of a proxy, which then never sends on a connection being closed."""
_UNREAD_MAX_S: Final = 30.0
"""A connection is dropped whose other side takes nothing for so long, alive or not."""


class AddressInUse(CampusError):
    """Somebody listens there already: another engine, perhaps."""

    code = "address_in_use"


class WebServer:
    """One listening socket, from its making to the end of the last connection."""

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        """Take the address at once. Raises AddressInUse, and OSError for one that is not ours."""
        self._socket = _bound(settings.host, settings.port)
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="none",
                http="httptools",
                ws="websockets-sansio",
                ws_max_size=FRAME_BYTES_MAX,
                ws_per_message_deflate=False,
                ws_ping_interval=None,  # the link has its own pings and its own patience
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )

    @property
    def is_serving(self) -> asyncio.Event:
        """Set once connections are taken."""
        return self._server.is_serving

    @property
    def url(self) -> str:
        """Where the server is found."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def serve(self) -> None:
        """Serve until `stop`; then let requests that were taken in be answered, and return."""
        await self._server.serve(sockets=[self._socket])

    def stop_listening(self) -> None:
        """Take no new connections; those that are open are served on."""
        for server in self._server.servers:
            server.close()
        self._socket.close()

    def stop(self) -> None:
        """Let `serve` return when what is under way is answered."""
        self._server.should_exit = True

    def close(self) -> None:
        """Give the address up, if the server never came to do it."""
        self._socket.close()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, which would stop it in an order that is not ours."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.servers = []
        self.is_serving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, and say so."""
        await super().startup(sockets)
        self.is_serving.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(host: str, port: int) -> socket.socket:
    (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        drop_unread(listener, after_s=_UNREAD_MAX_S)
        listener.bind(address)
        listener.listen(_BACKLOG)  # who connects before `serve` waits a moment
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"{host} port {port} is in use") from None
        raise
    return listener
