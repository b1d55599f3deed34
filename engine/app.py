"""The application: every operation, route and page of the engine, as one ASGI callable."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from starlette.routing import Router
from starlette.types import ASGIApp

from engine.api import About, AnyOperation, Bounds, Frame, Latency, compile_operations
from engine.api.front import Front, Page

_ABOUT: Final = About(
    title="Campus engine",
    version="1",
    description=(
        "Cards, purchases and balances of one campus. Amounts are whole numbers of fen; times "
        "follow RFC 3339; every error is a problem of RFC 9457 with a stable `code`."
    ),
)


def operations() -> tuple[AnyOperation, ...]:
    """Return every operation of `/v1`: each group of them is one line here."""
    return ()


def build_app(pages: Mapping[str, Page], *, registry: CollectorRegistry) -> ASGIApp:
    """Return the application. Raises WronglyDeclared for operations that contradict each other."""
    routes = compile_operations(operations(), about=_ABOUT, bounds=Bounds())
    router = Router(routes, redirect_slashes=False)
    return Front(pages, Frame(router, latency=Latency(registry)))
