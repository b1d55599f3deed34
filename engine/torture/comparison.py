"""The comparison of a journal with the ledger: pure, and a judge apart from what it judges.

Nothing here uses the ledger's own way of answering a repeated question.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, assert_never
from uuid import UUID

from engine.torture.journal import Answer, Case, Refused
from engine.torture.questions import REVERSED, Condition
from ledger.answers import Posted, Recorded
from ledger.decide import Line
from ledger.errors import EffectRefused, TransferConflict
from ledger.transfers import Draw, Entry, Intent, Phase, Refuse, Transfer


class DifferenceKind(StrEnum):
    """How the ledger can break what it promised."""

    LOST = "lost"
    """It was acknowledged as posted and is not on record as posted."""
    DOUBLED = "doubled"
    """An id is on record more than once."""
    ALTERED = "altered"
    """What is on record is not what was acknowledged, or not what was asked."""
    RESURRECTED = "resurrected"
    """It was acknowledged as refused and is posted."""
    REFUSAL_LOST = "refusal_lost"
    """It was acknowledged as refused for ever, and nothing on record says so."""
    CONTRADICTED = "contradicted"
    """Two answers about one id cannot both be true."""
    UNRESOLVED = "unresolved"
    """It was asked and never answered."""
    UNASKED = "unasked"
    """It is on record though nobody asked for it."""
    EFFECT_WRONG = "effect_wrong"
    """Its effect did not happen exactly as often as it was posted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One broken promise."""

    kind: DifferenceKind
    id: UUID
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything that the ledger has on record."""

    lines: Sequence[Recorded]
    """In the order in which they were written."""
    notes: Counter[UUID]
    """How often the effect of an entry is there."""


def compare(cases: Mapping[UUID, Case], record: Record) -> list[Difference]:
    """Return every difference between what was heard and what is on record."""
    entries: defaultdict[UUID, list[Recorded]] = defaultdict(list)
    for recorded in record.lines:
        entries[recorded.line.entry_id].append(recorded)
    differences = [*_doubled(record), *_unasked(cases, entries)]
    for identifier, case in cases.items():
        final = [each for each in case.answers if not _is_open(each)]
        matter = _Matter(case, final, entries.get(identifier, []), record.notes[identifier])
        for check in _CHECKS:
            if found := check(matter):
                kind, text = found
                differences.append(Difference(kind=kind, id=identifier, text=text))
    return differences


class _Matter(NamedTuple):
    """One id: what was heard about it, and what is on record under it."""

    case: Case
    final: list[Answer]
    """The answers that must stay true for ever."""
    lines: Sequence[Recorded]
    notes: int

    @property
    def refusals(self) -> list[str]:
        return [each.line.refusal for each in self.lines if each.line.refusal is not None]


_Finding = tuple[DifferenceKind, str] | None


def _doubled(record: Record) -> Iterator[Difference]:
    counts = Counter(recorded.line.id for recorded in record.lines)
    for identifier, count in counts.items():
        if count > 1:
            text = f"it is on record {count} times"
            yield Difference(kind=DifferenceKind.DOUBLED, id=identifier, text=text)


def _unasked(
    cases: Mapping[UUID, Case], entries: Mapping[UUID, Sequence[Recorded]]
) -> Iterator[Difference]:
    for entry_id, lines in entries.items():
        if entry_id not in cases:
            text = f"{len(lines)} transfers of an entry that nobody knows"
            yield Difference(kind=DifferenceKind.UNASKED, id=entry_id, text=text)


def _is_answered(matter: _Matter) -> _Finding:
    if matter.case.answers:
        return None
    return DifferenceKind.UNRESOLVED, f"{len(matter.lines)} transfers are on record"


def _what_was_posted_is_there(matter: _Matter) -> _Finding:
    for answer in matter.final:
        if not isinstance(answer, Posted):
            continue
        if not matter.lines or matter.refusals:
            return DifferenceKind.LOST, f"on record are {len(matter.lines)} {matter.refusals}"
        if [each.line for each in matter.lines] != list(answer.lines):
            return DifferenceKind.ALTERED, "its transfers are not those of the answer"
        if any(each.posted_at != answer.posted_at for each in matter.lines):
            return DifferenceKind.ALTERED, "its time is not that of the answer"
    return None


