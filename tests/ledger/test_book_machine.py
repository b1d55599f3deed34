"""The whole ledger on PostgreSQL against the naive book, step by step.

Each step goes through one of two posters or the book, as if by several processes; after each,
every account, hold and row must be what the naive book says.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as HypothesisPhase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.database.connections import open_pool
from engine.database.embedded import EmbeddedServer
from ledger.accounts import Account, Rule
from ledger.answers import Outcome, Posted
from ledger.book import Asked, close_account, find_accounts, find_holds, find_lines, open_accounts
from ledger.book import post as post_by_the_book
from ledger.decide import HoldState
from ledger.errors import AccountInUse, RefusalCode, TransferConflict, TransferRefused
from ledger.poster import PosterSettings, open_poster
from ledger.transfers import Draw, Entry, Intent, Phase
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S, Database, cloned
from tests.ledger.asking import burn, single
from tests.ledger.judge import find_faults
from tests.ledger.naive import SAFE, NaiveBook, NaiveLine
from tests.ledger.strategies import (
    Cast,
    Close,
    DrawPlan,
    Plan,
    account_kinds,
    closings,
    draws,
    entries,
)
from tests.ledger.test_decide import seen, sums_of

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Pool, Record

ENDED = {
    Phase.POST: HoldState.POSTED,
    Phase.VOID: HoldState.VOIDED,
    Phase.EXPIRE: HoldState.EXPIRED,
}
SETTINGS = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    # Shrinking would take minutes, for every step waits for the disk; the blob repeats the failure.
    phases=[HypothesisPhase.explicit, HypothesisPhase.reuse, HypothesisPhase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
FORGETFUL = PosterSettings(accounts_kept=2)


class Way(StrEnum):
    """By whom the ledger is asked."""

    FIRST = "first poster"
    SECOND = "second poster"
    BOOK = "book"


@dataclass(frozen=True, slots=True)
class Refused:
    """What a caller hears of a refusal."""

    code: str
    needed_fen: int | None = None
    available_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a caller hears when the id is taken."""

    field: str


Told = list[NaiveLine] | Refused | Conflict

ways = st.sampled_from(Way)
picks = st.integers(0, 20)
plans = st.one_of(entries, entries, entries, draws)


