"""`decide` against a second implementation, and the laws that hold whatever is asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from hypothesis import given, settings

from ledger.accounts import Account, Rule
from ledger.decide import Decision, Hold, HoldState, Line, decide
from ledger.errors import RefusalCode
from ledger.transfers import Entry
from tests.ledger.naive import NaiveBook, NaiveLine, Side, Sums
from tests.ledger.strategies import (
    Cast,
    Close,
    DrawPlan,
    Plan,
    Step,
    account_kinds,
    scripts,
)

scripted = given(kinds=account_kinds, script=scripts)
thorough = settings(max_examples=150, deadline=None, print_blob=True)
brief = settings(max_examples=40, deadline=None, print_blob=True)
Kinds = Sequence[tuple[Rule, str]]
Plans = tuple[Plan, ...]
Books = Mapping[UUID, Account]


@dataclass(frozen=True, slots=True)
class Scene:
    """One entry of a script: the books it found, what was decided, and what a second opinion is."""

    entry: Entry
    naive_entry: Entry
    accounts: dict[UUID, Account]
    holds: dict[UUID, Hold]
    decision: Decision
    naive_lines: Sequence[NaiveLine]
    naive: NaiveBook

    def accounts_after(self) -> dict[UUID, Account]:
        return self.accounts | {account.id: account for account in self.decision.accounts}

    def holds_after(self) -> dict[UUID, Hold]:
        return self.holds | {hold.id: hold for hold in self.decision.holds}


def scenes(kinds: Kinds, script: Sequence[Step]) -> Iterator[Scene]:
    """Play a script, in `decide` and in the naive book."""
    cast = Cast(kinds)
    naive = NaiveBook(cast.naive_accounts())
    accounts = {account.id: account for account in cast.accounts()}
    holds: dict[UUID, Hold] = {}
    for step in (*cast.opening(), *script):
        if isinstance(step, Close):
            close(accounts, naive, cast.ids[step.account % len(cast.ids)])
            continue
        entry, naive_entry = entries_of(cast, step, accounts, naive)
        decision = decide(accounts, holds, entry)
        lines = naive.ask(naive_entry)
        yield Scene(entry, naive_entry, accounts, holds, decision, lines, naive)
        accounts = accounts | {account.id: account for account in decision.accounts}
        holds = holds | {hold.id: hold for hold in decision.holds}


def close(accounts: dict[UUID, Account], naive: NaiveBook, account_id: UUID) -> None:
    """Close an account on which nothing is held, as the book allows it."""
    if not naive.held(account_id):
        accounts[account_id] = accounts[account_id]._replace(is_closed=True)
        naive.closed.add(account_id)


def entries_of(
    cast: Cast, step: Entry | Plans | DrawPlan, accounts: Books, naive: NaiveBook
) -> tuple[Entry, Entry]:
    """Return what a step asks for; of a draw, what it means to the ledger and to the naive book."""
    match step:
        case Entry():
            return step, step
        case DrawPlan():
            asked = cast.draw(step)
            return asked.entry(accounts), naive.entry_of(asked)
        case planned:
            entry = cast.entry(planned, naive.holds())
            return entry, entry


def seen(line: Line) -> NaiveLine:
    """Return of a line what the naive book knows of it."""
    return NaiveLine(
        line.id,
        line.phase,
        line.refusal,
        line.amount_fen,
        Side(line.debit_account, line.debit_version, line.debit_balance_fen, line.debit_previous),
        Side(
            line.credit_account, line.credit_version, line.credit_balance_fen, line.credit_previous
        ),
        line.hold_id,
    )


def sums_of(account: Account) -> Sums:
    return Sums(
        account.debits_pending,
        account.debits_posted,
        account.credits_pending,
        account.credits_posted,
    )


@thorough
@scripted
def test_every_line_is_that_of_the_naive_book(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        assert list(map(seen, scene.decision.lines)) == scene.naive_lines


@brief
@scripted
def test_the_sums_are_those_of_the_naive_book(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        found = {each.id: sums_of(each) for each in scene.accounts_after().values()}
        assert found == {each: scene.naive.sums(each) for each in scene.naive.accounts}


@brief
@scripted
def test_versions_count_the_transfers_of_an_account(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        for account in scene.accounts_after().values():
            touches = scene.naive.touches(account.id)
            assert account.version == len(touches)
            assert account.last_transfer == (touches[-1] if touches else None)


@brief
@scripted
def test_a_draw_is_split_as_the_naive_book_splits_it(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        assert scene.entry == scene.naive_entry


@brief
@scripted
def test_an_entry_posts_whole_or_not_at_all(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        refusals = {line.refusal is not None for line in scene.decision.lines}
        assert refusals == {scene.decision.refusal is not None}
        assert [line.id for line in scene.decision.lines] == scene.entry.ids()


@brief
@scripted
def test_a_refused_entry_changes_nothing(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        if scene.decision.refusal is not None:
            assert not scene.decision.accounts
            assert not scene.decision.holds


@brief
@scripted
def test_one_transfer_of_a_refused_entry_says_why(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        if scene.decision.refusal is not None:
            others = [line.refusal for line in scene.decision.lines]
            others.remove(scene.decision.refusal)
            assert set(others) <= {RefusalCode.LINKED_TRANSFER_REFUSED}


@brief
@scripted
def test_debits_equal_credits_for_each_unit(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        for unit in {account.unit for account in scene.accounts.values()}:
            sums = [sums_of(each) for each in scene.accounts_after().values() if each.unit == unit]
            assert sum(each.debits_posted for each in sums) == sum(
                each.credits_posted for each in sums
            )
            assert sum(each.debits_pending for each in sums) == sum(
                each.credits_pending for each in sums
            )


@brief
@scripted
def test_no_account_breaks_its_rule(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        for account in scene.accounts_after().values():
            assert min(sums_of(account)) >= 0
            if account.rule is not Rule.NONE:
                assert account.available.value >= 0


@brief
@scripted
def test_what_is_pending_is_what_the_open_holds_hold(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        holds = scene.holds_after().values()
        is_open = [hold for hold in holds if hold.state is HoldState.PENDING]
        for account in scene.accounts_after().values():
            assert account.debits_pending == sum(
                hold.amount_fen for hold in is_open if hold.debit_account == account.id
            )


@brief
@scripted
def test_a_hold_ends_once(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        for hold in scene.decision.holds:
            before = scene.holds.get(hold.id)
            assert before is None or before.state is HoldState.PENDING
            assert (hold.ended_by is None) == (hold.state is HoldState.PENDING)


@brief
@scripted
def test_deciding_changes_nothing_that_it_is_given(kinds: Kinds, script: Sequence[Step]) -> None:
    for scene in scenes(kinds, script):
        accounts, holds = dict(scene.accounts), dict(scene.holds)
        again = decide(accounts, holds, scene.entry)
        assert again.lines == scene.decision.lines
        assert (accounts, holds) == (scene.accounts, scene.holds)


@brief
@scripted
def test_a_refusal_for_lack_of_funds_names_what_it_read(
    kinds: Kinds, script: Sequence[Step]
) -> None:
    funds = {RefusalCode.INSUFFICIENT_FUNDS: 0, RefusalCode.CREDITS_WOULD_EXCEED_DEBITS: 1}
    for scene in scenes(kinds, script):
        refusal = scene.decision.refusal
        if refusal in funds:
            culprit = next(line for line in scene.decision.lines if line.refusal == refusal)
            sides = culprit.debit_account, culprit.credit_account
            assert scene.decision.read == (sides[funds[refusal]],)
        else:
            assert scene.decision.read == ()
