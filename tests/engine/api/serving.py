"""A real server for the length of a `with` block."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp

from engine.api import Bounds, Frame, Latency, compile_operations
from tests.engine.api.example import ABOUT, World

BOUNDS = Bounds()
ALICE = {"authorization": "Bearer token-of-alice"}
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
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        try:
            yield listener.getsockname()
        finally:
            await server.shutdown(sockets=[listener])
