import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Route

from engine.api import AnyOperation, Bounds, compile_operations
from tests.engine.api.example import ABOUT, World
from tests.engine.api.serving import ALICE, Served, serving


def operation(name: str) -> AnyOperation:
    return next(one for one in World().operations() if one.name == name)


def matched(path: str, method: str, *operations: AnyOperation) -> tuple[Match, str | None]:
    route = compile_operations(operations, about=ABOUT, bounds=Bounds())[0]
    match, found = route.matches({"type": "http", "path": path, "method": method})
    endpoint = found.get("endpoint")
    return match, endpoint.operation.name if match is Match.FULL and endpoint else None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/cards/own", "own"),
        ("/v1/cards/other", "named"),
        ("/v1/cards/own/pages", "pages"),
        ("/v1/cards/other/pages", "pages"),
    ],
)
def test_a_literal_segment_goes_before_a_name_and_does_not_hide_what_follows(
    path: str, name: str
) -> None:
    named = replace(operation("show_card"), name="named")
    own = replace(operation("list_entries"), name="own", path="/v1/cards/own")
    pages = replace(operation("show_card"), name="pages", path="/v1/cards/{card_id}/pages")
    assert matched(path, "GET", named, own, pages) == (Match.FULL, name)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/cards", "/v1/cards/", "/v1/cards/1/2"])
def test_a_path_of_no_operation_is_left_to_other_routes(path: str) -> None:
    assert matched(path, "GET", operation("show_card")) == (Match.NONE, None)


def test_another_method_is_left_to_routes_that_have_it() -> None:
    assert matched("/v1/cards/1", "PUT", operation("show_card")) == (Match.PARTIAL, None)


def test_a_socket_is_left_to_other_routes() -> None:
    route = compile_operations(World().operations(), about=ABOUT, bounds=Bounds())[0]
    assert route.matches({"type": "websocket", "path": "/v1/entries"}) == (Match.NONE, {})


async def test_names_of_a_path_are_handed_to_their_own_operation(served: Served) -> None:
    card_id = uuid4()
    shown = await served.client.get(f"/v1/cards/{card_id}", headers=ALICE)
    forgotten = await served.client.delete(f"/v1/cards/{card_id}", headers=ALICE)
    assert shown.json()["id"] == str(card_id)
    assert (forgotten.status_code, forgotten.content) == (204, b"")


async def test_head_is_get_without_the_body(served: Served) -> None:
    answer = await served.client.head("/v1/entries", headers=ALICE)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_a_handler_that_takes_too_long_is_cancelled() -> None:
    async with serving(bounds=Bounds(request_limit_s=0.05)) as served:
        answer = await served.client.post("/v1/waits")
    assert (answer.status_code, answer.json()["code"]) == (503, "timed_out")
    assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
    assert served.world.cancelled


async def test_beyond_the_bound_requests_are_refused_and_the_rest_goes_on() -> None:
    async with serving(bounds=Bounds(working_max=1)) as served, asyncio.TaskGroup() as group:
        first = group.create_task(served.client.post("/v1/waits"))
        await served.world.started.wait()
        second = await served.client.post("/v1/visits")
        served.world.go_on.set()
    assert (second.status_code, second.json()["code"]) == (503, "server_busy")
    assert second.headers["retry-after"] == "1"
    assert first.result().status_code == 200


async def test_routes_of_others_stand_beside_the_operations() -> None:
    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async with serving(routes=[Route("/hello", page)]) as served:
        answer = await served.client.get("/hello")
    assert answer.text == "hello"
