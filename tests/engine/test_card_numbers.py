"""Card numbers: their form, and what the check digit catches."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.card_numbers import is_card_number, luhn_digit, new_card_number


@pytest.mark.parametrize(
    ("digits", "check"),
    [
        ("7992739871", "3"),  # US patent 2950048 is the source; this is the usual example
        ("411111111111111", "1"),  # a payment network's published test card number
        ("555555555555444", "4"),  # likewise
    ],
)
def test_check_digits_are_those_of_known_numbers(digits: str, check: str) -> None:
    assert luhn_digit(digits) == check


def test_new_numbers_are_card_numbers_and_all_different() -> None:
    numbers = {new_card_number() for _ in range(1000)}
    assert len(numbers) == 1000
    assert all(is_card_number(number) for number in numbers)


@settings(deadline=None)
@given(place=st.integers(0, 15), digit=st.sampled_from("0123456789"))
def test_one_wrong_digit_is_noticed(place: int, digit: str) -> None:
    number = new_card_number()
    wrong = number[:place] + digit + number[place + 1 :]
    assert is_card_number(wrong) == (wrong == number)


@pytest.mark.parametrize("text", ["", "0000000000000000", "4111 1111 1111 1111", "٤" * 16])
def test_what_is_no_number_is_none(text: str) -> None:
    assert not is_card_number(text)