class BookMachine(RuleBasedStateMachine):
    """Asks the ledger and the naive book the same, and compares all they say."""

    def __init__(self, runner: asyncio.Runner, pool: "Pool[Record]") -> None:
        super().__init__()
        self.runner = runner
        self.pool = pool
        self.asked: list[tuple[Intent, Told]] = []
        self.on_record: dict[UUID, NaiveLine] = {}
        self.burnt: list[UUID] = []

    @initialize(kinds=account_kinds)
    def open(self, kinds: Sequence[tuple[Rule, str]]) -> None:
        self.cast = Cast(kinds)
        self.naive = NaiveBook(self.cast.naive_accounts())
        self.stack = AsyncExitStack()
        self.runner.run(self._open(self.cast.accounts()))
        self._ask(Way.FIRST, self.cast.opening())

    async def _open(self, accounts: list[Account]) -> None:
        async with self.pool.acquire() as connection:
            await open_accounts(connection, accounts)
        self.first = await self.stack.enter_async_context(open_poster(self.pool))
        self.second = await self.stack.enter_async_context(open_poster(self.pool, FORGETFUL))

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())

    @rule(way=ways, planned=entries)
    def ask_for_an_entry(self, way: Way, planned: tuple[Plan, ...]) -> None:
        self._ask(way, [self._intent(planned)])

    @rule(way=ways, planned=draws)
    def ask_for_a_draw(self, way: Way, planned: DrawPlan) -> None:
        self._ask(way, [self._intent(planned)])

    @rule(way=ways, planned=st.lists(plans, min_size=2, max_size=5), repeats=st.booleans())
    def ask_for_several(
        self, way: Way, planned: list[tuple[Plan, ...] | DrawPlan], *, repeats: bool
    ) -> None:
        intents = [self._intent(each) for each in planned]
        self._ask(way, [*intents, *intents[:2]] if repeats else intents)

    @rule(way=ways, pick=picks)
    def ask_again(self, way: Way, pick: int) -> None:
        intent, told = self.asked[-1 - pick % len(self.asked)]
        assert self._told(way, [intent]) == [told]

    @rule(way=ways, pick=picks)
    def ask_for_something_else_under_an_old_id(self, way: Way, pick: int) -> None:
        intent, _ = self.asked[-1 - pick % len(self.asked)]
        if isinstance(intent, Entry):
            changed: Intent = Entry(*(replace(each, kind="other") for each in intent.transfers))
        elif isinstance(intent, Draw):
            changed = replace(intent, kind="other")
        else:
            return
        assert self._told(way, [changed]) == [Conflict("kind")]

    @rule(way=ways)
    def take_a_new_id_out_of_use(self, way: Way) -> None:
        asked = single(self.cast.account(0), self.cast.account(1), 1)
        assert self._told(way, [burn(asked.id)]) == [Refused("reversed")]
        assert self._told(way, [Entry(asked)]) == [Refused("reversed")]
        self.burnt.append(asked.id)

    @rule(way=ways, pick=picks)
    def take_an_old_id_out_of_use(self, way: Way, pick: int) -> None:
        intent, told = self.asked[-1 - pick % len(self.asked)]
        assert self._told(way, [burn(intent.id)]) == [told]

    @precondition(lambda self: self.burnt)
    @rule(way=ways, pick=picks)
    def ask_under_an_id_out_of_use(self, way: Way, pick: int) -> None:
        id_ = self.burnt[pick % len(self.burnt)]
        asked = replace(single(self.cast.account(0), self.cast.account(1), 1), id=id_)
        assert self._told(way, [Entry(asked), burn(id_)]) == [Refused("reversed")] * 2

    @rule(closing=closings)
    def close_an_account(self, closing: Close) -> None:
        account_id = self.cast.ids[closing.account % len(self.cast.ids)]
        if account_id == self.cast.ids[0]:
            return
        is_free = account_id not in self.naive.closed and not self.naive.held(account_id)
        assert self.runner.run(self._close(account_id)) == is_free
        if is_free:
            self.naive.closed.add(account_id)
        # Both posters hear of it: until then they may refuse with a reason that comes after it.
        for way in (Way.FIRST, Way.SECOND):
            self._ask(way, [Entry(single(self.cast.ids[0], account_id, 1))])

    @invariant()
    def everything_is_as_the_naive_book_says(self) -> None:
        self.runner.run(self._compare())

    async def _compare(self) -> None:
        ids = self.cast.ids
        async with self.pool.acquire() as connection:
            accounts = await find_accounts(connection, ids)
            holds = await find_holds(connection, self.naive.holds())
            recorded = await find_lines(connection, self.on_record)
            assert await find_faults(connection, ids) == []
        naive = self.naive
        for id_, account in accounts.items():
            assert sums_of(account) == naive.sums(id_)
            assert account.version == len(naive.touches(id_))
            assert account.is_closed == (id_ in naive.closed)
        for id_, hold in holds.items():
            end = naive.find_end(id_)
            assert hold.state is (ENDED[end.phase] if end else HoldState.PENDING)
        assert set(holds) == set(naive.holds())
        assert {id_: seen(each.line) for id_, each in recorded.items()} == self.on_record
        self.on_record.clear()

    async def _close(self, account_id: "UUID") -> bool:
        async with self.pool.acquire() as connection:
            try:
                await close_account(connection, account_id)
            except AccountInUse:
                return False
        return True

    def _intent(self, planned: tuple[Plan, ...] | DrawPlan) -> Entry | Draw:
        if isinstance(planned, DrawPlan):
            asked = self.cast.draw(planned)
            credit = self.naive.accounts.get(asked.credit_account)
            if credit is None or credit.rule is not SAFE:
                return asked
            # A draw goes to merchants: what a safe could take of it, nobody asks.
            return replace(asked, credit_account=self.cast.ids[0])
        return self.cast.entry(planned, self.naive.holds())

    def _ask(self, way: Way, intents: Sequence[Entry | Draw]) -> None:
        """Ask for something new, once or more often, and compare the answers."""
        expected: dict[UUID, Told] = {}
        for intent in intents:
            if intent.id not in expected:
                expected[intent.id] = self._expected(intent)
                self.asked.append((intent, expected[intent.id]))
        assert self._told(way, intents) == [expected[intent.id] for intent in intents]

    def _expected(self, intent: Entry | Draw) -> Told:
        entry = intent if isinstance(intent, Entry) else self.naive.entry_of(intent)
        drawable = self._drawable(intent) if isinstance(intent, Draw) else 0
        lines = self.naive.ask(entry)
        self.on_record |= {line.id: line for line in lines}
        if lines[0].refusal is None:
            return lines
        culprit = next(
            line for line in lines if line.refusal != RefusalCode.LINKED_TRANSFER_REFUSED
        )
        assert culprit.refusal is not None
        if culprit.refusal not in (
            RefusalCode.INSUFFICIENT_FUNDS,
            RefusalCode.CREDITS_WOULD_EXCEED_DEBITS,
        ):
            return Refused(culprit.refusal)
        if isinstance(intent, Draw):
            return Refused(culprit.refusal, intent.amount.value, drawable)
        left = culprit.debit.balance_fen
        left = culprit.credit.balance_fen if left is None else left
        return Refused(culprit.refusal, culprit.amount_fen, left)

    def _drawable(self, draw: Draw) -> int:
        """Return what all accounts of a draw have together."""
        accounts, closed = self.naive.accounts, self.naive.closed
        usable = [each for each in draw.debit_accounts if each in accounts and each not in closed]
        return sum(self.naive.available(each) for each in usable)

    def _told(self, way: Way, intents: Sequence[Intent]) -> list[Told]:
        outcomes = self.runner.run(self._outcomes(way, [Asked(intent) for intent in intents]))
        return [told_by(outcome) for outcome in outcomes]

    async def _outcomes(self, way: Way, asked: list[Asked]) -> list[Outcome]:
        async with asyncio.timeout(30):
            match way:
                case Way.FIRST:
                    return await self.first.post_many(asked)
                case Way.SECOND:
                    return await self.second.post_many(asked)
                case Way.BOOK:
                    async with self.pool.acquire() as connection, connection.transaction():
                        return await post_by_the_book(connection, asked)
                case _:
                    assert_never(way)


def told_by(outcome: Outcome) -> Told:
    match outcome:
        case Posted():
            return [seen(line) for line in outcome.lines]
        case TransferRefused():
            return Refused(outcome.code, outcome.needed_fen, outcome.available_fen)
        case TransferConflict():
            return Conflict(outcome.field)
        case _:
            raise outcome


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as running:
        yield running


@pytest.fixture(scope="module")
def pool(server: EmbeddedServer, runner: asyncio.Runner) -> "Iterator[Pool[Record]]":
    clone = cloned(server)
    database: Database = runner.run(clone.__aenter__())
    opened = runner.run(
        open_pool(database.target(), CAMPUS, size=4, command_timeout_s=COMMAND_TIMEOUT_S)
    )
    yield opened
    opened.terminate()
    runner.run(clone.__aexit__(None, None, None))


def test_the_ledger_does_what_the_naive_book_does(
    runner: asyncio.Runner, pool: "Pool[Record]"
) -> None:
    class OnThisServer(BookMachine):
        def __init__(self) -> None:
            super().__init__(runner, pool)

    run_state_machine_as_test(OnThisServer, settings=SETTINGS)
