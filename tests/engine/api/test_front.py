"""Probes and the live page, as a client sees them."""

import re
from collections.abc import AsyncIterator
from importlib.resources import files

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import PlainTextResponse

from engine.api.front import Front
from engine.api.health import Health, Part, health_pages
from engine.api.live_page import Live, live_pages

LIVE = Live(
    campus="nau",
    running_s=7,
    is_stopping=False,
    books_in_balance=None,
    books_checked_s_ago=None,
    purchases=[1, 2],
    purchases_total=3,
    p50_ms=None,
    p99_ms=4.5,
    terminals=40,
    waiting=0,
    transfers=None,
    sealed=None,
    unsealed=None,
    head_position=None,
    head_age_s=None,
)


class Fault:
    """A part that is well, until the test says what is wrong."""

    def __init__(self) -> None:
        self.text: str | None = None

    def __call__(self) -> str | None:
        return self.text


@pytest.fixture
def fault() -> Fault:
    return Fault()


@pytest.fixture
def health(fault: Fault) -> Health:
    return Health((Part(name="database", fault=fault), Part(name="poster", fault=lambda: None)))


@pytest.fixture
async def client(health: Health) -> AsyncIterator[httpx.AsyncClient]:
    registry = CollectorRegistry()
    Gauge("campus_example", "An example.", registry=registry).set(5)
    pages = {**health_pages(health, registry), **live_pages(lambda: LIVE)}
    front = Front(pages, PlainTextResponse("the rest"))
    transport = httpx.ASGITransport(front)
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
        yield client


async def test_an_engine_whose_parts_are_well_is_ready(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "parts": {"database": "ok", "poster": "ok", "process": "ok"},
    }


async def test_an_engine_without_its_database_lives_but_is_not_ready(
    client: httpx.AsyncClient, fault: Fault
) -> None:
    fault.text = "no answer for 7 s"
    assert (await client.get("/livez")).status_code == 200
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["database"] == "no answer for 7 s"


async def test_an_engine_that_stops_is_not_ready(client: httpx.AsyncClient, health: Health) -> None:
    health.is_stopping = True
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["process"] == "stopping"


async def test_metrics_can_be_parsed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    (family,) = text_string_to_metric_families(answer.text)
    assert (family.name, family.samples[0].value) == ("campus_example", 5)


async def test_every_other_path_is_for_the_rest(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez/")).text == "the rest"
    assert (await client.get("/v1/docs")).text == "the rest"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/", "/live.json"])
async def test_pages_are_only_read(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/metrics", "/", "/live.css", "/live.js", "/live.json"]
)
async def test_a_browser_may_do_nothing_that_a_page_does_not_need(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_the_page_loads_only_what_is_served_here(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    for path in re.findall(r'<(?:link|script)[^>]+(?:href|src)="([^"]+)"', page):
        assert (await client.get(path)).status_code == 200
        assert (await client.get(path)).text != "the rest"
    assert "://" not in page


async def test_the_page_has_no_script_or_style_that_the_policy_forbids(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/")).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)


def test_the_script_draws_into_elements_that_exist() -> None:
    script = files("engine.api").joinpath("live_page.js").read_text(encoding="utf-8")
    page = files("engine.api").joinpath("live_page.html").read_text(encoding="utf-8")
    wanted = set(re.findall(r'byId\("([\w-]+)"\)', script))
    assert wanted
    assert wanted <= set(re.findall(r'id="([\w-]+)"', page))


def test_the_script_reads_figures_that_are_sent() -> None:
    script = files("engine.api").joinpath("live_page.js").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\blive\.([a-z]\w+)", script)) - {"json"}
    assert wanted
    assert wanted <= set(Live.__struct_fields__)


async def test_figures_that_are_not_known_are_null(client: httpx.AsyncClient) -> None:
    figures = (await client.get("/live.json")).json()
    assert figures["books_in_balance"] is None
    assert figures["terminals"] == 40
