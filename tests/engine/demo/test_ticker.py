import io

import pytest
from rich.console import Console

from engine.demo.lines import (
    LowOnMoney,
    Sold,
    WatchedDecline,
    read_from_tills,
    write,
)
from engine.demo.places import TILLS
from engine.demo.ticker import Ticker

SOLD = Sold(
    campus_time="11:58",
    approved=40,
    declined={"card_lost": 1},
    unknown=1,
    reversed=2,
    refunded=0,
    walked_away=0,
    p50_us=2_000,
    p99_us=9_000,
)


def printed(*sold: Sold, is_in_balance: bool | None = True) -> str:
    file = io.StringIO()
    ticker = Ticker(Console(file=file, width=60), lambda: is_in_balance)
    for each in sold:
        ticker.add(each)
    ticker.print()
    return file.getvalue()


def test_a_line_has_the_rate_of_the_seconds_and_the_worst_p99() -> None:
    slower = Sold(
        **{name: getattr(SOLD, name) for name in SOLD.__struct_fields__}
        | {
            "campus_time": "11:59",
            "approved": 61,
            "p99_us": 12_340,
        }
    )
    (line,) = printed(SOLD, slower).splitlines()
    assert line.startswith("11:59")
    assert "50.5 purchases/s" in line
    assert "12.3 ms" in line


def test_a_line_has_what_else_happened_and_nothing_that_did_not() -> None:
    line = printed(SOLD, SOLD)
    assert "2 declined (card_lost 2)" in line
    assert "4 reversed" in line
    assert "refunded" not in line


@pytest.mark.parametrize(
    ("is_in_balance", "told"),
    [(True, "books in balance"), (False, "BOOKS ARE WRONG"), (None, "books not audited yet")],
)
def test_a_line_tells_about_the_books(*, is_in_balance: bool | None, told: str) -> None:
    assert told in printed(SOLD, is_in_balance=is_in_balance)


def test_a_line_counts_each_second_once() -> None:
    file = io.StringIO()
    ticker = Ticker(Console(file=file), lambda: True)
    ticker.add(SOLD)
    ticker.print()
    ticker.add(SOLD)
    ticker.print()
    assert file.getvalue().count("40.0 purchases/s") == 2


def test_a_watched_decline_names_person_place_and_reason() -> None:
    file = io.StringIO()
    ticker = Ticker(Console(file=file), lambda: True)
    ticker.tell(WatchedDecline(number="2023010123", till=0, code="card_lost"))
    shop, till = TILLS[0]
    assert file.getvalue() == f"2023010123 was declined at {shop.name} {till}: card_lost\n"


@pytest.mark.parametrize(
    "line", [SOLD, LowOnMoney(numbers=("1",)), WatchedDecline(number="1", till=3, code="x")]
)
def test_what_the_tills_say_is_heard_as_it_was_said(
    line: Sold | LowOnMoney | WatchedDecline,
) -> None:
    assert read_from_tills(write(line)) == line
