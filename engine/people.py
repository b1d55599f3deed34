"""People: students, teachers and temporary card holders."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.audit_trail import Action, Actor, AuditEvent, Subject, record
from engine.errors import (
    IllegalTransition,
    InvalidPerson,
    NumberTaken,
    PersonNotFound,
    Problem,
)
from engine.sessions import end_sessions
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.queries import load

if TYPE_CHECKING:
    from asyncpg import Record

_SQL = load("engine.sql", "people")
_NUMBER: Final = re.compile(r"[0-9A-Za-z]{4,20}", re.ASCII)
_TEXT_MAX: Final = 100


class PersonKind(StrEnum):
    """What a person is to the university."""

    STUDENT = "student"
    TEACHER = "teacher"
    """Any employee."""
    TEMPORARY = "temporary"
    """A guest with a card; belongs to no college."""


class PersonState(StrEnum):
    """Whether a person may sign in and pay."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class PersonEvent(StrEnum):
    """What changes a person's state."""

    SUSPEND = "suspend"
    RESUME = "resume"
    LEAVE = "leave"
    RETURN = "return"


TRANSITIONS: Final[Mapping[tuple[PersonState, PersonEvent], PersonState]] = MappingProxyType(
    {
        (PersonState.ACTIVE, PersonEvent.SUSPEND): PersonState.SUSPENDED,
        (PersonState.SUSPENDED, PersonEvent.RESUME): PersonState.ACTIVE,
        (PersonState.ACTIVE, PersonEvent.LEAVE): PersonState.LEFT,
        (PersonState.SUSPENDED, PersonEvent.LEAVE): PersonState.LEFT,
        (PersonState.LEFT, PersonEvent.RETURN): PersonState.ACTIVE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """What is known of a person who is to be added. Raises InvalidPerson for the first problem."""

    number: str
    name: str
    kind: PersonKind
    college: str | None = None

    def __post_init__(self) -> None:
        for field, problem in (
            ("number", number_problem(self.number)),
            ("name", text_problem(self.name)),
            ("college", college_problem(self.college, self.kind)),
        ):
            if problem is not None:
                raise InvalidPerson(field, problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person on record."""

    id: UUID
    number: str
    name: str
    kind: PersonKind
    college: str | None
    state: PersonState
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleFilter:
    """Which people to list: those that meet every condition given."""

    search: str | None = None
    """The start of a number or any part of a name."""
    kind: PersonKind | None = None
    state: PersonState | None = None


def number_problem(number: str) -> Problem | None:
    """Tell what is wrong with a student or staff number: 4 to 20 ASCII letters and digits."""
    if not number:
        return Problem.MISSING
    return None if _NUMBER.fullmatch(number) else Problem.MALFORMED


def text_problem(text: str) -> Problem | None:
    """Tell what is wrong with a name: 1 to 100 printable characters, no space at either end."""
    if not text:
        return Problem.MISSING
    if len(text) > _TEXT_MAX:
        return Problem.TOO_LONG
    return None if text.isprintable() and text == text.strip() else Problem.MALFORMED


def college_problem(college: str | None, kind: PersonKind) -> Problem | None:
    """Tell what is wrong with the name of a college, which only temporary people may lack."""
    if college is None:
        return None if kind is PersonKind.TEMPORARY else Problem.MISSING
    return text_problem(college)


async def find_person(connection: LedgerConnection, number: str) -> Person | None:
    """Return the person with this number, if there is one."""
    if number_problem(number):
        return None
    row = await connection.fetchrow(_SQL.get("find_by_number"), number)
    return None if row is None else _read(row)


async def get_person(connection: LedgerConnection, person_id: UUID) -> Person:
    """Return a person. Raises PersonNotFound."""
    row = await connection.fetchrow(_SQL.get("find_by_id"), person_id)
    if row is None:
        raise PersonNotFound("there is no such person")
    return _read(row)


async def list_people(
    connection: LedgerConnection,
    wanted: PeopleFilter = PeopleFilter(),
    *,
    after_number: str = "",
    limit: int,
) -> list[Person]:
    """Return people in order of their numbers. The next page is after the last one's number."""
    search = None if wanted.search is None else wanted.search.replace("\0", "")
    rows = await connection.fetch(
        _SQL.get("list_people"), after_number, search, wanted.kind, wanted.state, limit
    )
    return [_read(row) for row in rows]


async def add_person(
    connection: LedgerConnection, person: NewPerson, *, actor: Actor, at: datetime
) -> Person:
    """Add one person, active. Raises NumberTaken."""
    row = await connection.fetchrow(
        _SQL.get("add_person"), uuid7(at), person.number, person.name, person.kind, person.college
    )
    if row is None:
        raise NumberTaken("another person has this number")
    added = _read(row)
    await record(
        connection,
        AuditEvent(
            at=at,
            actor=actor,
            action=Action.PERSON_ADDED,
            subject=Subject(kind="person", id=added.id),
            details={"kind": added.kind},
        ),
    )
    return added


async def change_state(
    connection: LedgerConnection,
    person_id: UUID,
    event: PersonEvent,
    *,
    actor: Actor,
    at: datetime,
) -> Person:
    """Suspend a person, and so on. Whoever is not active any more is signed out everywhere.

    Raises PersonNotFound, IllegalTransition.
    """
    row = await connection.fetchrow(_SQL.get("lock_person"), person_id)
    if row is None:
        raise PersonNotFound("there is no such person")
    before = PersonState(row["state"])
    after = TRANSITIONS.get((before, event))
    if after is None:
        raise IllegalTransition(before, event)
    await connection.execute(_SQL.get("change_state"), person_id, after)
    if after is not PersonState.ACTIVE:
        await end_sessions(connection, person_id, at=at)
    await record(
        connection,
        AuditEvent(
            at=at,
            actor=actor,
            action=Action.PERSON_STATE_CHANGED,
            subject=Subject(kind="person", id=person_id),
            details={"before": before, "after": after},
        ),
    )
    return replace(_read(row), state=after)


def _read(row: "Record") -> Person:
    return Person(
        id=row["id"],
        number=row["number"],
        name=row["name"],
        kind=PersonKind(row["kind"]),
        college=row["college"],
        state=PersonState(row["state"]),
        created_at=row["created_at"],
    )
