from datetime import UTC, datetime, timedelta

from engine.torture.journal import Counts, Journal, Refused
from engine.torture.questions import Question
from ledger.answers import Posted
from ledger.ids import uuid7
from ledger.transfers import Refuse

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(milliseconds=1), NOON + timedelta(milliseconds=1)
NO = Refused("insufficient_funds")


def a_question() -> Question:
    return Question(intent=Refuse(id=uuid7(NOON), kind="test", code="no", event_at=NOON))


def test_the_same_question_is_the_same_case() -> None:
    journal = Journal()
    question = a_question()
    assert journal.ask(question) is journal.ask(question)
    assert len(journal.cases) == 1


def test_the_same_answer_is_kept_once_and_another_one_as_well() -> None:
    journal = Journal()
    case = journal.ask(a_question())
    for answer in (NO, Refused("insufficient_funds"), Refused("hold_not_found")):
        journal.answer(case, answer)
    assert case.answers == [NO, Refused("hold_not_found")]
    assert journal.counts == Counts(refused=1, again=2)


def test_a_question_that_was_lost_twice_was_unknown_once() -> None:
    journal = Journal()
    case = journal.ask(a_question())
    journal.lose(case, at=NOON)
    journal.lose(case, at=AFTER)
    journal.answer(case, NO)
    assert journal.counts == Counts(refused=1, unknown=1, unknown_refused=1)


def test_losing_the_answer_to_what_is_known_makes_nothing_unknown() -> None:
    journal = Journal()
    case = journal.ask(a_question())
    journal.answer(case, NO)
    journal.lose(case, at=NOON)
    assert journal.counts.unknown == 0


def test_it_tells_what_was_posted_before_the_answer_was_lost() -> None:
    journal = Journal()
    for posted_at in (BEFORE, AFTER):
        case = journal.ask(a_question())
        journal.lose(case, at=NOON)
        journal.answer(case, Posted((), posted_at))
    assert journal.counts == Counts(
        posted=2, unknown=2, unknown_posted_before=1, unknown_posted_after=1
    )
