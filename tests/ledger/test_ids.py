import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.ids import derived_id, time_of, uuid7

MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 30, tzinfo=UTC)

moments = st.timedeltas(timedelta(0), LAST - EPOCH).map(EPOCH.__add__)
labels = st.text(max_size=30)


@given(at=moments)
def test_an_id_carries_its_moment_to_the_millisecond(at: datetime) -> None:
    whole = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert time_of(uuid7(at)) == whole


@given(at=moments)
def test_an_id_is_a_uuid_of_version_7(at: datetime) -> None:
    made = uuid7(at)
    assert (made.version, made.variant) == (7, UUID(int=2 << 62).variant)


@given(at=moments, later=st.timedeltas(MILLISECOND, timedelta(days=1)))
def test_ids_sort_by_their_moment(at: datetime, later: timedelta) -> None:
    assert uuid7(at) < uuid7(at + later)


def test_the_first_48_bits_are_unix_milliseconds_as_in_the_example_of_the_standard() -> None:
    # RFC 9562, appendix A.6: 2022-02-22 14:22:22 in UTC-5 is 017F22E2-79B0-7...
    at = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    assert str(uuid7(at)).startswith("017f22e2-79b0-7")


def test_without_a_moment_an_id_is_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7().int >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def test_ids_of_one_moment_differ() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({uuid7(at) for _ in range(1000)}) == 1000


def test_a_naive_moment_makes_no_id() -> None:
    with pytest.raises((TypeError, ValueError)):
        uuid7(datetime(2026, 1, 1))  # noqa: DTZ001  the refusal is what is asked about


def test_a_uuid_of_another_version_has_no_moment() -> None:
    with pytest.raises(ValueError, match="UUIDv7"):
        time_of(uuid4())


@given(at=moments, label=labels)
def test_a_derived_id_is_always_the_same_and_of_the_same_moment(at: datetime, label: str) -> None:
    base = uuid7(at)
    derived = derived_id(base, label)
    assert derived == derived_id(base, label)
    assert (derived.int >> 80, derived.version) == (base.int >> 80, 7)
    assert derived.variant == base.variant


@given(at=moments, one=labels, other=labels)
def test_derived_ids_differ_by_label_and_by_base(at: datetime, one: str, other: str) -> None:
    base = uuid7(at)
    assert (derived_id(base, one) == derived_id(base, other)) == (one == other)
    assert derived_id(base, one) not in {base, derived_id(uuid7(at), one)}


def test_a_derived_id_does_not_change_between_releases() -> None:
    base = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    assert derived_id(base, "refund") == UUID("017f22e2-79b0-71cf-bc41-5a1c9f754525")
