"""The judge of a torture run: it says nothing of books that are right, and names each that is not.

What it would miss would be missed by every run, so each broken promise is shown to it here.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from engine.torture.comparison import DifferenceKind as Kind
from engine.torture.comparison import Record, compare
from engine.torture.journal import Answer, Case, Refused
from engine.torture.questions import REVERSED, Condition, Question
from ledger.accounts import Account, Rule, new_account
from ledger.answers import Posted, Recorded
from ledger.decide import Line, decide, refused_line
from ledger.errors import EffectRefused, TransferConflict
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.transfers import Draw, Entry, Intent, Refuse, Transfer

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)
BANK, CANTEEN, WALLET, OTHER_WALLET = (UUID(int=number) for number in (1, 2, 3, 4))
RULE = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS
CONFLICT = Refused(TransferConflict.code)
EFFECT_REFUSED = Refused(EffectRefused.code)
SHORT = Refused("insufficient_funds", 900, 100)


def funded(account_id: UUID, fen: int) -> Account:
    return new_account(account_id, "wallet", rule=RULE)._replace(credits_posted=fen)


ACCOUNTS = {
    BANK: new_account(BANK, "bank"),
    CANTEEN: new_account(CANTEEN, "merchant"),
    WALLET: funded(WALLET, 100),
    OTHER_WALLET: funded(OTHER_WALLET, 1_000),
}


def transfer(fen: int = 50, *, debit: UUID = WALLET) -> Transfer:
    return Transfer(
        id=uuid7(NOON),
        kind="purchase",
        event_at=NOON,
        amount=Fen(fen),
        debit_account=debit,
        credit_account=CANTEEN,
    )


def recorded(intent: Intent) -> list[Recorded]:
    """What a ledger puts on record for an intent."""
    if isinstance(intent, Refuse):
        return [Recorded(refused_line(intent), NOON)]
    entry = intent.entry(ACCOUNTS) if isinstance(intent, Draw) else intent
    return [Recorded(line, NOON) for line in decide(ACCOUNTS, {}, entry).lines]


def posted(lines: Sequence[Recorded]) -> Posted:
    return Posted(tuple(each.line for each in lines), lines[0].posted_at)


def altered(
    lines: Sequence[Recorded], **changes: str | int | datetime | UUID | None
) -> list[Recorded]:
    """The same lines, the last of them changed."""
    *before, last = lines
    return [*before, last._replace(line=Line(**{**last.line._asdict(), **changes}))]


def kinds(case: Case, lines: Sequence[Recorded], *, notes: int = 0) -> list[Kind]:
    record = Record(lines=lines, notes=Counter({case.question.id: notes}))
    return [each.kind for each in compare({case.question.id: case}, record)]


def heard(intent: Intent, *answers: Answer, condition: Condition = Condition.NONE) -> Case:
    return Case(Question(intent=intent, condition=condition), list(answers))


ENTRY = Entry(transfer())
LINKED = Entry(transfer(), transfer(300, debit=OTHER_WALLET))
TOO_MUCH = Entry(transfer(900))
LINKED_TOO_MUCH = Entry(transfer(), transfer(900))
DRAW = Draw(
    id=uuid7(NOON),
    kind="purchase",
    amount=Fen(700),
    debit_accounts=(WALLET, OTHER_WALLET),
    credit_account=CANTEEN,
    event_at=NOON,
)
THERE, LINKED_THERE, DRAW_THERE = recorded(ENTRY), recorded(LINKED), recorded(DRAW)
REFUSED_THERE = recorded(TOO_MUCH)
SAID = posted(THERE)
HOLDS, FAILS = Condition.HOLDS, Condition.FAILS


@pytest.mark.parametrize("intent", [ENTRY, LINKED, DRAW])
def test_what_was_acknowledged_and_stands_is_no_difference(intent: Intent) -> None:
    lines = recorded(intent)
    assert kinds(heard(intent, posted(lines)), lines) == []


@pytest.mark.parametrize("intent", [TOO_MUCH, LINKED_TOO_MUCH])
def test_a_refusal_that_stands_is_no_difference(intent: Intent) -> None:
    assert kinds(heard(intent, SHORT), recorded(intent)) == []


def test_an_effect_that_happened_once_is_no_difference() -> None:
    assert kinds(heard(ENTRY, SAID, condition=HOLDS), THERE, notes=1) == []


def test_an_effect_that_was_refused_may_leave_nothing() -> None:
    assert kinds(heard(ENTRY, EFFECT_REFUSED, condition=FAILS), []) == []


@pytest.mark.parametrize("reversals", [[], [Refused(REVERSED)]])
def test_an_id_taken_back_before_it_was_posted_is_no_difference(reversals: list[Answer]) -> None:
    case = heard(ENTRY, Refused(REVERSED))
    case.is_taken_back = True
    case.reversals += reversals
    assert kinds(case, recorded(case.question.reversal().intent)) == []


def test_an_id_that_nobody_took_back_is_named_when_it_is_taken_back() -> None:
    case = heard(ENTRY, Refused(REVERSED))
    assert kinds(case, recorded(case.question.reversal().intent)) == [Kind.ALTERED]


def test_an_id_taken_back_after_it_was_posted_is_no_difference() -> None:
    case = heard(ENTRY, SAID)
    case.reversals.append(SAID)
    case.conflicts.append(CONFLICT)
    assert kinds(case, THERE) == []


@pytest.mark.parametrize(
    ("what", "case", "lines", "kind"),
    [
        ("gone", heard(ENTRY, SAID), [], Kind.LOST),
        (
            "refused on record",
            heard(ENTRY, SAID),
            altered(THERE, refusal="hold_not_found"),
            Kind.LOST,
        ),
        ("half of it gone", heard(LINKED, posted(LINKED_THERE)), LINKED_THERE[:1], Kind.ALTERED),
        ("another amount", heard(ENTRY, SAID), altered(THERE, amount_fen=51), Kind.ALTERED),
        ("another balance", heard(ENTRY, SAID), altered(THERE, debit_balance_fen=0), Kind.ALTERED),
        (
            "another time",
            heard(ENTRY, SAID),
            [each._replace(posted_at=LATER) for each in THERE],
            Kind.ALTERED,
        ),
        ("twice", heard(ENTRY, SAID), THERE * 2, Kind.DOUBLED),
        ("posted though refused", heard(ENTRY, SHORT), THERE, Kind.RESURRECTED),
        (
            "posted though its effect was refused",
            heard(ENTRY, EFFECT_REFUSED, condition=FAILS),
            THERE,
            Kind.RESURRECTED,
        ),
        ("refusal gone", heard(TOO_MUCH, SHORT), [], Kind.REFUSAL_LOST),
        (
            "another refusal",
            heard(TOO_MUCH, SHORT),
            altered(REFUSED_THERE, refusal="hold_not_found"),
            Kind.REFUSAL_LOST,
        ),
        ("first yes, then no", heard(ENTRY, SAID, SHORT), THERE, Kind.CONTRADICTED),
        (
            "first short of so much, then of more",
            heard(TOO_MUCH, SHORT, SHORT._replace(available_fen=0)),
            REFUSED_THERE,
            Kind.CONTRADICTED,
        ),
        ("never answered", heard(ENTRY), [], Kind.UNRESOLVED),
        ("without its effect", heard(ENTRY, SAID, condition=HOLDS), THERE, Kind.EFFECT_WRONG),
        (
            "posted without leave of its effect",
            heard(ENTRY, SAID, condition=FAILS),
            THERE,
            Kind.EFFECT_WRONG,
        ),
        (
            "refused for an effect that holds",
            heard(ENTRY, EFFECT_REFUSED, condition=HOLDS),
            [],
            Kind.EFFECT_WRONG,
        ),
    ],
)
def test_a_broken_promise_is_named(
    what: str, case: Case, lines: list[Recorded], kind: Kind
) -> None:
    assert kind in kinds(case, lines), what


@pytest.mark.parametrize(
    ("intent", "lines"),
    [
        (ENTRY, altered(THERE, credit_account=BANK)),
        (ENTRY, altered(THERE, kind="gift")),
        (ENTRY, altered(THERE, event_at=LATER)),
        (ENTRY, altered(THERE, about=BANK)),
        (LINKED, LINKED_THERE[::-1]),
        (DRAW, altered(DRAW_THERE, amount_fen=1)),
        (DRAW, DRAW_THERE[::-1]),
        (DRAW, altered(DRAW_THERE, credit_account=BANK)),
    ],
)
def test_what_nobody_asked_is_named_even_if_answer_and_record_agree(
    intent: Intent, lines: list[Recorded]
) -> None:
    assert kinds(heard(intent, posted(lines)), lines) == [Kind.ALTERED]


@pytest.mark.parametrize(
    ("case", "lines", "notes"),
    [
        (heard(ENTRY, SAID, condition=HOLDS), THERE, 2),
        (heard(ENTRY, SAID), THERE, 1),
        (heard(TOO_MUCH, SHORT, condition=HOLDS), REFUSED_THERE, 1),
    ],
)
def test_an_effect_too_many_is_named(case: Case, lines: list[Recorded], notes: int) -> None:
    assert kinds(case, lines, notes=notes) == [Kind.EFFECT_WRONG]


def test_a_reversal_that_was_told_otherwise_is_named() -> None:
    case = heard(ENTRY, SAID)
    case.reversals.append(Refused(REVERSED))
    assert kinds(case, THERE) == [Kind.CONTRADICTED]


def test_other_content_that_was_taken_for_the_same_is_named() -> None:
    case = heard(ENTRY, SAID)
    case.conflicts.append(SAID)
    assert kinds(case, THERE) == [Kind.CONTRADICTED]


def test_what_nobody_asked_for_is_named() -> None:
    assert [each.kind for each in compare({}, Record(lines=THERE, notes=Counter()))] == [
        Kind.UNASKED
    ]
