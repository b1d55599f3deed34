from collections.abc import Callable
from http import HTTPStatus
from types import ModuleType
from uuid import UUID, uuid4

import pytest
from asyncpg import CannotConnectNowError

import engine.api.errors
import engine.campus_errors
import engine.errors
import ledger.errors
from engine.api.errors import ServerBusy
from engine.api.statuses import codes_of
from engine.campus_errors import CashPaymentRefused, DeclineCode, Declined
from engine.errors import CellError, ImportRefused, NotAllowed, Problem
from ledger.errors import (
    CampusError,
    LedgerBusy,
    LedgerUnavailable,
    RefusalCode,
    TransferConflict,
    TransferRefused,
)
from ledger.money import Fen
from tests.engine.api.example import NoStatus, World, insufficient
from tests.engine.api.serving import ALICE, Served, serving


class TooTired(NotAllowed):
    """A narrower error without a row of its own."""

    code = "too_tired"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (insufficient, 402, "insufficient_funds"),
        (lambda: TransferConflict("amount"), 409, "transfer_conflict"),
        (LedgerBusy, 503, "ledger_busy"),
        (LedgerUnavailable, 503, "ledger_unavailable"),
        (ServerBusy, 503, "server_busy"),
        (lambda: TooTired("sleep"), 403, "too_tired"),
        (ConnectionResetError, 503, "database_unavailable"),
        (CannotConnectNowError, 503, "database_unavailable"),
        (NoStatus, 500, "internal_error"),
        (lambda: ValueError("secret"), 500, "internal_error"),
    ],
)
async def test_an_error_is_answered_with_its_own_status_and_code(
    error: Callable[[], Exception], status: int, code: str
) -> None:
    async with serving(World(errors={"one": error})) as served:
        answer = await served.client.get("/v1/failures/one")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_problem_has_the_members_of_rfc_9457_and_what_the_error_knows() -> None:
    async with serving(World(errors={"poor": insufficient})) as served:
        answer = await served.client.get("/v1/failures/poor")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/v1/docs#insufficient_funds",
        "title": "Insufficient funds",
        "status": 402,
        "detail": "insufficient funds",
        "code": "insufficient_funds",
        "instance": f"urn:uuid:{answer.headers['x-request-id']}",
        "transient": True,
        "needed_fen": 1250,
        "available_fen": 300,
    }


async def test_amounts_are_told_in_fen() -> None:
    error = Declined(RefusalCode.INSUFFICIENT_FUNDS, needed=Fen(1250), available=Fen(300))
    async with serving(World(errors={"poor": lambda: error})) as served:
        problem = (await served.client.get("/v1/failures/poor")).json()
    assert (problem["status"], problem["needed_fen"], problem["available_fen"]) == (402, 1250, 300)


async def test_a_refusal_that_stays_is_not_transient() -> None:
    error = TransferRefused(RefusalCode.DEBIT_ACCOUNT_CLOSED, needed_fen=None, available_fen=None)
    async with serving(World(errors={"closed": lambda: error})) as served:
        problem = (await served.client.get("/v1/failures/closed")).json()
    assert problem["transient"] is False
    assert "needed_fen" not in problem


@pytest.mark.parametrize("error", [LedgerBusy, LedgerUnavailable, ServerBusy])
async def test_whoever_may_come_back_is_told_when(error: type[CampusError]) -> None:
    async with serving(World(errors={"one": error})) as served:
        answer = await served.client.get("/v1/failures/one")
    assert (answer.headers["retry-after"], answer.json()["retry_after_s"]) == ("1", 1)


async def test_what_is_wrong_in_a_table_is_listed_by_cell(served: Served) -> None:
    cell = CellError(row=3, column="number", problem=Problem.REPEATED, first_row=2)
    served.world.errors["import"] = lambda: ImportRefused((cell,))
    problem = (await served.client.get("/v1/failures/import")).json()
    assert problem["errors"] == [
        {"row": 3, "column": "number", "problem": "repeated", "first_row": 2}
    ]


async def test_what_we_did_not_foresee_says_nothing_but_its_request(served: Served) -> None:
    served.world.errors["bug"] = lambda: ValueError("card 6222021234567890")
    answer = await served.client.get("/v1/failures/bug")
    assert "6222" not in answer.text
    assert answer.json()["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"


async def test_an_unknown_path_is_a_problem(served: Served) -> None:
    answer = await served.client.get("/v1/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_method_that_a_path_does_not_have_is_a_problem_that_names_others(
    served: Served,
) -> None:
    answer = await served.client.put(f"/v1/cards/{uuid4()}")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD"


async def test_a_stranger_is_told_how_to_sign_in(served: Served) -> None:
    answer = await served.client.get("/v1/entries")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"] == 'Bearer realm="campus"'


async def test_the_request_id_is_new_for_each_request(served: Served) -> None:
    first = await served.client.get("/v1/entries", headers=ALICE)
    second = await served.client.get("/v1/entries", headers=ALICE)
    ids = {UUID(answer.headers["x-request-id"]) for answer in (first, second)}
    assert {each.version for each in ids} == {7}
    assert len(ids) == 2


@pytest.mark.parametrize(
    "module", [engine.errors, engine.campus_errors, engine.api.errors, ledger.errors]
)
def test_every_error_that_an_operation_may_raise_has_a_status(module: ModuleType) -> None:
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, CampusError) and kind is not CampusError
    ]
    assert kinds
    for kind in kinds:
        assert codes_of(kind)


def test_every_reason_has_a_status() -> None:
    assert set(codes_of(TransferRefused)) == set(RefusalCode)
    assert set(codes_of(CashPaymentRefused)) == set(RefusalCode)
    assert set(codes_of(Declined)) == set(DeclineCode) | set(RefusalCode)


def test_an_error_nobody_gave_a_status_is_named() -> None:
    with pytest.raises(LookupError, match="NoStatus"):
        codes_of(NoStatus)


def test_the_nearest_base_decides_on_the_status() -> None:
    assert codes_of(TooTired) == {"too_tired": HTTPStatus.FORBIDDEN}
