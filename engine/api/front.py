"""What is answered before the API: a few exact paths, for probes and for the live page.

They are asked all day long by machines, so they are not in the log, and no rate limit applies.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Page = Callable[[], Response]
"""Makes the answer to one GET, from what is in memory."""

_METHODS: Final = {"GET", "HEAD"}
_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class Front:
    """An ASGI application that answers its own pages and hands everything else on."""

    def __init__(self, pages: Mapping[str, Page], rest: ASGIApp) -> None:
        self._pages = pages
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the rest answer."""
        page = self._pages.get(scope["path"]) if scope["type"] == "http" else None
        if page is None:
            await self._rest(scope, receive, send)
            return
        if scope["method"] in _METHODS:
            response = page()
        else:
            headers = {"allow": ", ".join(sorted(_METHODS))}
            response = Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers=headers)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)
