"""A real server for the length of a `with` block."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import httpx
import uvicorn
import uvicorn.server
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.api import Bounds, Frame, Latency, compile_operations
from tests.engine.api.example import ABOUT, World

BOUNDS = Bounds()
ALICE = {"authorization": "Bearer token-of-alice"}
JSON = {"content-type": "application/json"}
BOB = {"authorization": "Bearer token-of-bob"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    client: httpx.AsyncClient
    host: str
    port: int
    world: World
    registry: CollectorRegistry


@asynccontextmanager
async def serving(
    world: World | None = None,
    *,
    bounds: Bounds = BOUNDS,
    routes: Sequence[BaseRoute] = (),
    trusted_proxies: Sequence[str] = (),
) -> AsyncIterator[Served]:
    """Serve the example's operations, and more routes, on a free port of 127.0.0.1."""
    world = world or World()
    registry = CollectorRegistry()
    compiled = compile_operations(world.operations(), about=ABOUT, bounds=bounds)
    app = Frame(Router([*compiled, *routes], redirect_slashes=False), latency=Latency(registry))
    async with (
        _listening(app, trusted_proxies) as (host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}") as client,
    ):
        yield Served(client=client, host=host, port=port, world=world, registry=registry)


@asynccontextmanager
async def _listening(
    app: ASGIApp, trusted_proxies: Sequence[str]
) -> AsyncIterator[tuple[str, int]]:
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
    )
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        partial(HttpToolsProtocol, config=config, server_state=state, app_state={}),
        host="127.0.0.1",
    )
    try:
        yield listener.sockets[0].getsockname()
    finally:
        # What `uvicorn.Server.shutdown` does, without its pauses of a tenth of a second.
        listener.close()
        for connection in tuple(state.connections):
            connection.shutdown()
        await asyncio.gather(*state.tasks)
        while state.connections:  # noqa: ASYNC110  nothing tells when one is lost
            await asyncio.sleep(0)
        await listener.wait_closed()
