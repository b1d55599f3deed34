from typing import Literal
from uuid import uuid4

import httpx
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.api import PageParameters, Received
from engine.api.bodies import decode, parameters
from engine.api.errors import InvalidRequest
from ledger.ids import uuid7
from ledger.money import AMOUNT_MAX_FEN
from tests.engine.api.example import Payment
from tests.engine.api.serving import ALICE, JSON, Served


class Row(Received, frozen=True, kw_only=True):
    kind: Literal["a", "b"]


class Rows(Received, frozen=True, kw_only=True):
    rows: list[Row]


class Tree(Received, frozen=True, kw_only=True):
    children: list["Tree"]


def payment(**fields: object) -> bytes:
    form = {"id": uuid7(), "amount_fen": 1250, "event_at": "2025-09-01T12:00:00+08:00"}
    return msgspec.json.encode(form | fields)


async def post(served: Served, body: bytes) -> httpx.Response:
    return await served.client.post("/v1/payments", content=body, headers=ALICE | JSON)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"nonsense", "body"),
        (b"\xff\xfe", "body"),
        (b'{"note": "\xff"}', "body"),
        (b'{"note": "\\ud800"}', "body"),
        (b"[1]", "body"),
        (b"null", "body"),
        (b"{}", "amount_fen"),
        (payment() + b"x", "body"),
        (payment(amount_fen="1250"), "amount_fen"),
        (payment(amount_fen=12.5), "amount_fen"),
        (payment(amount_fen=1250.0), "amount_fen"),
        (payment(amount_fen=True), "amount_fen"),
        (payment(amount_fen=None), "amount_fen"),
        (payment(amount_fen=0), "amount_fen"),
        (payment(amount_fen=-1), "amount_fen"),
        (payment(amount_fen=AMOUNT_MAX_FEN + 1), "amount_fen"),
        (payment(amount_fen=msgspec.Raw(b"9" * 5000)), "amount_fen"),
        (payment(amount_fen=msgspec.Raw(b"1e999")), "amount_fen"),
        (payment(amount_fen=msgspec.Raw(b"[" * 50_000)), "amount_fen"),
        (payment(event_at="2025-09-01T12:00:00"), "event_at"),
        (payment(event_at="yesterday"), "event_at"),
        (payment(event_at=1756699200), "event_at"),
        (payment(id="not-a-uuid"), "id"),
        (payment(note="x" * 21), "note"),
        (payment(note="a\0b"), "body"),
        (payment(surprise=1), "surprise"),
        (payment(**{"x" * 100: 1}), "(unprintable)"),
        (payment(**{"<script>": 1}), "(unprintable)"),
        (b'{"amount_fen": 1, ' + payment()[1:], "amount_fen"),
    ],
)
async def test_a_body_of_another_form_is_refused_by_the_name_of_the_field(
    served: Served, body: bytes, field: str
) -> None:
    answer = await post(served, body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid_request")
    assert problem["field"] == field


async def test_the_largest_amount_is_taken(served: Served) -> None:
    answer = await post(served, payment(amount_fen=AMOUNT_MAX_FEN))
    assert answer.json()["amount_fen"] == AMOUNT_MAX_FEN


async def test_a_wrong_value_is_not_repeated(served: Served) -> None:
    answer = await post(served, payment(pin="4711-secret"))
    assert answer.json()["field"] == "pin"
    assert "4711" not in answer.text


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_form_of_another_site_is_refused(served: Served, media_type: str) -> None:
    answer = await served.client.post(
        "/v1/payments", content=payment(), headers=ALICE | {"content-type": media_type}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_media_type_may_name_its_charset(served: Served) -> None:
    answer = await served.client.post(
        "/v1/payments",
        content=payment(),
        headers=ALICE | {"content-type": "Application/JSON; charset=utf-8"},
    )
    assert answer.status_code == 201


def test_a_field_inside_a_list_is_named_by_its_place() -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode(b'{"rows": [{"kind": "a"}, {}]}', Rows)
    assert refused.value.field == "rows[1].kind"


def test_a_wrong_choice_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode(b'{"rows": [{"kind": "secret"}]}', Rows)
    assert str(refused.value) == "rows[0].kind: Invalid enum value"


@pytest.mark.parametrize(
    "name",
    ["secret - at `$.rows`", "secret` - at `$.rows ", "` - at `$.secret 1", "secret\n", "secret`"],
)
def test_a_name_that_a_caller_made_up_is_not_repeated(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode(msgspec.json.encode({"rows": [{"kind": "a", name: 1}]}), Rows)
    assert "secret" not in str(refused.value)


def test_a_body_nested_too_deeply_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        decode(b'{"children":[' * 4000 + b"]}" * 4000, Tree)


def test_a_name_given_twice_deep_inside_is_found() -> None:
    with pytest.raises(InvalidRequest, match="kind: given twice"):
        decode(b'{"rows": [{"kind": "a", "kind": "b"}]}', Rows)


@given(st.binary(max_size=200))
@example(payment())
@example(payment(note="\\u0000"))
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    try:
        taken = decode(body, Payment)
    except InvalidRequest:
        return
    assert taken.amount_fen >= 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("surprise=1", "surprise"),
        ("%3Cscript%3E=1", "(unprintable)"),
        ("limit", "query"),
        ("&&", "query"),
        ("cursor=%FF", "query"),
        ("cursor=%00", "query"),
        ("&".join(f"a{number}=1" for number in range(40)), "query"),
    ],
)
async def test_a_query_of_another_form_is_refused_by_the_name_of_the_field(
    served: Served, query: str, field: str
) -> None:
    answer = await served.client.get(f"/v1/entries?{query}", headers=ALICE)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid_request")
    assert problem["field"] == field


async def test_path_and_query_come_as_what_they_are(served: Served) -> None:
    card_id = uuid4()
    answer = await served.client.get(f"/v1/cards/{card_id}?at_most=3", headers=ALICE)
    assert answer.json() == {"id": str(card_id), "at_most": 3}


async def test_a_path_of_another_form_is_refused_by_the_name_of_the_field(served: Served) -> None:
    problem = (await served.client.get("/v1/cards/12", headers=ALICE)).json()
    assert (problem["code"], problem["field"]) == ("invalid_request", "card_id")


async def test_a_query_cannot_say_what_the_path_says(served: Served) -> None:
    path = f"/v1/cards/{uuid4()}?card_id={uuid4()}"
    problem = (await served.client.get(path, headers=ALICE)).json()
    assert (problem["code"], problem["field"]) == ("invalid_request", "card_id")


@given(st.binary(max_size=100))
def test_any_query_is_taken_or_refused(query: bytes) -> None:
    try:
        taken = parameters({}, query, PageParameters)
    except InvalidRequest:
        return
    assert 1 <= taken.limit <= 200
