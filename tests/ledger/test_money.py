import copy
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidAmount
from ledger.money import Fen, total

BIGINT_MAX = 2**63 - 1

values = st.integers(-BIGINT_MAX, BIGINT_MAX)
small_values = st.integers(-(10**12), 10**12)
positive = st.integers(0, 10**15)
weights = st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any)


@given(a=small_values, b=small_values)
def test_fen_add_and_subtract_as_whole_numbers_do(a: int, b: int) -> None:
    assert (Fen(a) + Fen(b)).value == a + b
    assert (Fen(a) - Fen(b)).value == a - b
    assert (-Fen(a)).value == -a


@given(a=values, b=values)
def test_fen_compare_as_whole_numbers_do(a: int, b: int) -> None:
    assert (Fen(a) < Fen(b), Fen(a) <= Fen(b)) == (a < b, a <= b)
    assert (Fen(a) > Fen(b), Fen(a) >= Fen(b)) == (a > b, a >= b)
    assert (Fen(a) == Fen(b)) == (a == b)
    assert a != b or hash(Fen(a)) == hash(Fen(b))


@given(value=values)
def test_only_nothing_is_false(value: int) -> None:
    assert bool(Fen(value)) == (value != 0)


@given(value=values)
def test_yuan_text_reads_back_as_the_same_fen(value: int) -> None:
    text = Fen(value).yuan()
    assert Decimal(text).scaleb(2) == value
    assert len(text.partition(".")[2]) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-1205, "-12.05"), (5000, "50.00")],
)
def test_yuan_text_has_its_sign_in_front_and_two_decimals(value: int, text: str) -> None:
    assert (Fen(value).yuan(), str(Fen(value))) == (text, text)


@pytest.mark.parametrize("value", [True, 1.0, "1", Decimal(1), None])
def test_an_amount_is_an_int_and_nothing_like_it(value: object) -> None:
    with pytest.raises(InvalidAmount):
        Fen(value)  # type: ignore[arg-type]  # the refusal is what is asked about


@pytest.mark.parametrize("value", [BIGINT_MAX + 1, -BIGINT_MAX - 1])
def test_an_amount_beyond_64_bits_is_refused(value: int) -> None:
    with pytest.raises(InvalidAmount):
        Fen(value)


def test_a_sum_beyond_64_bits_is_refused() -> None:
    with pytest.raises(InvalidAmount):
        Fen(BIGINT_MAX) + Fen(1)
    with pytest.raises(InvalidAmount):
        total([Fen(BIGINT_MAX), Fen(1)])


@pytest.mark.parametrize(
    "expression",
    [
        "Fen(1) + 1",
        "1 + Fen(1)",
        "Fen(1) - 1",
        "Fen(1) < 1",
        "Fen(4) / 2",
        "Fen(4) // 2",
        "Fen(1) * 2",
    ],
)
def test_fen_and_bare_numbers_do_not_mix(expression: str) -> None:
    with pytest.raises(TypeError):
        eval(expression, {"Fen": Fen})  # noqa: S307  each is a constant of this file


def test_an_amount_never_equals_a_bare_number() -> None:
    assert Fen(1) != 1


def test_an_amount_does_not_change() -> None:
    amount = Fen(100)
    with pytest.raises(AttributeError):
        amount.value = 200
    with pytest.raises(AttributeError):
        del amount.value
    assert amount == Fen(100)


@given(value=values)
def test_an_amount_survives_copying_and_pickling(value: int) -> None:
    amount = Fen(value)
    assert copy.deepcopy(amount) == amount
    assert pickle.loads(pickle.dumps(amount)) == amount  # noqa: S301  made on this line


@given(value=positive, weights=weights)
def test_shares_add_up_to_the_amount(value: int, weights: list[int]) -> None:
    assert total(Fen(value).split(weights)) == Fen(value)


@given(value=positive, weights=weights)
def test_each_share_is_its_exact_part_or_one_fen_more(value: int, weights: list[int]) -> None:
    shares = Fen(value).split(weights)
    parts = [value * weight // sum(weights) for weight in weights]
    extra = [share.value - part for share, part in zip(shares, parts, strict=True)]
    weighted = [more for more, weight in zip(extra, weights, strict=True) if weight]
    assert sum(extra) == sum(weighted)
    assert weighted == sorted(weighted, reverse=True)
    assert set(weighted) <= {0, 1}


def test_a_share_without_weight_is_nothing() -> None:
    assert Fen(5).split([0, 1, 0, 1]) == [Fen(0), Fen(3), Fen(0), Fen(2)]


@pytest.mark.parametrize(("value", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_what_cannot_be_shared_out_is_refused(value: int, weights: list[int]) -> None:
    with pytest.raises(InvalidAmount):
        Fen(value).split(weights)


@given(amounts=st.lists(small_values))
def test_the_total_is_the_sum(amounts: list[int]) -> None:
    assert total([Fen(amount) for amount in amounts]).value == sum(amounts)
