"""Card numbers: fifteen random digits, the first of them no zero, and a check digit.

At random nobody finds a card by trying: of nine hundred million million numbers some thousands are
given out. No zero leads, so that no spreadsheet eats it.
"""

import secrets
from typing import Final

_LENGTH: Final = 16
_FIRST: Final = 10 ** (_LENGTH - 2)


def new_card_number() -> str:
    """Return a number that was most likely never given out."""
    digits = str(_FIRST + secrets.randbelow(9 * _FIRST))
    return digits + luhn_digit(digits)


def is_card_number(text: str) -> bool:
    """Tell whether it has the form of a card number, which a mistyped digit spoils."""
    is_number = len(text) == _LENGTH and text.isascii() and text.isdigit()
    return is_number and text[0] != "0" and luhn_digit(text[:-1]) == text[-1]


def luhn_digit(digits: str) -> str:
    """Return the check digit of a number without one (ISO/IEC 7812-1, annex B)."""
    doubled = (2 * int(digit) for digit in digits[::-2])
    total = sum(each // 10 + each % 10 for each in doubled)
    total += sum(int(digit) for digit in digits[-2::-2])
    return str(-total % 10)
