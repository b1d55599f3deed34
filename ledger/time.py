"""Clocks and the business day. Times are aware and in UTC; days are the campus's own."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

CAMPUS_ZONE = ZoneInfo("Asia/Shanghai")


def wall_clock() -> datetime:
    """Return the time now: the clock that a running program is wired with."""
    return datetime.now(UTC)


def business_day(at: datetime) -> date:
    """Return the campus's calendar day of a moment. Raises ValueError for a naive datetime."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return at.astimezone(CAMPUS_ZONE).date()
