import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from engine.api import AnyOperation, Cookie
from engine.api.openapi import codes_by_status, describe
from ledger.errors import RefusalCode
from tests.engine.api.example import ABOUT, Members, World
from tests.engine.api.serving import Served

OPERATIONS = World().operations()
BAD_REQUEST = {"invalid_request", "idempotency_key_missing", "idempotency_key_mismatch"}
NOT_FOUND = {"hold_not_found", "debit_account_not_found", "credit_account_not_found"}
UNPROCESSABLE = {
    "amount_must_be_positive",
    "amount_too_large",
    "accounts_must_differ",
    "amount_exceeds_hold",
    "units_must_match",
}
CONFLICT = {
    "transfer_conflict",
    "hold_already_posted",
    "hold_already_voided",
    "hold_already_expired",
    "debit_account_closed",
    "credit_account_closed",
    "credits_would_exceed_debits",
    "linked_transfer_refused",
}


class ByCookie(Members):
    schemes = (
        Cookie(name="session", description="The session of a browser.", cookie="campus_session"),
    )


def written() -> object:
    return msgspec.json.decode(msgspec.json.encode(describe(OPERATIONS, ABOUT)))


def at(document: object, *path: str) -> object:
    """What stands at a path of names in a document."""
    for name in path:
        assert isinstance(document, dict)
        document = document[name]
    return document


def names(document: object, *path: str) -> set[str]:
    found = at(document, *path)
    assert isinstance(found, dict)
    return set(found)


def references(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        if "$ref" in document:
            yield document["$ref"]
        for value in document.values():
            yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


async def test_the_document_is_served_as_it_is_written(served: Served) -> None:
    answer = await served.client.get("/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == written()


def test_its_objects_have_the_names_of_the_specification() -> None:
    pay = ("paths", "/v1/payments", "post")
    assert names(written()) == {"openapi", "info", "paths", "components"}
    assert names(written(), "info") == {"title", "version", "description"}
    assert names(written(), "components") == {"schemas", "securitySchemes"}
    assert names(written(), *pay) == {
        "operationId", "tags", "summary", "parameters", "requestBody", "responses", "security",
    }  # fmt: skip
    assert names(written(), *pay, "requestBody") == {"required", "content"}
    assert names(written(), *pay, "responses", "201") == {"description", "content"}
    assert at(written(), "openapi") == "3.1.0"


def test_every_operation_is_there_and_nothing_else() -> None:
    paths = at(written(), "paths")
    assert isinstance(paths, dict)
    found = {
        (path, method, described["operationId"])
        for path, methods in paths.items()
        for method, described in methods.items()
    }
    assert found == {(each.path, each.method.lower(), each.name) for each in OPERATIONS}


def test_every_reference_leads_to_a_schema() -> None:
    schemas = {f"#/components/schemas/{name}" for name in names(written(), "components", "schemas")}
    assert set(references(written())) == schemas


def test_names_of_schemas_are_those_that_the_specification_allows() -> None:
    for name in names(written(), "components", "schemas"):
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)


def test_parameters_say_where_they_are_and_whether_they_must_be() -> None:
    assert at(written(), "paths", "/v1/cards/{card_id}", "get", "parameters") == [
        {
            "name": "card_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        },
        {
            "name": "at_most",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "default": 10},
        },
    ]


def test_what_moves_money_takes_the_header() -> None:
    (header,) = describe(OPERATIONS, ABOUT).paths["/v1/payments"]["post"].parameters
    assert (header.name, header.place, header.required) == ("Idempotency-Key", "header", False)


def test_a_body_is_strict() -> None:
    payment = ("components", "schemas", "Payment")
    assert at(written(), *payment, "additionalProperties") is False
    assert at(written(), *payment, "required") == ["amount_fen", "event_at"]


def test_who_may_call_is_said() -> None:
    assert at(written(), "paths", "/v1/payments", "post", "security") == [{"member": []}]
    assert "security" not in names(written(), "paths", "/v1/visits", "post")
    assert at(written(), "components", "securitySchemes", "member") == {
        "type": "http",
        "scheme": "bearer",
        "description": "The member's token.",
    }


def test_a_cookie_is_a_way_to_show_who_one_is() -> None:
    (pay, *_) = OPERATIONS
    document = describe([replace(pay, access=ByCookie())], ABOUT)
    assert msgspec.to_builtins(document.components.security_schemes) == {
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "campus_session",
            "description": "The session of a browser.",
        }
    }


def test_every_code_of_an_operation_stands_under_its_status() -> None:
    (pay,) = (each for each in OPERATIONS if each.name == "pay")
    found = {status.value: set(codes) for status, codes in codes_by_status(pay).items()}
    assert found == {
        400: BAD_REQUEST,
        401: {"not_signed_in"},
        402: {"insufficient_funds"},
        404: NOT_FOUND,
        409: CONFLICT,
        413: {"body_too_large"},
        415: {"unsupported_media_type"},
        422: UNPROCESSABLE,
        429: {"rate_limited"},
        500: {"internal_error"},
        503: {"server_busy", "timed_out", "database_unavailable"},
    }


def test_a_refused_transfer_stands_with_every_reason() -> None:
    listed = {
        code for each in OPERATIONS for codes in codes_by_status(each).values() for code in codes
    }
    assert set(RefusalCode) <= listed


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_document_lists_the_codes_of_an_operation(operation: AnyOperation) -> None:
    responses = ("paths", operation.path, operation.method.lower(), "responses")
    statuses = codes_by_status(operation)
    assert names(written(), *responses) == {
        str(operation.status.value), *(str(status.value) for status in statuses),
    }  # fmt: skip
    for status, codes in statuses.items():
        problem = (*responses, str(status.value), "content", "application/problem+json", "schema")
        assert at(written(), *problem) == {
            "allOf": [
                {"$ref": "#/components/schemas/ProblemDetails"},
                {"properties": {"code": {"enum": codes}}},
            ]
        }


def test_an_answer_without_content_has_none() -> None:
    forget = ("paths", "/v1/cards/{card_id}", "delete", "responses", "204")
    assert at(written(), *forget) == {"description": "No Content"}
