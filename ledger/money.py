"""Money: an exact number of fen. One currency, CNY; 1 yuan = 100 fen."""

from collections.abc import Sequence
from typing import Final

from ledger.errors import InvalidAmount

AMOUNT_MAX_FEN: Final = 10**12
"""Ten billion yuan, the largest single amount: nine million of them still fit a bigint."""

_BIGINT_MAX: Final = 2**63 - 1

_set = object.__setattr__


class Fen:
    """An amount of money in fen: exact, immutable, ordered; negative only as a difference.

    Adds to and subtracts from itself alone; there is no division, `split` shares out instead.
    Raises InvalidAmount for anything but an `int` that fits a PostgreSQL bigint.
    """

    __slots__ = ("value",)
    value: int

    def __init__(self, value: int) -> None:
        if type(value) is not int:
            raise InvalidAmount(f"an amount is an int, in fen, not {type(value).__name__}")
        if not -_BIGINT_MAX <= value <= _BIGINT_MAX:
            raise InvalidAmount("an amount must fit 64 bits")
        _set(self, "value", value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an amount does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an amount does not change")

    def __reduce__(self) -> tuple[type["Fen"], tuple[int]]:
        return Fen, (self.value,)

    def __eq__(self, other: object) -> bool:
        return self.value == other.value if isinstance(other, Fen) else NotImplemented

    def __lt__(self, other: "Fen") -> bool:
        return self.value < other.value if isinstance(other, Fen) else NotImplemented

    def __le__(self, other: "Fen") -> bool:
        return self.value <= other.value if isinstance(other, Fen) else NotImplemented

    def __gt__(self, other: "Fen") -> bool:
        return self.value > other.value if isinstance(other, Fen) else NotImplemented

    def __ge__(self, other: "Fen") -> bool:
        return self.value >= other.value if isinstance(other, Fen) else NotImplemented

    def __hash__(self) -> int:
        return hash((Fen, self.value))

    def __add__(self, other: "Fen") -> "Fen":
        return Fen(self.value + other.value) if isinstance(other, Fen) else NotImplemented

    def __sub__(self, other: "Fen") -> "Fen":
        return Fen(self.value - other.value) if isinstance(other, Fen) else NotImplemented

    def __neg__(self) -> "Fen":
        return Fen(-self.value)

    def __bool__(self) -> bool:
        return self.value != 0

    def __repr__(self) -> str:
        return f"Fen({self.value})"

    def __str__(self) -> str:
        return self.yuan()

    def yuan(self) -> str:
        """Return the amount as yuan text with two decimals, such as `-12.05`."""
        sign = "-" if self.value < 0 else ""
        whole, cents = divmod(abs(self.value), 100)
        return f"{sign}{whole}.{cents:02d}"

    def split(self, weights: Sequence[int]) -> list["Fen"]:
        """Share the amount out by weights, to the last fen; the shares add up to it exactly.

        Each share is rounded towards zero; the fen left over go one each to the first shares
        with a weight. Raises InvalidAmount for a negative amount or weight, or no weight at all.
        """
        total = sum(weights)
        if self.value < 0 or total <= 0 or any(weight < 0 for weight in weights):
            raise InvalidAmount("only an amount that is not negative, over weights above zero")
        shares = [self.value * weight // total for weight in weights]
        left = self.value - sum(shares)
        for index, weight in enumerate(weights):
            if left and weight:
                shares[index] += 1
                left -= 1
        return [Fen(share) for share in shares]


def total(amounts: Sequence[Fen]) -> Fen:
    """Return the sum of amounts, which is Fen(0) for none."""
    return Fen(sum(amount.value for amount in amounts))
