"""The same id again: the same answer for the same request, a conflict for any other."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from ledger.answers import Outcome, Posted
from ledger.book import Asked, LedgerConnection, find_accounts, find_answers, find_lines, post
from ledger.errors import TransferConflict, TransferRefused
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.transfers import Draw, Entry, Intent, Phase, Transfer, draw_id
from tests.ledger.accounts_in import Chart, open_chart
from tests.ledger.asking import LUNCH, burn, changed, draw, end, hold, single

if TYPE_CHECKING:
    from asyncpg import Connection, Record

LATER = LUNCH + timedelta(microseconds=1)


@pytest.fixture
async def chart(connection: "Connection[Record]") -> Chart:
    return await open_chart(connection, wallet_fen=100, subsidy_fen=60, safe_fen=50)


async def ask(connection: LedgerConnection, intent: Intent | Transfer) -> Outcome:
    """Post in a call of its own; see that what is on record is told the same way."""
    intent = Entry(intent) if isinstance(intent, Transfer) else intent
    (outcome,) = await post(connection, [Asked(intent)])
    (on_record,) = await find_answers(connection, [intent])
    assert as_told(on_record) == as_told(outcome)
    return outcome


def as_told(outcome: Outcome | None) -> object:
    """Return what a caller can see of an answer, to be compared."""
    match outcome:
        case TransferRefused():
            return (outcome.code, outcome.needed_fen, outcome.available_fen, outcome.transient)
        case TransferConflict():
            return ("conflict", outcome.field)
        case _:
            return outcome


async def conflict(connection: LedgerConnection, intent: Intent | Transfer) -> str:
    """Ask for something that must be a conflict; return the field that it names."""
    intent = Entry(intent) if isinstance(intent, Transfer) else intent
    before = await find_lines(connection, intent.ids())
    outcome = await ask(connection, intent)
    assert isinstance(outcome, TransferConflict), outcome
    assert await find_lines(connection, intent.ids()) == before
    return outcome.field


def requests(chart: Chart) -> dict[str, Sequence[Intent | Transfer]]:
    """Every kind of request, each the last of those that it needs to come first."""
    held = hold(chart.wallet, chart.shop, 100, expires_at=LUNCH)
    return {
        "single": [single(chart.wallet, chart.shop, 30)],
        "pending": [held],
        "post": [held, end(held.id)],
        "post of a part": [held, end(held.id, amount_fen=40)],
        "void": [held, end(held.id, Phase.VOID)],
        "expire": [held, end(held.id, Phase.EXPIRE)],
        "entry": [Entry(held, end(held.id, amount_fen=1), single(chart.bank, chart.shop, 7))],
        "draw": [draw((chart.subsidy, chart.wallet), chart.shop, 100)],
        "draw from the first": [draw((chart.subsidy, chart.wallet), chart.shop, 50)],
        "draw from the last": [draw((uuid7(), chart.wallet), chart.shop, 50)],
        "refused single": [single(chart.wallet, chart.shop, 101)],
        "refused by the safe": [single(chart.shop, chart.safe, 51)],
        "refused pending": [hold(chart.wallet, chart.shop, 101, expires_at=LUNCH)],
        "refused post": [held, end(held.id, amount_fen=101)],
        "refused void": [end(uuid7(), Phase.VOID)],
        "refused entry": [
            Entry(single(chart.bank, chart.shop, 7), single(chart.wallet, chart.shop, 101))
        ],
        "refused draw": [draw((chart.subsidy, chart.wallet), chart.shop, 161)],
        "refused": [replace(burn(uuid7()), amount=Fen(30))],
    }


NAMES = list(requests(Chart(**{name: uuid7() for name in Chart.__slots__})))


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_again_has_the_same_answer(
    connection: "Connection[Record]", chart: Chart, name: str
) -> None:
    *before, asked = requests(chart)[name]
    for each in before:
        await ask(connection, each)
    first = await ask(connection, asked)
    books = await find_accounts(connection, chart.ids())
    again = [await ask(connection, asked) for _ in range(3)]
    assert [as_told(each) for each in again] == [as_told(first)] * 3
    assert await find_accounts(connection, chart.ids()) == books


@pytest.mark.parametrize("name", NAMES)
async def test_a_request_twice_in_one_call_counts_once(
    connection: "Connection[Record]", chart: Chart, name: str
) -> None:
    *before, asked = requests(chart)[name]
    for each in before:
        await ask(connection, each)
    intent = Entry(asked) if isinstance(asked, Transfer) else asked
    first, second = await post(connection, [Asked(intent), Asked(intent)])
    assert as_told(first) == as_told(second) == as_told(await ask(connection, asked))


SAME_FOR_ALL: list[tuple[str, object]] = [
    ("kind", "other"),
    ("event_at", LATER),
    ("about", uuid4()),
]
SIDES: list[tuple[str, object]] = [
    ("amount", Fen(29)),
    ("debit_account", "bank"),
    ("credit_account", "subsidy"),
]
OTHERS: list[tuple[str, str, object]] = [
    *((name, *each) for name in ("single", "refused single") for each in SAME_FOR_ALL + SIDES),
    *((name, *each) for name in ("pending", "refused pending") for each in SAME_FOR_ALL + SIDES),
    *((name, *each) for name in ("post", "post of a part", "void") for each in SAME_FOR_ALL),
    *(
        (name, *each)
        for name in ("expire", "refused post", "refused void")
        for each in SAME_FOR_ALL
    ),
    *((name, *each) for name in ("draw", "refused draw") for each in SAME_FOR_ALL),
    *((name, "phase", Phase.PENDING) for name in ("single", "refused single")),
    *((name, "expires_at", LATER) for name in ("pending", "refused pending")),
    *((name, "expires_at", None) for name in ("pending", "refused pending")),
    *((name, "phase", Phase.VOID) for name in ("post", "expire")),
    *((name, "phase", Phase.POST) for name in ("void", "expire", "refused void")),
    *((name, "phase", Phase.EXPIRE) for name in ("post", "void", "refused void")),
    *((name, "hold_id", uuid7()) for name in ("post", "void", "expire", "refused post")),
    ("post", "amount", Fen(99)),
    *((name, "amount", Fen(41)) for name in ("post of a part", "refused post")),
    *((name, "amount", None) for name in ("post of a part", "refused post")),
    *((name, "amount", Fen(99)) for name in ("draw", "refused draw")),
    *((name, "credit_account", "bank") for name in ("draw", "refused draw")),
    *((name, "debit_accounts", ("subsidy", "bank")) for name in ("draw", "refused draw")),
    *((name, "debit_accounts", ("wallet", "subsidy")) for name in ("draw", "refused draw")),
]


@pytest.mark.parametrize(("name", "field", "value"), OTHERS)
async def test_another_value_in_a_field_is_a_conflict_that_names_it(
    connection: "Connection[Record]", chart: Chart, name: str, field: str, value: object
) -> None:
    *before, asked = requests(chart)[name]
    assert isinstance(asked, Transfer | Draw)
    for each in (*before, asked):
        await ask(connection, each)
    other = changed(asked, field, by_name(chart, value) if "account" in field else value)
    assert await conflict(connection, other) == field
    assert not isinstance(await ask(connection, asked), TransferConflict)


def by_name(chart: Chart, value: object) -> object:
    """Return the accounts that a row of the table names."""
    names = value if isinstance(value, tuple) else (value,)
    ids = tuple(getattr(chart, str(name)) for name in names)
    return ids if isinstance(value, tuple) else ids[0]


@pytest.mark.parametrize("is_refused", [False, True])
@pytest.mark.parametrize(
    "composed", ["shorter", "longer", "reordered", "only the last", "turned", "shared"]
)
async def test_an_entry_of_other_transfers_is_a_conflict(
    connection: "Connection[Record]", chart: Chart, composed: str, *, is_refused: bool
) -> None:
    first, second, new = (single(chart.bank, chart.shop, amount) for amount in (1, 2, 3))
    third = single(chart.wallet, chart.shop, 101 if is_refused else 1)
    await ask(connection, Entry(first, second, third))
    other = {
        "shorter": Entry(first, second),
        "longer": Entry(first, second, third, new),
        "reordered": Entry(first, third, second),
        "only the last": Entry(third),
        "turned": Entry(third, second, first),
        "shared": Entry(new, second),
    }
    assert await conflict(connection, other[composed]) == "transfers"


async def test_a_difference_in_any_transfer_of_an_entry_is_named(
    connection: "Connection[Record]", chart: Chart
) -> None:
    first, second = (single(chart.bank, chart.shop, amount) for amount in (1, 2))
    await ask(connection, Entry(first, second))
    other = Entry(first, replace(second, amount=Fen(3)))
    assert await conflict(connection, other) == "amount"


async def test_the_whole_of_a_hold_may_be_named_or_not(
    connection: "Connection[Record]", chart: Chart
) -> None:
    held = hold(chart.wallet, chart.shop, 100)
    ending = end(held.id)
    await ask(connection, held)
    first = await ask(connection, ending)
    assert await ask(connection, replace(ending, amount=Fen(100))) == first


async def test_a_part_of_a_draw_is_not_the_draw(
    connection: "Connection[Record]", chart: Chart
) -> None:
    asked = draw((chart.subsidy, chart.wallet), chart.shop, 100)
    outcome = await ask(connection, asked)
    assert isinstance(outcome, Posted)
    first_part = replace(single(chart.subsidy, chart.shop, 60), id=asked.id)
    assert await conflict(connection, first_part) == "transfers"


async def test_an_entry_on_the_id_of_a_part_of_a_draw_is_a_conflict(
    connection: "Connection[Record]", chart: Chart
) -> None:
    asked = draw((chart.subsidy, chart.wallet), chart.shop, 100)
    await ask(connection, asked)
    second_part = replace(single(chart.wallet, chart.shop, 40), id=draw_id(asked.id, 1))
    assert await conflict(connection, second_part) == "transfers"


async def test_a_draw_whose_part_has_its_id_taken_is_a_conflict(
    connection: "Connection[Record]", chart: Chart
) -> None:
    asked = draw((chart.subsidy, chart.wallet), chart.shop, 100)
    await ask(connection, replace(single(chart.bank, chart.shop, 1), id=draw_id(asked.id, 1)))
    assert await conflict(connection, asked) == "transfers"


@pytest.mark.parametrize("phase", [Phase.SINGLE, Phase.PENDING])
async def test_a_draw_under_the_id_of_an_entry_names_what_differs(
    connection: "Connection[Record]", chart: Chart, phase: Phase
) -> None:
    asked = draw((chart.subsidy, chart.wallet), chart.shop, 50)
    entered = replace(single(chart.wallet, chart.shop, 49), id=asked.id, phase=phase)
    await ask(connection, entered)
    assert await conflict(connection, asked) == ("amount" if phase is Phase.SINGLE else "phase")


BURNT = ("single", "pending", "post", "entry", "draw", "refused single", "refused draw")


@pytest.mark.parametrize("name", BURNT)
async def test_what_was_taken_out_of_use_is_refused_for_ever(
    connection: "Connection[Record]", chart: Chart, name: str
) -> None:
    *before, asked = requests(chart)[name]
    for each in before:
        await ask(connection, each)
    assert code_of(await ask(connection, burn(asked.id))) == "reversed"
    books = await find_accounts(connection, chart.ids())
    asked = of_kind(asked, "purchase")
    assert [code_of(await ask(connection, asked)) for _ in range(2)] == ["reversed"] * 2
    assert await find_accounts(connection, chart.ids()) == books


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_on_record_cannot_be_taken_out_of_use(
    connection: "Connection[Record]", chart: Chart, name: str
) -> None:
    *before, asked = requests(chart)[name]
    for each in before:
        await ask(connection, each)
    first = await ask(connection, asked)
    books = await find_accounts(connection, chart.ids())
    assert as_told(await ask(connection, burn(asked.id, "too_late"))) == as_told(first)
    assert as_told(await ask(connection, asked)) == as_told(first)
    assert await find_accounts(connection, chart.ids()) == books


def code_of(outcome: Outcome) -> str:
    assert isinstance(outcome, TransferRefused)
    return outcome.code


def of_kind(asked: Intent | Transfer, kind: str) -> Intent | Transfer:
    """Return the request with that kind, of all its transfers."""
    if isinstance(asked, Entry):
        return Entry(*(replace(transfer, kind=kind) for transfer in asked.transfers))
    return replace(asked, kind=kind)


async def test_the_first_of_two_burns_counts(connection: "Connection[Record]") -> None:
    id_ = uuid7()
    assert code_of(await ask(connection, burn(id_, "reversed"))) == "reversed"
    assert code_of(await ask(connection, burn(id_, "card_lost"))) == "reversed"


async def test_a_burn_may_give_a_code_of_the_ledger(
    connection: "Connection[Record]", chart: Chart
) -> None:
    asked = single(chart.bank, chart.shop, 1)
    await ask(connection, burn(asked.id, "debit_account_closed"))
    assert code_of(await ask(connection, asked)) == "debit_account_closed"


async def test_another_kind_than_was_burnt_is_a_conflict(
    connection: "Connection[Record]", chart: Chart
) -> None:
    asked = single(chart.bank, chart.shop, 1)
    await ask(connection, replace(burn(asked.id), kind="refund"))
    assert await conflict(connection, asked) == "kind"


@pytest.mark.parametrize("is_draw", [False, True])
async def test_another_amount_than_was_burnt_is_a_conflict(
    connection: "Connection[Record]", chart: Chart, *, is_draw: bool
) -> None:
    asked: Intent | Transfer = (
        draw((chart.wallet,), chart.shop, 30) if is_draw else single(chart.wallet, chart.shop, 30)
    )
    await ask(connection, replace(burn(asked.id), amount=Fen(31)))
    assert await conflict(connection, asked) == "amount"


async def test_an_entry_with_a_burnt_transfer_posts_nothing(
    connection: "Connection[Record]", chart: Chart
) -> None:
    first, second = single(chart.bank, chart.shop, 1), single(chart.bank, chart.shop, 2)
    await ask(connection, burn(second.id))
    books = await find_accounts(connection, chart.ids())
    assert code_of(await ask(connection, Entry(first, second))) == "reversed"
    assert await find_accounts(connection, chart.ids()) == books


async def test_what_was_never_asked_has_no_answer(
    connection: "Connection[Record]", chart: Chart
) -> None:
    asked: list[Intent] = [
        Entry(single(chart.bank, chart.shop, 1)),
        draw((chart.wallet,), chart.shop, 30),
        burn(uuid7()),
    ]
    assert await find_answers(connection, asked) == [None, None, None]


@pytest.mark.parametrize(
    ("amount_fen", "available_fen"),
    [
        (70, 50),  # the subsidy's 60 alone are more than the safe has room for
        (161, 50),
    ],
)
async def test_a_draw_into_a_full_safe_says_what_it_could_take(
    connection: "Connection[Record]", chart: Chart, amount_fen: int, available_fen: int
) -> None:
    asked = draw((chart.subsidy, chart.wallet), chart.safe, amount_fen)
    outcome = await ask(connection, asked)
    assert isinstance(outcome, TransferRefused)
    assert outcome.code == "credits_would_exceed_debits"
    assert (outcome.needed_fen, outcome.available_fen) == (amount_fen, available_fen)


async def test_a_draw_counts_what_its_first_parts_could_take(
    connection: "Connection[Record]", chart: Chart
) -> None:
    taken = single(chart.subsidy, chart.shop, 40)
    assert isinstance(await ask(connection, taken), Posted)
    outcome = await ask(connection, draw((chart.subsidy, chart.wallet), chart.safe, 90))
    assert isinstance(outcome, TransferRefused)
    assert (outcome.needed_fen, outcome.available_fen) == (90, 50)
