"""A batch decides entries one after the other and knows what must be written for all of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from hypothesis import given, settings

from ledger.accounts import Account, Rule, new_account
from ledger.batch import Batch
from ledger.decide import Hold, Line, decide
from ledger.ids import uuid7
from ledger.transfers import Draw, Effect, Entry, Intent, Phase
from tests.ledger.asking import burn, draw, end, hold, single
from tests.ledger.strategies import Cast, Close, DrawPlan, Step, account_kinds, scripts

BANK, SHOP, WALLET, SUBSIDY = (uuid7() for _ in range(4))
SQL, OTHER_SQL = "first statement", "second statement"


def books(*, wallet_fen: int = 0, subsidy_fen: int = 0) -> dict[UUID, Account]:
    rule = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS
    wallet = new_account(WALLET, "wallet", rule=rule)._replace(credits_posted=wallet_fen, version=7)
    subsidy = new_account(SUBSIDY, "subsidy", rule=rule)
    subsidy = subsidy._replace(credits_posted=subsidy_fen, version=5)
    found = [new_account(BANK, "bank"), new_account(SHOP, "shop"), wallet, subsidy]
    return {account.id: account for account in found}


def batch_of(accounts: dict[UUID, Account], *intents: Intent) -> Batch:
    batch = Batch(dict(accounts), {})
    for intent in intents:
        batch.add(intent)
    return batch


class Played(NamedTuple):
    """A script, decided as one batch and one by one."""

    batch: Batch
    before: dict[UUID, Account]
    accounts: dict[UUID, Account]
    holds: dict[UUID, Hold]
    lines: list[Line]


def play(kinds: Sequence[tuple[Rule, str]], script: Sequence[Step]) -> Played:
    cast = Cast(kinds)
    before = {account.id: account for account in cast.accounts()}
    batch = Batch(dict(before), {})
    accounts, holds, lines = dict(before), dict[UUID, Hold](), list[Line]()
    for asked in intents_of(cast, script, holds):
        entry = asked if isinstance(asked, Entry) else asked.entry(accounts)
        decision = decide(accounts, holds, entry)
        accounts |= {account.id: account for account in decision.accounts}
        holds |= {each.id: each for each in decision.holds}
        lines += decision.lines
        assert batch.add(asked) == decision.lines
    return Played(batch, before, accounts, holds, lines)


def intents_of(
    cast: Cast, script: Sequence[Step], holds: dict[UUID, Hold]
) -> Iterator[Entry | Draw]:
    """What a script asks for, each when those before it are decided."""
    yield from cast.opening()
    for step in script:
        if isinstance(step, DrawPlan):
            yield cast.draw(step)
        elif not isinstance(step, Close):
            yield cast.entry(step, list(holds))


scripted = given(kinds=account_kinds, script=scripts)
brief = settings(max_examples=40, deadline=None, print_blob=True)


@brief
@scripted
def test_a_batch_decides_as_if_each_entry_came_alone(
    kinds: Sequence[tuple[Rule, str]], script: Sequence[Step]
) -> None:
    played = play(kinds, script)
    assert played.batch.accounts == played.accounts
    assert played.batch.holds == played.holds
    assert played.batch.lines == played.lines


@brief
@scripted
def test_moves_lead_from_the_first_to_the_last(
    kinds: Sequence[tuple[Rule, str]], script: Sequence[Step]
) -> None:
    played = play(kinds, script)
    moved = {each for each in played.before if played.accounts[each] != played.before[each]}
    assert {after.id for _, after in played.batch.moves()} == moved
    for before, after in played.batch.moves():
        assert (before, after) == (played.before[after.id], played.accounts[after.id])


@brief
@scripted
def test_moves_come_in_the_order_in_which_postgresql_sorts_ids(
    kinds: Sequence[tuple[Rule, str]], script: Sequence[Step]
) -> None:
    ids = [after.id.bytes for _, after in play(kinds, script).batch.moves()]
    assert ids == sorted(ids)


@brief
@scripted
def test_all_accounts_that_refusals_rest_on_are_verified(
    kinds: Sequence[tuple[Rule, str]], script: Sequence[Step]
) -> None:
    played = play(kinds, script)
    only_read = {account.id: account for account in played.batch.only_read()}
    moved = {after.id for _, after in played.batch.moves()}
    assert moved.isdisjoint(only_read)
    for line in played.lines:
        if line.refusal == "insufficient_funds":
            assert line.debit_account in moved | only_read.keys()
        if line.refusal == "credits_would_exceed_debits":
            assert line.credit_account in moved | only_read.keys()
    for account_id, account in only_read.items():
        assert account == played.before[account_id]


def test_a_draw_rests_on_every_wallet_it_looked_at() -> None:
    accounts = books(wallet_fen=100)
    batch = batch_of(accounts, draw((SUBSIDY, WALLET), SHOP, 50))
    assert batch.only_read() == [accounts[SUBSIDY]]
    batch = batch_of(accounts, draw((SUBSIDY, WALLET), SHOP, 150))
    assert batch.only_read() == [accounts[SUBSIDY], accounts[WALLET]]


def test_what_was_read_and_then_moved_is_verified_as_it_was_found() -> None:
    refused, posted = single(WALLET, SHOP, 101), single(WALLET, SHOP, 100)
    batch = batch_of(books(wallet_fen=100), Entry(refused), Entry(posted), Entry(refused))
    assert batch.only_read() == []
    assert [before.version for before, _ in batch.moves() if before.id == WALLET] == [7]


def test_refusals_and_burns_move_nothing() -> None:
    batch = batch_of(books(), Entry(single(BANK, uuid7(), 1)), burn(uuid7()))
    assert (batch.moves(), batch.only_read()) == ([], [])
    assert [line.refusal for line in batch.lines] == ["credit_account_not_found", "reversed"]


def test_lines_know_their_entry() -> None:
    linked = Entry(single(BANK, SHOP, 1), single(BANK, SHOP, 2))
    refused = Entry(single(BANK, SHOP, 1), single(WALLET, SHOP, 2))
    drawn = draw((SUBSIDY, WALLET), SHOP, 100)
    batch = batch_of(books(wallet_fen=100, subsidy_fen=60), linked, drawn, refused)
    expected = [linked.id] * 2 + [drawn.id] * 2 + [refused.id] * 2
    assert [line.entry_id for line in batch.lines] == expected


def test_holds_are_new_or_ended() -> None:
    before = hold(BANK, SHOP, 10)
    earlier = batch_of(books(), Entry(before))
    new, both = hold(BANK, SHOP, 20), hold(BANK, SHOP, 30)
    batch = Batch(earlier.accounts, dict(earlier.holds))
    for transfer in (new, both, end(both.id), end(before.id, Phase.VOID)):
        batch.add(Entry(transfer))
    assert (batch.new_holds, batch.ended_holds) == ({new.id, both.id}, {before.id})
    assert batch.changed_holds() == {new.id, both.id, before.id}
    assert [batch.holds[each.id].state for each in (new, both, before)] == [
        "pending",
        "posted",
        "voided",
    ]


def test_effects_of_what_was_posted_are_gathered_by_statement() -> None:
    batch = Batch(books(wallet_fen=100), {})
    batch.add(Entry(single(WALLET, SHOP, 60)), (Effect(SQL, (1,)), Effect(OTHER_SQL, ("a",))))
    batch.add(Entry(single(WALLET, SHOP, 60)), (Effect(SQL, (2,)), Effect(OTHER_SQL, ("b",))))
    batch.add(Entry(single(WALLET, SHOP, 40)), (Effect(SQL, (3,)), Effect(SQL, (4,))))
    assert batch.effects == {SQL: [(1,), (3,), (4,)], OTHER_SQL: [("a",)]}


def test_a_burn_has_no_effects() -> None:
    batch = Batch(books(), {})
    batch.add(burn(uuid7()), (Effect(SQL, (1,)),))
    assert batch.effects == {}
