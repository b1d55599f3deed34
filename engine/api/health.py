"""Probes for whoever runs the engine: does it live, is it ready, how is it doing.

None of them asks the database or waits for anything, so they answer also when the rest is stuck.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.responses import Response

from engine.api.front import Page
from engine.api.wire import Answer

_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something without which no request can be served."""

    name: str
    fault: Callable[[], str | None]
    """Tells in a few words what is wrong; None when nothing is."""


class Ready(Answer, frozen=True, kw_only=True):
    """What `/readyz` answers, with 503 when not ready."""

    ready: bool
    parts: dict[str, str]
    """Each part with `ok`, or with what is wrong."""


class Health:
    """Whether the engine is ready: every part is well, and nobody has asked it to stop."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self._parts = parts
        self.is_stopping = False

    def look(self) -> Ready:
        """Return how the parts are now."""
        faults = {part.name: part.fault() for part in self._parts}
        faults["process"] = "stopping" if self.is_stopping else None
        return Ready(
            ready=not any(faults.values()),
            parts={name: fault or "ok" for name, fault in faults.items()},
        )


def health_pages(health: Health, registry: CollectorRegistry) -> Mapping[str, Page]:
    """Return `/livez`, `/readyz` and `/metrics`."""

    def live() -> Response:
        return Response(b'{"alive":true}', media_type=_JSON)

    def ready() -> Response:
        found = health.look()
        status = HTTPStatus.OK if found.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(msgspec.json.encode(found), status_code=status, media_type=_JSON)

    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return {"/livez": live, "/readyz": ready, "/metrics": metrics}
