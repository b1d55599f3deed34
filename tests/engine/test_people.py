"""People: what a person can be, how they are found, and how their state changes."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from engine.audit_trail import Action, list_events
from engine.errors import (
    IllegalTransition,
    InvalidPerson,
    NotSignedIn,
    NumberTaken,
    PersonNotFound,
    Problem,
)
from engine.people import (
    TRANSITIONS,
    NewPerson,
    PeopleFilter,
    Person,
    PersonEvent,
    PersonKind,
    PersonState,
    add_person,
    change_state,
    find_person,
    get_person,
    list_people,
)
from ledger.book import LedgerConnection
from tests.identities import START, SYSTEM, Doors, at_once, student

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool


def new_person(
    number: str = "20190001",
    name: str = "李雷",
    kind: PersonKind = PersonKind.STUDENT,
    college: str | None = "数学学院",
) -> NewPerson:
    return NewPerson(number=number, name=name, kind=kind, college=college)


@pytest.mark.parametrize(
    ("make", "field", "problem"),
    [
        (lambda: new_person(number=""), "number", Problem.MISSING),
        (lambda: new_person(number="123"), "number", Problem.MALFORMED),
        (lambda: new_person(number="1" * 21), "number", Problem.MALFORMED),
        (lambda: new_person(number="2019 001"), "number", Problem.MALFORMED),
        (lambda: new_person(number="２０１９"), "number", Problem.MALFORMED),
        (lambda: new_person(number="2019\n"), "number", Problem.MALFORMED),
        (lambda: new_person(name=""), "name", Problem.MISSING),
        (lambda: new_person(name="李" * 101), "name", Problem.TOO_LONG),
        (lambda: new_person(name=" 李雷"), "name", Problem.MALFORMED),
        (lambda: new_person(name="李\0雷"), "name", Problem.MALFORMED),
        (lambda: new_person(college=None), "college", Problem.MISSING),
        (lambda: new_person(kind=PersonKind.TEACHER, college=""), "college", Problem.MISSING),
        (lambda: new_person(college="x" * 101), "college", Problem.TOO_LONG),
    ],
)
def test_a_person_cannot_be_made_with(
    make: Callable[[], NewPerson], field: str, problem: Problem
) -> None:
    with pytest.raises(InvalidPerson) as refused:
        make()
    assert (refused.value.field, refused.value.problem) == (field, problem)


async def test_a_person_is_found_by_number_and_by_id(connection: LedgerConnection) -> None:
    person = await student(connection, "20190001")
    assert await find_person(connection, "20190001") == person
    assert await get_person(connection, person.id) == person


@pytest.mark.parametrize("number", ["20190002", "", "\0", "2019 0001", "x" * 1000, "\ud800"])
async def test_nobody_is_found_by(connection: LedgerConnection, number: str) -> None:
    await student(connection, "20190001")
    assert await find_person(connection, number) is None


async def test_an_unknown_id_is_refused(connection: LedgerConnection) -> None:
    with pytest.raises(PersonNotFound):
        await get_person(connection, uuid4())


async def test_a_temporary_person_needs_no_college(connection: LedgerConnection) -> None:
    guest = NewPerson(number="T0001", name="Guest", kind=PersonKind.TEMPORARY)
    added = await add_person(connection, guest, actor=SYSTEM, at=START)
    assert (added.college, added.state) == (None, PersonState.ACTIVE)


async def test_a_number_belongs_to_one_person(connection: LedgerConnection) -> None:
    await student(connection, "20190001")
    with pytest.raises(NumberTaken):
        await student(connection, "20190001")


async def test_adding_a_number_at_once_makes_one_person(pool: "Pool[Record]") -> None:
    async def add() -> Person:
        async with pool.acquire() as connection, connection.transaction():
            return await student(connection, "20190001")

    outcomes = await at_once(add() for _ in range(8))
    assert [type(outcome) for outcome in outcomes].count(NumberTaken) == 7


async def test_the_database_refuses_what_the_code_let_through(connection: LedgerConnection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "insert into people (id, number, name, kind) values ($1, '2019', '李雷', 'student')",
            uuid4(),
        )


async def test_people_are_listed_in_pages_by_number(connection: LedgerConnection) -> None:
    for number in ("20190003", "20190001", "20190004", "20190002"):
        await student(connection, number)
    first = await list_people(connection, limit=3)
    second = await list_people(connection, after_number=first[-1].number, limit=3)
    assert [p.number for p in first] == ["20190001", "20190002", "20190003"]
    assert [p.number for p in second] == ["20190004"]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (PeopleFilter(), ["20190001", "20190002", "T0001"]),
        (PeopleFilter(search="2019"), ["20190001", "20190002"]),
        (PeopleFilter(search="雷"), ["20190001", "20190002"]),
        (PeopleFilter(search="uest"), ["T0001"]),
        (PeopleFilter(search="0001"), []),
        (PeopleFilter(search="%"), []),
        (PeopleFilter(search="T00\0"), ["T0001"]),
        (PeopleFilter(kind=PersonKind.TEMPORARY), ["T0001"]),
        (PeopleFilter(state=PersonState.SUSPENDED), ["20190002"]),
        (PeopleFilter(search="2019", state=PersonState.ACTIVE), ["20190001"]),
    ],
)
async def test_people_are_listed_by(
    connection: LedgerConnection, wanted: PeopleFilter, numbers: list[str]
) -> None:
    await student(connection, "20190001")
    paused = await student(connection, "20190002")
    guest = NewPerson(number="T0001", name="Guest", kind=PersonKind.TEMPORARY)
    await add_person(connection, guest, actor=SYSTEM, at=START)
    await change_state(connection, paused.id, PersonEvent.SUSPEND, actor=SYSTEM, at=START)
    assert [p.number for p in await list_people(connection, wanted, limit=10)] == numbers


async def bring_to(connection: LedgerConnection, person: Person, state: PersonState) -> None:
    way = {
        PersonState.ACTIVE: [],
        PersonState.SUSPENDED: [PersonEvent.SUSPEND],
        PersonState.LEFT: [PersonEvent.LEAVE],
    }[state]
    for event in way:
        await change_state(connection, person.id, event, actor=SYSTEM, at=START)


@pytest.mark.parametrize("event", PersonEvent)
@pytest.mark.parametrize("state", PersonState)
async def test_a_state_changes_as_the_table_says(
    connection: LedgerConnection, state: PersonState, event: PersonEvent
) -> None:
    person = await student(connection)
    await bring_to(connection, person, state)
    after = TRANSITIONS.get((state, event))
    if after is None:
        with pytest.raises(IllegalTransition):
            await change_state(connection, person.id, event, actor=SYSTEM, at=START)
    else:
        await change_state(connection, person.id, event, actor=SYSTEM, at=START)
    assert (await get_person(connection, person.id)).state is (after or state)


async def test_an_unknown_person_changes_no_state(connection: LedgerConnection) -> None:
    with pytest.raises(PersonNotFound):
        await change_state(connection, uuid4(), PersonEvent.SUSPEND, actor=SYSTEM, at=START)


async def test_a_change_of_state_is_recorded_with_both_states(connection: LedgerConnection) -> None:
    person = await student(connection)
    await change_state(connection, person.id, PersonEvent.SUSPEND, actor=SYSTEM, at=START)
    newest, *_ = await list_events(connection, subject_id=person.id, limit=1)
    assert newest.event.action == Action.PERSON_STATE_CHANGED
    assert newest.event.details == {"before": "active", "after": "suspended"}


async def test_suspending_at_once_happens_once(doors: Doors) -> None:
    person = await doors.person()

    async def suspend() -> Person:
        async with doors.pool.acquire() as connection, connection.transaction():
            return await change_state(
                connection, person.id, PersonEvent.SUSPEND, actor=SYSTEM, at=START
            )

    outcomes = await at_once(suspend() for _ in range(6))
    assert [type(outcome) for outcome in outcomes].count(IllegalTransition) == 5


async def test_a_suspended_person_is_signed_out_and_stays_so_when_resumed(doors: Doors) -> None:
    person = await doors.person()
    signed_in = await doors.enter()
    for event in (PersonEvent.SUSPEND, PersonEvent.RESUME):
        async with doors.pool.acquire() as connection, connection.transaction():
            await change_state(connection, person.id, event, actor=SYSTEM, at=START)
        with pytest.raises(NotSignedIn):
            await doors.principal(signed_in)
