"""The application: every operation, route and page of the engine, as one ASGI callable."""

from collections.abc import Mapping
from typing import Final

from starlette.routing import Router, WebSocketRoute
from starlette.types import ASGIApp

from engine.api import About, AnyOperation, Bounds, Frame, Latency, compile_operations
from engine.api.front import Front, Page
from engine.api.me import me_operations
from engine.api.sign_in import sign_in_operations
from engine.api.staff import staff_operations
from engine.api.terminals import frame_routes, terminal_operations
from engine.parts import Parts

_ABOUT: Final = About(
    title="Campus engine",
    version="1",
    description=(
        "Cards, purchases and balances of one campus. Amounts are whole numbers of fen; times "
        "follow RFC 3339; every error is a problem of RFC 9457 with a stable `code`."
    ),
)


def operations(parts: Parts) -> tuple[AnyOperation, ...]:
    """Return every operation of `/v1`: each group of them is one line here."""
    return (
        *sign_in_operations(parts),
        *me_operations(parts),
        *staff_operations(parts),
        *terminal_operations(parts),
    )


def build_app(pages: Mapping[str, Page], parts: Parts) -> ASGIApp:
    """Return the application. Raises WronglyDeclared for operations that contradict each other."""
    routes = compile_operations(operations(parts), about=_ABOUT, bounds=Bounds())
    link = WebSocketRoute("/v1/terminals/link", parts.link)
    router = Router([*routes, *frame_routes(parts), link], redirect_slashes=False)
    return Front(pages, Frame(router, latency=Latency(parts.registry)))
