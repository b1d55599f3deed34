from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from ledger.ids import uuid7
from tests.engine.api.serving import ALICE, Served

ID = UUID("0198f0a1-0000-7000-8000-000000000001")
OTHER = UUID("0198f0a1-0000-7000-8000-000000000002")
PAYMENT = {"amount_fen": 1250, "event_at": "2025-09-01T12:00:00+08:00"}


async def pay(served: Served, body_id: UUID | str | None, *keys: str) -> httpx.Response:
    body = PAYMENT if body_id is None else {**PAYMENT, "id": str(body_id)}
    headers = httpx.Headers(
        [*ALICE.items(), *(("idempotency-key", key) for key in keys)], "latin-1"
    )
    return await served.client.post("/v1/payments", json=body, headers=headers)


async def test_the_id_in_the_body_is_the_key(served: Served) -> None:
    answer = await pay(served, ID)
    assert (answer.status_code, answer.json()["id"]) == (201, str(ID))


@pytest.mark.parametrize("key", [str(ID), f'"{ID}"', str(ID).upper(), ID.hex])
async def test_the_header_is_the_key(served: Served, key: str) -> None:
    answer = await pay(served, None, key)
    assert (answer.status_code, answer.json()["id"]) == (201, str(ID))


async def test_both_may_say_the_same(served: Served) -> None:
    assert (await pay(served, ID, str(ID))).json()["id"] == str(ID)


async def test_both_may_not_differ(served: Served) -> None:
    answer = await pay(served, ID, str(OTHER))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_mismatch")


async def test_without_either_no_money_moves(served: Served) -> None:
    answer = await pay(served, None)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["", "not-a-uuid", f"{ID}x", "\u00ff", "0" * 300])
async def test_a_header_that_is_no_uuid_is_refused_by_name(served: Served, key: str) -> None:
    answer = await pay(served, None, key)
    problem = answer.json()
    assert (problem["code"], problem["field"]) == ("invalid_request", "Idempotency-Key")
    assert not key or key not in answer.text


async def test_two_headers_are_refused(served: Served) -> None:
    problem = (await pay(served, None, str(ID), str(OTHER))).json()
    assert (problem["code"], problem["field"]) == ("invalid_request", "Idempotency-Key")


async def test_an_id_of_another_version_is_refused_by_name(served: Served) -> None:
    in_body = (await pay(served, uuid4())).json()
    in_header = (await pay(served, None, str(uuid4()))).json()
    assert (in_body["code"], in_body["field"]) == ("invalid_request", "id")
    assert (in_header["code"], in_header["field"]) == ("invalid_request", "Idempotency-Key")


async def test_an_id_of_a_clock_that_is_far_off_is_still_an_id(served: Served) -> None:
    far_off = uuid7(datetime(1990, 1, 1, tzinfo=UTC))
    assert (await pay(served, far_off)).json()["id"] == str(far_off)
