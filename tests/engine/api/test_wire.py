from datetime import UTC, datetime

import msgspec
import pytest

from engine.api import Call, Nothing, campus_time
from ledger.ids import uuid7
from tests.engine.api.example import Member


def test_a_time_is_shown_with_the_offset_of_the_campus() -> None:
    at = datetime(2025, 9, 1, 4, 0, 0, 250_000, tzinfo=UTC)
    assert msgspec.json.encode(campus_time(at)) == b'"2025-09-01T12:00:00.250000+08:00"'


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        campus_time(datetime(2025, 9, 1))  # noqa: DTZ001  what is refused here


def test_a_call_that_moves_no_money_has_no_idempotency_id() -> None:
    call = Call(
        body=Nothing(),
        parameters=Nothing(),
        principal=Member("alice"),
        request_id=uuid7(),
        intent_id=None,
    )
    with pytest.raises(RuntimeError, match="moves_money"):
        _ = call.idempotency_id
