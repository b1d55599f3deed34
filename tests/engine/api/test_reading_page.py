import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from engine.api.openapi import codes_by_status, describe
from engine.api.reading_page import render
from ledger.errors import TransferRefused
from tests.engine.api.example import ABOUT, World
from tests.engine.api.serving import Served

VOID = {"meta", "br", "link"}


class Outline(HTMLParser):
    """Collects what a test asks about, and refuses tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in {"href", "src"} and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
async def page(served: Served) -> str:
    answer = await served.client.get("/v1/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


@pytest.fixture
def outline(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    return outline


def test_every_tag_is_closed(outline: Outline) -> None:
    assert outline.open == []


def test_every_operation_and_every_error_has_its_place(outline: Outline) -> None:
    operations = World().operations()
    codes = {
        code for one in operations for codes in codes_by_status(one).values() for code in codes
    }
    assert codes | {f"op-{operation.name}" for operation in operations} <= set(outline.ids)


def test_places_are_distinct(outline: Outline) -> None:
    assert len(set(outline.ids)) == len(outline.ids)


def test_every_link_leads_somewhere_on_this_server(outline: Outline) -> None:
    inside = {link.removeprefix("#") for link in outline.links if link.startswith("#")}
    assert inside <= set(outline.ids)
    assert {link for link in outline.links if not link.startswith("#")} == {"/v1/openapi.json"}


def test_it_fits_a_phone_and_the_dark(page: str) -> None:
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "color-scheme: light dark" in page


async def test_the_page_may_show_its_own_style_and_nothing_else(served: Served, page: str) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    policy = (await served.client.get("/v1/docs")).headers["content-security-policy"]
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{allowed}'"]
    assert "unsafe" not in policy
    assert "<script" not in page


def test_what_a_declaration_says_is_text_and_not_markup() -> None:
    (pay, *_) = World().operations()
    document = describe([replace(pay, summary="<b>Pay & go")], ABOUT)
    page = render(document, [TransferRefused]).html
    assert "&lt;b&gt;Pay &amp; go" in page
    assert "<b>Pay" not in page
