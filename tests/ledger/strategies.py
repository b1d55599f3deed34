"""Random ledgers: accounts, and long scripts of what is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hypothesis import strategies as st

from ledger.accounts import Account, Rule, new_account
from ledger.ids import uuid7
from ledger.money import AMOUNT_MAX_FEN
from ledger.transfers import ENDS_A_HOLD, Draw, Entry, Phase, Transfer
from tests.ledger.asking import LUNCH, draw, end, hold, single
from tests.ledger.naive import SAFE, NaiveAccount

NOBODY: Final = uuid7(LUNCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A transfer in the making; accounts and holds are numbers, to be taken round and round."""

    phase: Phase
    sides: tuple[int, int]
    amount_fen: int
    takes_all: bool
    hold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawPlan:
    """A draw in the making."""

    debits: tuple[int, ...]
    credit: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Close:
    """An account to be closed."""

    account: int


Step = tuple[Plan, ...] | DrawPlan | Close

_MONEY: Final = [
    (Rule.NONE, "CNY"),
    (Rule.DEBITS_MUST_NOT_EXCEED_CREDITS, "CNY"),
    (Rule.CREDITS_MUST_NOT_EXCEED_DEBITS, "CNY"),
    (Rule.DEBITS_MUST_NOT_EXCEED_CREDITS, "CNY"),
]
"""Accounts that are in every script; the first is a source of money without a bound."""

accounts = st.sampled_from([0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7])
pairs = st.sampled_from([(0, 1), (0, 2), (0, 3), (1, 0), (1, 3), (2, 0), (2, 3), (3, 2)])
amounts_fen = st.integers(1, 60)
odd_amounts_fen = st.sampled_from([-1, 0, 1000, AMOUNT_MAX_FEN, AMOUNT_MAX_FEN + 1])
usual_amounts_fen = st.one_of(*[amounts_fen] * 9, odd_amounts_fen)
phases = st.sampled_from([Phase.SINGLE, Phase.PENDING, Phase.POST, *Phase])

plans = st.builds(
    Plan,
    phase=phases,
    sides=st.one_of(pairs, pairs, st.tuples(accounts, accounts)),
    amount_fen=usual_amounts_fen,
    takes_all=st.booleans(),
    hold=st.sampled_from([0, 0, 0, 1, 1, 2, 3]),
)
entries = st.one_of(
    st.tuples(plans), st.tuples(plans), st.lists(plans, min_size=2, max_size=4).map(tuple)
)
draws = st.builds(
    DrawPlan,
    debits=st.lists(accounts, min_size=1, max_size=3).map(tuple),
    credit=accounts,
    amount_fen=usual_amounts_fen,
)
closings = st.builds(Close, st.integers(4, 6))
scripts = st.lists(st.one_of(*[entries] * 6, draws, closings), min_size=12, max_size=40)
account_kinds = st.lists(
    st.tuples(st.sampled_from(Rule), st.sampled_from(["CNY", "CNY", "CNY", "kWh"])),
    min_size=2,
    max_size=3,
)


class Cast:
    """The accounts of one script."""

    def __init__(self, kinds: Sequence[tuple[Rule, str]]) -> None:
        self.kinds = [*_MONEY, *kinds]
        self.ids = [uuid7(LUNCH) for _ in self.kinds]

    def opening(self) -> list[Entry]:
        """Return what gives 100 fen to everybody in the same unit as the source."""
        source, *others = zip(self.ids, self.kinds, strict=True)
        return [
            Entry(single(id_, source[0], 100) if rule is SAFE else single(source[0], id_, 100))
            for id_, (rule, unit) in others
            if unit == source[1][1]
        ]

    def accounts(self) -> list[Account]:
        """Return them new, as the ledger has them."""
        pairs = zip(self.ids, self.kinds, strict=True)
        return [new_account(id_, "any", rule=rule, unit=unit) for id_, (rule, unit) in pairs]

    def naive_accounts(self) -> list[NaiveAccount]:
        """Return them as the naive book has them."""
        pairs = zip(self.ids, self.kinds, strict=True)
        return [NaiveAccount(id_, unit, rule) for id_, (rule, unit) in pairs]

    def account(self, number: int) -> UUID:
        """Return the id for a number; one of the numbers is an account that does not exist."""
        known = [*self.ids, NOBODY]
        return known[number % len(known)]

    def entry(self, planned: Sequence[Plan], holds: Sequence[UUID]) -> Entry:
        """Return the entry that was planned; it may end one of these holds, or one of its own."""
        transfers: list[Transfer] = []
        for plan in planned:
            own = [each.id for each in transfers if each.phase is Phase.PENDING]
            newest_first = [*reversed([*holds, *own])] or [NOBODY]
            transfers.append(self._transfer(plan, newest_first[plan.hold % len(newest_first)]))
        return Entry(*transfers)

    def draw(self, planned: DrawPlan) -> Draw:
        """Return the draw that was planned."""
        debits = tuple(dict.fromkeys(map(self.account, planned.debits)))
        return draw(debits, self.account(planned.credit), planned.amount_fen)

    def _transfer(self, plan: Plan, hold_id: UUID) -> Transfer:
        if plan.phase in ENDS_A_HOLD:
            is_part = plan.phase is Phase.POST and not plan.takes_all
            return end(hold_id, plan.phase, amount_fen=plan.amount_fen if is_part else None)
        debit, credit = map(self.account, plan.sides)
        start = hold if plan.phase is Phase.PENDING else single
        return start(debit, credit, plan.amount_fen)
