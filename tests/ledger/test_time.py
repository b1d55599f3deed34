from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.time import business_day, wall_clock

# China has kept UTC+8 without summer time since 1992.
FIRST = datetime(1992, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), timedelta(days=40_000)).map(FIRST.__add__)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(at=moments)
def test_the_business_day_is_the_date_eight_hours_ahead_of_utc(at: datetime) -> None:
    assert business_day(at) == (at + timedelta(hours=8)).date()


@given(at=moments, offset=offsets)
def test_a_moment_has_one_business_day_however_it_is_written(
    at: datetime, offset: timezone
) -> None:
    assert business_day(at.astimezone(offset)) == business_day(at)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 1, 15, 59, 59, 999_999, tzinfo=UTC), date(2026, 3, 1)),
        (datetime(2026, 3, 1, 16, 0, tzinfo=UTC), date(2026, 3, 2)),
        (datetime(2025, 12, 31, 16, 0, tzinfo=UTC), date(2026, 1, 1)),
    ],
)
def test_a_business_day_begins_at_midnight_on_campus(at: datetime, day: date) -> None:
    assert business_day(at) == day


def test_a_naive_moment_has_no_business_day() -> None:
    with pytest.raises(ValueError, match="time zone"):
        business_day(datetime(2026, 1, 1))  # noqa: DTZ001  the refusal is what is asked about


def test_the_wall_clock_gives_aware_utc() -> None:
    assert wall_clock().tzinfo is UTC
