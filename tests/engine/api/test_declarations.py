from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

import msgspec
import pytest

from engine.api import AnyOperation, Method, Nothing, Received
from engine.api.declarations import WronglyDeclared, check, names_in
from tests.engine.api.example import NoStatus, Payment, World


class Lax(msgspec.Struct):
    amount: int


class Strict(Received, frozen=True, kw_only=True):
    inner: list[Lax]


class Naive(Received, frozen=True, kw_only=True):
    at: datetime


class Unbounded(Received, frozen=True, kw_only=True):
    amount_fen: int | None


class Floating(Received, frozen=True, kw_only=True):
    rate: dict[str, float]


class Anything(Received, frozen=True, kw_only=True):
    value: msgspec.Raw


class WrongId(Received, frozen=True, kw_only=True):
    id: str


class Tree(Received, frozen=True, kw_only=True):
    children: list["Tree"]


class OptionalName(Received, frozen=True, kw_only=True):
    card_id: UUID | None = None


def operation(name: str) -> AnyOperation:
    return next(one for one in World().operations() if one.name == name)


PAY = operation("pay")
SHOW = operation("show_card")


def test_the_example_is_sound() -> None:
    check(World().operations())


@pytest.mark.parametrize(
    ("operations", "fault"),
    [
        ([PAY, replace(PAY, path="/v1/other")], "pay: the name is taken"),
        ([PAY, replace(PAY, name="other")], "POST /v1/payments: declared twice"),
        ([replace(PAY, path="/payments")], "pay: /payments is not a path"),
        ([replace(PAY, path="/v1/Payments/")], "pay: /v1/Payments/ is not a path"),
        ([replace(SHOW, path="/v1/cards/{id}")], "show_card: id is not a required field of Cards"),
        (
            [replace(SHOW, parameters=OptionalName)],
            "show_card: card_id is not a required field of OptionalName",
        ),
        ([replace(SHOW, body=Payment)], "show_card: GET has no body"),
        ([replace(SHOW, response=Nothing)], "show_card: 204 is the answer that has no content"),
        (
            [replace(PAY, status=HTTPStatus.NO_CONTENT)],
            "pay: 204 is the answer that has no content",
        ),
        ([replace(PAY, method=Method.PUT)], "pay: money is moved by POST"),
        ([replace(PAY, body=WrongId)], "pay: the body's `id` is the idempotency key, a UUID"),
        ([replace(PAY, errors=(NoStatus,))], "pay: NoStatus has no HTTP status"),
        ([replace(PAY, body=Strict)], "pay: Strict.inner tolerates unknown fields"),
        ([replace(PAY, body=Naive)], "pay: Naive.at takes times without an offset"),
        ([replace(PAY, body=Unbounded)], "pay: Unbounded.amount_fen is an amount without bounds"),
        ([replace(PAY, body=Floating)], "pay: Floating.rate is a float"),
        ([replace(PAY, body=Anything)], "pay: Anything.value takes anything"),
    ],
)
def test_a_contradiction_is_named(operations: Sequence[AnyOperation], fault: str) -> None:
    with pytest.raises(WronglyDeclared) as refused:
        check(operations)
    assert fault in str(refused.value).splitlines()


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(WronglyDeclared) as refused:
        check([replace(PAY, method=Method.PUT, errors=(NoStatus,)), replace(SHOW, body=Payment)])
    assert len(str(refused.value).splitlines()) == 3


def test_a_form_may_contain_itself() -> None:
    check([replace(PAY, body=Tree)])


def test_names_of_a_path_come_in_their_order() -> None:
    assert names_in("/v1/people/{person_id}/cards/{card_id}") == ("person_id", "card_id")