def _what_was_refused_is_not_posted(matter: _Matter) -> _Finding:
    refused = [each.code for each in matter.case.answers if isinstance(each, Refused)]
    if refused and len(matter.refusals) < len(matter.lines):
        return DifferenceKind.RESURRECTED, f"it was refused: {refused}"
    return None


def _refusals_are_kept(matter: _Matter) -> _Finding:
    for answer in matter.final:
        if isinstance(answer, Refused) and answer.code not in matter.refusals:
            found = f"on record are {len(matter.lines)} {matter.refusals}"
            return DifferenceKind.REFUSAL_LOST, f"it was refused: {answer.code}; {found}"
    return None


def _answers_agree(matter: _Matter) -> _Finding:
    case, final = matter.case, matter.final
    known = {_truth(each) for each in (*final, *case.reversals)}
    if len(final) > 1 or len(known) > 1:
        text = f"it was answered {_said(final)}; its reversal {_said(case.reversals)}"
        return DifferenceKind.CONTRADICTED, text
    if any(each != Refused(TransferConflict.code) for each in case.conflicts):
        text = f"other content under its id was answered {_said(case.conflicts)}"
        return DifferenceKind.CONTRADICTED, text
    return None


def _effect_follows(matter: _Matter) -> _Finding:
    condition = matter.case.question.condition
    if condition is not Condition.FAILS and any(_is_open(each) for each in matter.case.answers):
        return DifferenceKind.EFFECT_WRONG, "it was refused for an effect that holds"
    is_posted = bool(matter.lines) and not matter.refusals
    if is_posted and condition is Condition.FAILS:
        return DifferenceKind.EFFECT_WRONG, "it is posted though its effect does not hold"
    expected = int(is_posted and condition is Condition.HOLDS)
    if matter.notes != expected:
        return DifferenceKind.EFFECT_WRONG, f"it happened {matter.notes} times, not {expected}"
    return None


def _record_is_as_asked(matter: _Matter) -> _Finding:
    if not matter.lines or (matter.refusals == [REVERSED] and matter.case.is_taken_back):
        return None  # who takes back knows the id and no more
    if _is_as_asked(matter.case.question.intent, matter.lines):
        return None
    found = [each.line for each in matter.lines]
    return DifferenceKind.ALTERED, f"on record is {found}, asked was {matter.case.question}"


_CHECKS: Final[tuple[Callable[[_Matter], _Finding], ...]] = (
    _is_answered,
    _what_was_posted_is_there,
    _what_was_refused_is_not_posted,
    _refusals_are_kept,
    _answers_agree,
    _effect_follows,
    _record_is_as_asked,
)


def _is_open(answer: Answer) -> bool:
    """Tell whether an answer leaves the id free, so that another one may follow."""
    return isinstance(answer, Refused) and answer.code == EffectRefused.code


def _truth(answer: Answer) -> Posted | str:
    """Return what a question and its reversal must agree on."""
    return answer if isinstance(answer, Posted) else answer.code


def _said(answers: Sequence[Answer]) -> str:
    return ", then ".join(
        f"posted at {each.posted_at}" if isinstance(each, Posted) else str(each) for each in answers
    )


def _is_as_asked(intent: Intent, found: Sequence[Recorded]) -> bool:
    lines = [each.line for each in found]
    match intent:
        case Entry(transfers=asked):
            return len(lines) == len(asked) and all(map(_is_same, asked, lines))
        case Draw():
            debited = [line.debit_account for line in lines]
            return (
                debited == [each for each in intent.debit_accounts if each in debited]
                and sum(line.amount_fen for line in lines) == intent.amount.value
                and {line.credit_account for line in lines} == {intent.credit_account}
                and {(line.kind, line.phase, line.event_at, line.about) for line in lines}
                == {(intent.kind, Phase.SINGLE, intent.event_at, intent.about)}
            )
        case Refuse():
            return [line.kind for line in lines] == [intent.kind]
        case _:
            assert_never(intent)


def _is_same(asked: Transfer, line: Line) -> bool:
    is_end = asked.hold_id is not None
    return (
        (asked.id, asked.kind, asked.phase) == (line.id, line.kind, line.phase)
        and (asked.event_at, asked.about) == (line.event_at, line.about)
        and (asked.hold_id, asked.expires_at) == (line.hold_id, line.expires_at)
        and (asked.amount is None or asked.amount.value == line.amount_fen)
        and (is_end or asked.debit_account == line.debit_account)
        and (is_end or asked.credit_account == line.credit_account)
    )
