"""The page at `/`: the campus live. Its own HTML, style and script, and a small JSON to draw."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Final

import msgspec
from starlette.responses import Response

from engine.api.front import Page
from engine.api.wire import Answer

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Live(Answer, frozen=True, kw_only=True):
    """The campus as it stands. What is not known yet is null."""

    campus: str
    running_s: int
    is_stopping: bool
    books_in_balance: bool | None
    books_checked_s_ago: int | None
    purchases: list[int]
    """In each of the last seconds, the oldest first."""
    purchases_total: int
    """Since this process started."""
    p50_ms: float | None
    p99_ms: float | None
    terminals: int
    waiting: int
    """Entries in the queue of the ledger."""
    transfers: int | None
    """In the hash chain."""
    sealed: int | None
    unsealed: int | None
    head_position: int | None
    head_age_s: int | None


def live_pages(look: Callable[[], Live]) -> Mapping[str, Page]:
    """Return the page, its parts and its figures."""
    page = _file("live_page.html")
    page_headers = {"content-security-policy": _POLICY}

    def figures() -> Response:
        return Response(msgspec.json.encode(look()), media_type="application/json")

    return {
        "/": lambda: Response(page, media_type="text/html", headers=page_headers),
        "/live.css": _static("live_page.css", "text/css"),
        "/live.js": _static("live_page.js", "text/javascript"),
        "/live.json": figures,
    }


def _static(name: str, media_type: str) -> Page:
    content = _file(name)
    headers = {"cache-control": "no-cache"}
    return lambda: Response(content, media_type=media_type, headers=headers)


def _file(name: str) -> bytes:
    return files("engine.api").joinpath(name).read_bytes()
