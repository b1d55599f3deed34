"""The engine's web server with next to nothing behind it, for scale: a process of its own.

    python -m benchmarks.bare_server

It prints its URL, then greets whoever posts to `/hello` and echoes what comes over a WebSocket.
The body of a request to `/hello` is not even read.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from engine.settings import WebSettings
from engine.web import WebServer

_SETTINGS: Final = WebSettings(host="127.0.0.1", port=0, trusted_proxies=(), drain_timeout_s=1.0)
_START_TIMEOUT_S: Final = 30.0


@asynccontextmanager
async def bare_server() -> AsyncIterator[int]:
    """Run the server in its process while inside; give its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.bare_server"), stdout=PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            url = (await process.stdout.readline()).decode()
        yield int(url.rpartition(":")[2])
    finally:
        process.terminate()
        await process.communicate()


async def _hello(_: Request) -> Response:
    return JSONResponse({"hello": "world"})


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": message["bytes"]})


async def _serve() -> None:
    router = Router([Route("/hello", _hello, methods=["POST"])])

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _echo(receive, send)
        else:
            await router(scope, receive, send)

    server = WebServer(answer, _SETTINGS)
    print(server.url, flush=True)
    await server.serve()


if __name__ == "__main__":
    uvloop.run(_serve())
