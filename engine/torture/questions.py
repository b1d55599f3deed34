"""What is asked of the ledger during a run: small intents of every kind, by seed.

Each maker is a way in which a campus asks; some ask for what must be refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import Final, assert_never
from uuid import UUID

from ledger.accounts import Account, Rule, new_account
from ledger.ids import time_of, uuid7
from ledger.money import Fen
from ledger.time import Clock
from ledger.transfers import Draw, Entry, Intent, Phase, Refuse, Transfer

REVERSED: Final = "reversed"
"""The code with which a reversal takes an id out of use."""

_BANK: Final = UUID(int=1)
_NOBODY: Final = UUID(int=2)  # there is no such account
_MERCHANTS: Final = tuple(UUID(int=0x100 + number) for number in range(5))
_PEOPLE: Final = 20

_TOP_UP: Final = Fen(10_000)
_FAR_TOO_MUCH_FEN: Final = 10**9
_WRONG_CLOCK: Final = timedelta(days=400)
_HOLDS_MAX: Final = 200
_HOLD_LASTS: Final = timedelta(minutes=15)


class Condition(StrEnum):
    """The effect that comes with a question: a note that the entry was posted."""

    NONE = "none"
    HOLDS = "holds"
    """The note is written; it must be there once for a posted entry, and not otherwise."""
    FAILS = "fails"
    """The note is refused, so that the entry must never be posted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An intent, and the effect that is handed in with it."""

    intent: Intent
    condition: Condition = Condition.NONE

    @property
    def id(self) -> UUID:
        """The caller's id."""
        return self.intent.id

    def reversal(self) -> "Question":
        """Return the question that takes the id out of use, unless it was posted."""
        first = self.intent.transfers[0] if isinstance(self.intent, Entry) else self.intent
        return Question(
            intent=Refuse(id=self.id, kind=first.kind, code=REVERSED, event_at=first.event_at)
        )

    def altered(self) -> "Question":
        """Return a question with other content under the same id."""
        about = uuid7()
        intent = self.intent
        match intent:
            case Entry(transfers=(first, *rest)):
                return replace(self, intent=Entry(replace(first, about=about), *rest))
            case Entry():
                raise AssertionError("an entry has a transfer")
            case Draw() | Refuse():
                return replace(self, intent=replace(intent, about=about))
            case _:
                assert_never(intent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallets:
    """The wallets of a group of people, by person."""

    cash: tuple[UUID, ...]
    subsidy: tuple[UUID, ...]


def wallets(group: int) -> Wallets:
    """Return the wallets of a group; groups share the bank and the merchants."""
    return Wallets(
        cash=tuple(UUID(int=0x1_0000 + 0x100 * group + each) for each in range(_PEOPLE)),
        subsidy=tuple(UUID(int=0x2_0000 + 0x100 * group + each) for each in range(_PEOPLE)),
    )


def accounts(groups: int) -> list[Account]:
    """Return all accounts that questions are about: a bank, merchants, and groups of people."""
    rule = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS
    people = [wallets(group) for group in range(groups)]
    return [
        new_account(_BANK, "bank"),
        *(new_account(each, "merchant") for each in _MERCHANTS),
        *(new_account(each, "cash", rule=rule) for some in people for each in some.cash),
        *(new_account(each, "subsidy", rule=rule) for some in people for each in some.subsidy),
    ]


class Questions:
    """Makes up questions about one group of people, one after the other."""

    def __init__(self, people: Wallets, *, random: Random, clock: Clock) -> None:
        self._people = people
        self._random = random
        self._clock = clock
        self._holds: list[tuple[UUID, int]] = []
        weighted: tuple[tuple[Callable[[], Question], int], ...] = (
            (self._purchase, 30),
            (self._draw, 16),
            (self._top_up, 20),
            (self._linked, 12),
            (self._hold, 10),
            (self._end_of_hold, 9),
            (self._refusable, 3),
        )
        self._makers = [make for make, _ in weighted]
        self._weights = [weight for _, weight in weighted]

    def next(self) -> Question:
        """Return a question under a new id."""
        (make,) = self._random.choices(self._makers, self._weights)
        return make()

    def next_failing(self) -> Question:
        """Return a question whose effect does not hold."""
        return replace(self._purchase(), condition=Condition.FAILS)

    def note_held(self, hold_id: UUID, amount: Fen) -> None:
        """Remember a hold that stands, for a later question to end."""
        if len(self._holds) < _HOLDS_MAX:
            self._holds.append((hold_id, amount.value))

    def _purchase(self) -> Question:
        return Question(
            intent=Entry(
                self._transfer("purchase", self._any(self._people.cash), self._any(_MERCHANTS))
            ),
            condition=self._condition(),
        )

    def _draw(self) -> Question:
        person = self._random.randrange(_PEOPLE)
        draw_id = self._id()
        return Question(
            intent=Draw(
                id=draw_id,
                kind="purchase",
                amount=self._amount(),
                debit_accounts=(self._people.subsidy[person], self._people.cash[person]),
                credit_account=self._any(_MERCHANTS),
                event_at=time_of(draw_id),
            ),
            condition=self._condition(),
        )

    def _top_up(self) -> Question:
        wallet = self._any(self._random.choice((self._people.cash, self._people.subsidy)))
        return Question(intent=Entry(self._transfer("top_up", _BANK, wallet, amount=_TOP_UP)))

    def _linked(self) -> Question:
        first, second = self._random.sample(self._people.cash, 2)
        transfers = [
            self._transfer("gift", first, second),
            self._transfer("purchase", second, self._any(_MERCHANTS)),
            self._transfer("fee", first, _BANK, amount=Fen(1)),
        ]
        count = self._random.choice((2, 3))
        return Question(intent=Entry(*transfers[:count]), condition=self._condition())

    def _hold(self) -> Question:
        hold = self._transfer("order", self._any(self._people.cash), self._any(_MERCHANTS))
        expires_at = hold.event_at + _HOLD_LASTS
        return Question(intent=Entry(replace(hold, phase=Phase.PENDING, expires_at=expires_at)))

    def _end_of_hold(self) -> Question:
        """Post or void a hold; it is forgotten only every other time, so some end twice."""
        if not self._holds:
            return self._hold()
        place = self._random.randrange(len(self._holds))
        hold_id, amount = self._holds[place]
        if self._random.random() < 0.5:  # noqa: PLR2004  every other time
            del self._holds[place]
        phase = self._random.choice((Phase.POST, Phase.POST, Phase.VOID))
        part = None
        if phase is Phase.POST and self._random.random() < 0.5:  # noqa: PLR2004  as above
            part = Fen(self._random.randint(1, amount + 1))
        return Question(intent=Entry(self._end("capture", hold_id, phase=phase, part=part)))

    def _refusable(self) -> Question:
        cash, merchant = self._any(self._people.cash), self._any(_MERCHANTS)
        nothing, far_too_much = Fen(0), Fen(_FAR_TOO_MUCH_FEN)
        top_up = self._transfer("top_up", _BANK, cash)
        wrong = self._random.choice(
            (
                (self._transfer("purchase", cash, merchant, amount=nothing),),
                (self._transfer("purchase", cash, merchant, amount=far_too_much),),
                (self._transfer("purchase", cash, cash),),
                (self._transfer("purchase", _NOBODY, merchant),),
                (self._end("capture", self._id(), phase=Phase.VOID, part=None),),
                (top_up, self._transfer("purchase", cash, merchant, amount=far_too_much)),
            )
        )
        return Question(intent=Entry(*wrong))

    def _transfer(
        self,
        kind: str,
        debit_account: UUID,
        credit_account: UUID,
        *,
        amount: Fen | None = None,
    ) -> Transfer:
        transfer_id = self._id()
        return Transfer(
            id=transfer_id,
            kind=kind,
            event_at=time_of(transfer_id),
            amount=self._amount() if amount is None else amount,
            debit_account=debit_account,
            credit_account=credit_account,
            about=uuid7() if self._random.random() < 0.5 else None,  # noqa: PLR2004  either way
        )

    def _end(self, kind: str, hold_id: UUID, *, phase: Phase, part: Fen | None) -> Transfer:
        end_id = self._id()
        return Transfer(
            id=end_id,
            kind=kind,
            event_at=time_of(end_id),
            amount=part,
            phase=phase,
            hold_id=hold_id,
        )

    def _id(self) -> UUID:
        """Return a new id; one in fifty is of a terminal whose clock is far behind."""
        now = self._clock()
        return uuid7(now - _WRONG_CLOCK if self._random.random() < 0.02 else now)  # noqa: PLR2004

    def _amount(self) -> Fen:
        return Fen(self._random.randint(1, 3_000))

    def _any(self, some: tuple[UUID, ...]) -> UUID:
        return self._random.choice(some)

    def _condition(self) -> Condition:
        """Return a condition; those that fail are left to questions that are asked in a storm."""
        return self._random.choice((Condition.NONE, Condition.NONE, Condition.HOLDS))
