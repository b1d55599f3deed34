from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import Cursors
from engine.api.errors import InvalidCursor
from tests.engine.api.example import ENTRIES, cursors
from tests.engine.api.serving import ALICE, Served


async def numbers(served: Served, query: str) -> tuple[list[int], str | None]:
    page = (await served.client.get(f"/v1/entries?{query}", headers=ALICE)).json()
    return [item["number"] for item in page["items"]], page["next_cursor"]


async def test_pages_follow_each_other_without_gap_or_repetition(served: Served) -> None:
    first, after_first = await numbers(served, "limit=3")
    second, after_second = await numbers(served, f"limit=3&cursor={after_first}")
    third, after_third = await numbers(served, f"limit=3&cursor={after_second}")
    assert first + second + third == list(range(1, ENTRIES + 1))
    assert after_third is None


async def test_without_a_limit_a_page_has_fifty_at_most(served: Served) -> None:
    assert (await numbers(served, ""))[0] == list(range(1, ENTRIES + 1))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "AAAA",
        "!!!!",
        "%E4%BA%BA",
        urlsafe_b64encode(msgspec.msgpack.encode((2, "entries", (3, "entry")))).decode(),
        urlsafe_b64encode(msgspec.msgpack.encode((1, "people", (3, "entry")))).decode(),
        urlsafe_b64encode(msgspec.msgpack.encode((1, "entries", ("3", "entry")))).decode(),
        urlsafe_b64encode(msgspec.msgpack.encode((1, "entries", (3,)))).decode(),
    ],
)
async def test_a_cursor_we_did_not_write_is_refused(served: Served, cursor: str) -> None:
    answer = await served.client.get(f"/v1/entries?cursor={cursor.rstrip('=')}", headers=ALICE)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_cursor_of_any_length_is_not_read(served: Served) -> None:
    answer = await served.client.get(f"/v1/entries?cursor={'A' * 600}", headers=ALICE)
    assert answer.json()["field"] == "cursor"


@given(st.integers(min_value=-(2**63), max_value=2**63), st.text(max_size=50))
def test_what_was_written_is_read(number: int, text: str) -> None:
    assert cursors.read(cursors.write((number, text))) == (number, text)


def test_a_moment_keeps_its_microseconds() -> None:
    moments = Cursors("moments", tuple[datetime, int])
    position = (datetime(2025, 9, 1, 4, 0, 0, 123456, tzinfo=UTC), 7)
    assert moments.read(moments.write(position)) == position


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.read(text + "!")
