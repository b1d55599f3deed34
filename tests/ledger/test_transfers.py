"""What may be asked at all, and how a draw is split over accounts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.accounts import Account, Rule, new_account
from ledger.errors import InvalidTransfer
from ledger.ids import time_of, uuid7
from ledger.money import Fen
from ledger.transfers import DRAW_MAX, ENTRY_MAX, Draw, Entry, Phase, Refuse, Transfer, draw_id
from tests.ledger.asking import LUNCH, burn, changed, draw, end, hold, single

WALLET, SUBSIDY, SHOP = uuid7(), uuid7(), uuid7()
SINGLE, HOLD = single(WALLET, SHOP, 100), hold(WALLET, SHOP, 100)
POST, VOID, EXPIRE = (end(HOLD.id, phase) for phase in (Phase.POST, Phase.VOID, Phase.EXPIRE))
DRAW, BURN = draw((SUBSIDY, WALLET), SHOP, 100), burn(uuid7())
NO_ZONE = datetime(2026, 3, 2)  # noqa: DTZ001  that is what is refused

Intent = Transfer | Draw | Refuse

BAD_VALUES: list[tuple[Intent, str, object]] = [
    *((each, "id", uuid4()) for each in (SINGLE, HOLD, POST, DRAW, BURN)),
    *((each, "event_at", NO_ZONE) for each in (SINGLE, HOLD, POST, DRAW, BURN)),
    *((each, "kind", "") for each in (SINGLE, HOLD, POST, DRAW, BURN)),
    *((SINGLE, "kind", word) for word in ("two words", "semi;colon", "9lives", "x" * 41)),
    *((BURN, "code", word) for word in ("", "two words", "x" * 41)),
    *((each, "amount", None) for each in (SINGLE, HOLD)),
    *((each, "debit_account", None) for each in (SINGLE, HOLD)),
    *((each, "credit_account", None) for each in (SINGLE, HOLD)),
    *((each, "hold_id", HOLD.id) for each in (SINGLE, HOLD)),
    (SINGLE, "expires_at", LUNCH),
    (HOLD, "expires_at", NO_ZONE),
    *((each, "hold_id", None) for each in (POST, VOID, EXPIRE)),
    *((each, "debit_account", WALLET) for each in (POST, VOID, EXPIRE)),
    *((each, "credit_account", SHOP) for each in (POST, VOID, EXPIRE)),
    *((each, "expires_at", LUNCH) for each in (POST, VOID, EXPIRE)),
    *((each, "amount", Fen(100)) for each in (VOID, EXPIRE)),
    (DRAW, "debit_accounts", ()),
    (DRAW, "debit_accounts", tuple(uuid7() for _ in range(DRAW_MAX + 1))),
    (DRAW, "debit_accounts", (WALLET, SUBSIDY, WALLET)),
]
BAD_ENTRIES: list[tuple[str, list[Transfer]]] = [
    ("transfers", []),
    ("transfers", [single(WALLET, SHOP, 1) for _ in range(ENTRY_MAX + 1)]),
    ("id", [SINGLE, HOLD, SINGLE]),
]
GOOD_VALUES: list[tuple[Intent, str, object]] = [
    (SINGLE, "kind", "x" * 40),
    (SINGLE, "kind", "退款"),
    (SINGLE, "amount", Fen(0)),  # can be asked, and is refused
    (SINGLE, "about", uuid4()),
    (HOLD, "expires_at", LUNCH),
    (POST, "amount", Fen(1)),
    (POST, "about", uuid4()),
    (BURN, "amount", Fen(100)),
]


@pytest.mark.parametrize(("intent", "field", "value"), BAD_VALUES)
def test_a_bad_value_is_refused_by_the_name_of_its_field(
    intent: Intent, field: str, value: object
) -> None:
    with pytest.raises(InvalidTransfer) as error:
        changed(intent, field, value)
    assert error.value.field == field


@pytest.mark.parametrize(("intent", "field", "value"), GOOD_VALUES)
def test_a_good_value_is_taken(intent: Intent, field: str, value: object) -> None:
    assert getattr(changed(intent, field, value), field) == value


@pytest.mark.parametrize(("field", "transfers"), BAD_ENTRIES)
def test_a_bad_entry_is_refused(field: str, transfers: list[Transfer]) -> None:
    with pytest.raises(InvalidTransfer) as error:
        Entry(*transfers)
    assert error.value.field == field


def test_an_entry_may_link_as_many_as_the_bound() -> None:
    entry = Entry(*(single(WALLET, SHOP, 1) for _ in range(ENTRY_MAX)))
    assert entry.size == ENTRY_MAX == len(entry.ids())


def test_an_entry_is_known_by_its_first_transfer() -> None:
    assert Entry(SINGLE, HOLD).id == SINGLE.id


def test_an_entry_names_its_accounts_and_the_holds_it_ends() -> None:
    entry = Entry(single(WALLET, SHOP, 1), POST, single(SUBSIDY, SHOP, 1))
    assert set(entry.account_ids()) == {WALLET, SUBSIDY, SHOP}
    assert list(entry.hold_ids()) == [HOLD.id]
    assert (list(Entry(SINGLE).account_ids()), list(Entry(POST).account_ids())) == (
        [WALLET, SHOP],
        [],
    )
    assert (list(Entry(SINGLE).hold_ids()), list(Entry(VOID).hold_ids())) == ([], [HOLD.id])


def test_the_ids_of_a_draw_are_always_the_same() -> None:
    assert (
        list(DRAW.ids()) == [DRAW.id, draw_id(DRAW.id, 1)] == [draw_id(DRAW.id, 0), DRAW.ids()[1]]
    )


def test_the_ids_of_a_draw_lie_in_the_same_partition() -> None:
    base = uuid7(LUNCH)
    assert {time_of(draw_id(base, index)) for index in range(5)} == {time_of(base)}


@given(st.integers(0, 50), st.datetimes(timezones=st.just(UTC), min_value=NO_ZONE))
def test_ids_of_draws_do_not_meet(index: int, at: datetime) -> None:
    ids = [draw_id(uuid7(at + timedelta(hours=hour)), index + hour) for hour in range(3)]
    assert len(set(ids)) == 3


def wallets(*amounts_fen: int) -> dict[UUID, Account]:
    """Wallets with so much in each."""
    rule = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS
    accounts = [new_account(uuid7(), "wallet", rule=rule) for _ in amounts_fen]
    return {
        account.id: account._replace(credits_posted=amount)
        for account, amount in zip(accounts, amounts_fen, strict=True)
    }


def split(amount_fen: int, accounts: Mapping[UUID, Account]) -> list[int]:
    """What each account gives to a draw from all of them, in order."""
    asked = draw(tuple(accounts), SHOP, amount_fen)
    given_fen = dict.fromkeys(accounts, 0)
    for transfer in asked.entry(accounts).transfers:
        assert transfer.debit_account is not None
        assert transfer.amount is not None
        given_fen[transfer.debit_account] = transfer.amount.value
    return list(given_fen.values())


@pytest.mark.parametrize(
    ("amount_fen", "there_fen", "given_fen"),
    [
        (100, [60, 90], [60, 40]),
        (100, [0, 100], [0, 100]),
        (100, [100, 100], [100, 0]),
        (100, [99, 1], [99, 1]),
        (100, [10, 0, 20, 90], [10, 0, 20, 70]),
        (100, [10, 20], [10, 90]),  # more than there is: it falls to the last one
        (100, [0, 0], [0, 100]),
        (0, [10, 20], [0, 0]),
    ],
)
def test_a_draw_takes_from_each_account_in_order(
    amount_fen: int, there_fen: list[int], given_fen: list[int]
) -> None:
    assert split(amount_fen, wallets(*there_fen)) == given_fen


@given(st.integers(1, 500), st.lists(st.integers(0, 100), min_size=1, max_size=5))
@example(100, [100, 100])
def test_a_draw_is_split_to_the_last_fen(amount_fen: int, there_fen: list[int]) -> None:
    given_fen = split(amount_fen, wallets(*there_fen))
    assert sum(given_fen) == amount_fen
    for index, (given_by_one, there) in enumerate(zip(given_fen[:-1], there_fen[:-1], strict=True)):
        assert 0 <= given_by_one <= there
        assert given_by_one == there or not any(given_fen[index + 1 :])


def closed(account: Account) -> Account:
    return account._replace(is_closed=True)


def with_hold(account: Account) -> Account:
    return account._replace(debits_pending=account.credits_posted)


@pytest.mark.parametrize("change", [closed, with_hold])
def test_a_draw_passes_over_what_cannot_be_used(change: Callable[[Account], Account]) -> None:
    (first, second) = wallets(100, 100).values()
    assert split(50, {first.id: change(first), second.id: second}) == [0, 50]


@pytest.mark.parametrize("rule", [Rule.NONE, Rule.CREDITS_MUST_NOT_EXCEED_DEBITS])
def test_an_account_that_may_be_overdrawn_gives_all(rule: Rule) -> None:
    (first, second) = wallets(0, 100).values()
    assert split(50, {first.id: first._replace(rule=rule), second.id: second}) == [50, 0]


def test_a_draw_passes_over_an_account_that_does_not_exist() -> None:
    ((wallet_id, wallet),) = wallets(100).items()
    asked = draw((uuid7(), wallet_id), SHOP, 50)
    (transfer,) = asked.entry({wallet_id: wallet}).transfers
    assert (transfer.id, transfer.debit_account) == (asked.id, wallet_id)


def test_every_part_of_a_draw_is_like_the_draw() -> None:
    asked = replace(DRAW, about=uuid4())
    accounts = dict(zip(asked.debit_accounts, wallets(60, 60).values(), strict=True))
    parts = asked.entry(accounts).transfers
    assert [part.id for part in parts] == list(asked.ids())
    for part in parts:
        assert (part.kind, part.event_at, part.about) == (asked.kind, asked.event_at, asked.about)
        assert (part.credit_account, part.phase) == (SHOP, Phase.SINGLE)
