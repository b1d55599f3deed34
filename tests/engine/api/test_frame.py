import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from structlog.typing import EventDict

from engine.logs import tell_error
from tests.engine.api.serving import ALICE, JSON, Served, serving
from tests.engine.api.test_bodies import payment

POLICY = {"content-security-policy": "default-src 'self'"}


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    with capture_logs(processors=[merge_contextvars, tell_error]) as events:
        yield events


def requests_counted(registry: CollectorRegistry, operation: str, status: str) -> float | None:
    return registry.get_sample_value(
        "campus_http_request_duration_seconds_count", {"operation": operation, "status": status}
    )


class BreaksOff:
    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("secret")


async def page(_: Request) -> HTMLResponse:
    return HTMLResponse("<p>hello", headers=POLICY)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/entries"),
        ("GET", "/v1/nowhere"),
        ("PUT", "/v1/entries"),
        ("POST", "/v1/visits"),
        ("GET", "/v1/openapi.json"),
    ],
)
async def test_every_answer_of_the_api_forbids_a_browser_everything(
    served: Served, method: str, path: str
) -> None:
    headers = (await served.client.request(method, path)).headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


async def test_a_page_may_set_its_own_policy_and_be_kept() -> None:
    async with serving(routes=[Route("/page", page)]) as served:
        headers = (await served.client.get("/page")).headers
    assert headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "cache-control" not in headers


async def test_a_request_is_logged_in_one_line_by_its_template(
    served: Served, logged: list[EventDict]
) -> None:
    answer = await served.client.get(f"/v1/cards/{uuid4()}?at_most=3", headers=ALICE)
    (line,) = logged
    duration_ms = line.pop("duration_ms")
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "route": "/v1/cards/{card_id}",
        "status": 200,
    }
    assert 0 < duration_ms < 10_000


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/v1/secret-path", "unmatched"),
        ("PUT", "/v1/cards/secret-card", "/v1/cards/{card_id}"),
        ("GET", "/page?secret=1", "/page"),
        ("GET", "/files/secret-file", "/files"),
    ],
)
async def test_a_path_that_was_asked_for_is_not_logged(
    logged: list[EventDict], method: str, path: str, route: str
) -> None:
    async with serving(
        routes=[Route("/page", page), Mount("/files", HTMLResponse("file"))]
    ) as served:
        await served.client.request(method, path)
    assert [line["route"] for line in logged] == [route]
    assert "secret" not in str(logged)


async def test_no_secret_of_a_request_is_logged_whatever_comes_of_it(
    served: Served, logged: list[EventDict]
) -> None:
    token = {"authorization": "Bearer token-of-secret"}
    served.world.errors["bug"] = lambda: ValueError("secret")
    await served.client.post("/v1/payments", content=payment(pin="314159"), headers=token | JSON)
    await served.client.post("/v1/payments", content=payment(pin="secret"), headers=token | JSON)
    await served.client.post("/v1/payments", content=b'{"secret', headers=token | JSON)
    await served.client.get("/v1/entries?secret=secret", headers=token)
    await served.client.get("/v1/failures/bug?secret=secret")
    await served.client.get("/v1/failures/bug")
    assert [line["status"] for line in logged if line["event"] == "request"] == [
        201, 400, 400, 400, 400, 500,
    ]  # fmt: skip
    assert "secret" not in str(logged)
    assert "314159" not in str(logged)


async def test_a_bug_is_logged_with_its_place_and_its_request(
    served: Served, logged: list[EventDict]
) -> None:
    def broken() -> Exception:
        error = RuntimeError("outer")
        error.__cause__ = KeyError("inner")
        return error

    served.world.errors["bug"] = broken
    answer = await served.client.get("/v1/failures/bug")
    failed = logged[0]
    assert (failed["event"], failed["log_level"]) == ("request failed", "error")
    assert failed["error"] == ["RuntimeError", "KeyError"]
    assert failed["request_id"] == answer.headers["x-request-id"]
    assert "example.py" in failed["frames"][-1]


async def test_an_answer_that_breaks_off_closes_its_connection(logged: list[EventDict]) -> None:
    async with serving(routes=[Mount("/broken", BreaksOff())]) as served:
        with pytest.raises(httpx.RemoteProtocolError):
            await served.client.get("/broken/")
    assert [line["event"] for line in logged] == ["request failed", "request"]


async def test_requests_at_the_same_time_do_not_share_their_ids(
    served: Served, logged: list[EventDict]
) -> None:
    answers = await asyncio.gather(
        *(served.client.get("/v1/entries", headers=ALICE) for _ in range(10))
    )
    sent = {answer.headers["x-request-id"] for answer in answers}
    assert {line["request_id"] for line in logged} == sent
    assert {UUID(each).version for each in sent} == {7}


async def test_latency_is_counted_by_operation_and_class_of_status(served: Served) -> None:
    await served.client.get("/v1/entries", headers=ALICE)
    await served.client.get("/v1/entries")
    await served.client.get("/v1/nowhere")
    counted = [
        requests_counted(served.registry, "list_entries", "2xx"),
        requests_counted(served.registry, "list_entries", "4xx"),
        requests_counted(served.registry, "unmatched", "4xx"),
    ]
    assert counted == [1, 1, 1]


async def test_paths_that_do_not_exist_make_no_labels(served: Served) -> None:
    for number in range(5):
        await served.client.get(f"/v1/nowhere/{number}")
    operations = {
        sample.labels["operation"]
        for metric in served.registry.collect()
        for sample in metric.samples
    }
    assert operations == {"unmatched"}
