"""The journal of a client: what it asked, and every answer that it was given.

It is kept by a process that is never killed, so it knows what was acknowledged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from engine.torture.questions import Question
from ledger.answers import Posted


class Refused(NamedTuple):
    """The answer no, with what it says about lack of funds."""

    code: str
    needed_fen: int | None = None
    available_fen: int | None = None


Answer = Posted | Refused


@dataclass(slots=True)
class Case:
    """All that was heard about one id. An answer that came again is kept once."""

    question: Question
    answers: list[Answer] = field(default_factory=list)
    """To the question itself."""
    reversals: list[Answer] = field(default_factory=list)
    """To its reversal: what is on record, or the refusal that the reversal put there."""
    conflicts: list[Answer] = field(default_factory=list)
    """To other content under the same id."""
    is_taken_back: bool = False
    """Its reversal was asked for, whether or not that was answered."""
    lost_at: datetime | None = None
    """When an answer first failed to come; None when the first one came."""


@dataclass(slots=True)
class Counts:
    """What a journal counts."""

    posted: int = 0
    refused: int = 0
    again: int = 0
    """Answers to a question that had one already, and to reversals and other content."""
    unknown: int = 0
    """Questions whose answer failed to come."""
    unknown_posted_before: int = 0
    """Of these, posted before the answer failed to come."""
    unknown_posted_after: int = 0
    """Of these, posted when they were asked again."""
    unknown_refused: int = 0


class Journal:
    """Keeps a case for each id that was asked."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._cases: dict[UUID, Case] = {}
        self.answered: list[Case] = []
        """In the order of their first answers."""
        self.newest = datetime.min.replace(tzinfo=UTC)
        """The time of the newest posting that the client was told of."""

    @property
    def cases(self) -> Mapping[UUID, Case]:
        """The cases by id."""
        return self._cases

    def ask(self, question: Question) -> Case:
        """Note a question before it is sent; the same again is the same case."""
        return self._cases.setdefault(question.id, Case(question))

    def take_back(self, case: Case) -> Question:
        """Note that a case is reversed before the reversal, which is returned, is sent."""
        case.is_taken_back = True
        return case.question.reversal()

    def lose(self, case: Case, *, at: datetime) -> None:
        """Note that an answer did not come and nobody knows what became of the question."""
        if case.lost_at is None and not case.answers:
            case.lost_at = at
            self.counts.unknown += 1

    def answer(self, case: Case, answer: Answer) -> None:
        """Note an answer to the question of a case."""
        if case.answers:
            self.counts.again += 1
        else:
            self.answered.append(case)
            self._count_first(case, answer)
        if isinstance(answer, Posted):
            self.newest = max(self.newest, answer.posted_at)
        _keep(case.answers, answer)

    def answer_reversal(self, case: Case, answer: Answer) -> None:
        """Note an answer to the reversal of a case."""
        self.counts.again += 1
        _keep(case.reversals, answer)

    def answer_altered(self, case: Case, answer: Answer) -> None:
        """Note an answer to other content under the id of a case."""
        self.counts.again += 1
        _keep(case.conflicts, answer)

    def _count_first(self, case: Case, answer: Answer) -> None:
        is_posted = isinstance(answer, Posted)
        self.counts.posted += is_posted
        self.counts.refused += not is_posted
        if case.lost_at is None:
            return
        if not isinstance(answer, Posted):
            self.counts.unknown_refused += 1
        elif answer.posted_at < case.lost_at:
            self.counts.unknown_posted_before += 1
        else:
            self.counts.unknown_posted_after += 1


def _keep(answers: list[Answer], answer: Answer) -> None:
    if answer not in answers:
        answers.append(answer)
