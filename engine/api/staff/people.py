"""People, as staff see and change them. Whoever looks at a person leaves a trace."""

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

import msgspec

from engine.admission import admit_person
from engine.api import (
    Answer,
    AnyOperation,
    Call,
    CampusTime,
    Cursors,
    Method,
    Nothing,
    Operation,
    Page,
    PageParameters,
    Received,
    campus_time,
)
from engine.api.errors import InvalidCursor
from engine.api.staff.acting import ALLOWED, WORKING, Act, StaffDesk
from engine.api.transactions import TransactionShown, read_cursor, transaction_page
from engine.audit_trail import Action, AuditEvent, Subject, record
from engine.campus_errors import WalletNotFound
from engine.errors import IllegalTransition, InvalidPerson, NumberTaken, PersonNotFound
from engine.one_time_codes import Purpose, issue_code
from engine.people import (
    NewPerson,
    PeopleFilter,
    Person,
    PersonEvent,
    PersonKind,
    PersonState,
    change_state,
    get_person,
    list_people,
)
from engine.permissions import Permission
from engine.principals import Owner, OwnerKind, StaffPrincipal
from engine.transactions import list_transactions
from engine.wallets import find_balance
from ledger.errors import AccountNotFound

Text = Annotated[str, msgspec.Meta(max_length=200)]

_CURSORS: Final = Cursors("people", str)


class PersonToAdd(Received, frozen=True, kw_only=True):
    """What is known of a person who is to be added; only temporary people lack a college."""

    number: Text
    name: Text
    kind: PersonKind
    college: Text | None = None


class PeopleWanted(PageParameters, frozen=True, kw_only=True):
    """Which people: `search` is the start of a number or any part of a name.

    It is a body, not a query, because a URL ends in logs and histories, and so does a cursor.
    """

    search: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    kind: PersonKind | None = None
    state: PersonState | None = None


class PersonPlace(Received, frozen=True, kw_only=True):
    """Which person."""

    person_id: UUID


class PersonPage(PageParameters, frozen=True, kw_only=True):
    """Which person, and which page of what they have."""

    person_id: UUID


class PersonChange(Received, frozen=True, kw_only=True):
    """What is to happen to a person."""

    event: PersonEvent


class PersonShown(Answer, frozen=True, kw_only=True):
    """A person on record."""

    id: UUID
    number: str
    name: str
    kind: PersonKind
    college: str | None
    state: PersonState
    created_at: CampusTime


class PersonWithBalance(Answer, frozen=True, kw_only=True):
    """A person on record, and what they have at this moment."""

    person: PersonShown
    cash_fen: int
    subsidy_fen: int
    available_fen: int


class CodeShown(Answer, frozen=True, kw_only=True):
    """A one-time code: it exists nowhere else, and voids an earlier one."""

    code: str


class PeopleOperations:
    """What staff do about people."""

    def __init__(self, desk: StaffDesk) -> None:
        self._desk = desk

    async def search(self, call: Call[PeopleWanted, Nothing, StaffPrincipal]) -> Page[PersonShown]:
        """Search people; the trail notes how many were shown."""
        asked = call.body
        wanted = PeopleFilter(search=asked.search, kind=asked.kind, state=asked.state)
        after = _CURSORS.read(asked.cursor) if asked.cursor else ""
        async with self._desk.acting(call.principal, Permission.READ_PEOPLE) as act:
            found = await list_people(act.connection, wanted, after_number=after, limit=asked.limit)
            await _record_search(act, found=len(found))
        following = _CURSORS.write(found[-1].number) if len(found) == asked.limit else None
        return Page(items=[person_shown(each) for each in found], next_cursor=following)

    async def show(self, call: Call[Nothing, PersonPlace, StaffPrincipal]) -> PersonWithBalance:
        """Show a person and the balance."""
        person_id = call.parameters.person_id
        async with self._desk.acting(call.principal, Permission.READ_PEOPLE) as act:
            person = await get_person(act.connection, person_id)
            balance = await find_balance(act.connection, person_id)
            await act.record_reading(person_id, "profile")
        return PersonWithBalance(
            person=person_shown(person),
            cash_fen=balance.cash.value,
            subsidy_fen=balance.subsidy.value,
            available_fen=balance.available.value,
        )

    async def list_transactions(
        self, call: Call[Nothing, PersonPage, StaffPrincipal]
    ) -> Page[TransactionShown]:
        """List a person's transactions, newest first."""
        person_id, limit = call.parameters.person_id, call.parameters.limit
        cursor = read_cursor(call.parameters.cursor)
        async with self._desk.acting(call.principal, Permission.READ_PEOPLE) as act:
            await get_person(act.connection, person_id)
            await act.record_reading(person_id, "transactions")
        async with self._desk.pool.acquire() as connection:
            page = await list_transactions(connection, person_id, limit=limit, cursor=cursor)
        return transaction_page(page)

    async def add(self, call: Call[PersonToAdd, Nothing, StaffPrincipal]) -> PersonShown:
        """Add a person with wallets."""
        form = call.body
        async with self._desk.acting(call.principal, Permission.CHANGE_PEOPLE) as act:
            person = NewPerson(
                number=form.number, name=form.name, kind=form.kind, college=form.college
            )
            added = await admit_person(act.connection, person, actor=act.actor, at=act.at)
        return person_shown(added)

    async def change(self, call: Call[PersonChange, PersonPlace, StaffPrincipal]) -> PersonShown:
        """Suspend a person, and so on."""
        async with self._desk.acting(call.principal, Permission.CHANGE_PEOPLE) as act:
            changed = await change_state(
                act.connection,
                call.parameters.person_id,
                call.body.event,
                actor=act.actor,
                at=act.at,
            )
        return person_shown(changed)

    async def issue_password_code(
        self, call: Call[Nothing, PersonPlace, StaffPrincipal]
    ) -> CodeShown:
        """Make the code with which a person sets a password."""
        return await self._issue(call, Purpose.SET_PASSWORD)

    async def issue_pin_code(self, call: Call[Nothing, PersonPlace, StaffPrincipal]) -> CodeShown:
        """Make the code with which a person sets a new PIN."""
        return await self._issue(call, Purpose.SET_PIN)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (*self._that_read(), *self._that_change(), *self._of_codes())

    def _that_read(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="search_people",
                method=Method.POST,
                path="/v1/staff/people/search",
                summary="Search people, in order of their numbers; by POST, which no log tells of",
                handler=self.search,
                body=PeopleWanted,
                parameters=Nothing,
                response=Page[PersonShown],
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, InvalidCursor),
            ),
            Operation(
                name="show_person",
                method=Method.GET,
                path="/v1/staff/people/{person_id}",
                summary="Show a person and the balance; the person can see who looked",
                handler=self.show,
                body=Nothing,
                parameters=PersonPlace,
                response=PersonWithBalance,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, PersonNotFound, WalletNotFound),
            ),
            Operation(
                name="list_transactions",
                method=Method.GET,
                path="/v1/staff/people/{person_id}/transactions",
                summary="List a person's transactions; the person can see who looked",
                handler=self.list_transactions,
                body=Nothing,
                parameters=PersonPage,
                response=Page[TransactionShown],
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, PersonNotFound, AccountNotFound, InvalidCursor),
            ),
        )

    def _that_change(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="add_person",
                method=Method.POST,
                path="/v1/staff/people",
                summary="Add a person, with wallets",
                handler=self.add,
                body=PersonToAdd,
                parameters=Nothing,
                response=PersonShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, InvalidPerson, NumberTaken),
            ),
            Operation(
                name="change_person",
                method=Method.POST,
                path="/v1/staff/people/{person_id}/state",
                summary="Suspend a person, let them resume, leave or return",
                handler=self.change,
                body=PersonChange,
                parameters=PersonPlace,
                response=PersonShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, PersonNotFound, IllegalTransition),
            ),
        )

    def _of_codes(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="issue_password_code",
                method=Method.POST,
                path="/v1/staff/people/{person_id}/password-codes",
                summary="Make the one-time code with which a person sets a password",
                handler=self.issue_password_code,
                body=Nothing,
                parameters=PersonPlace,
                response=CodeShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, PersonNotFound),
            ),
            Operation(
                name="issue_pin_code",
                method=Method.POST,
                path="/v1/staff/people/{person_id}/pin-codes",
                summary="Make the one-time code with which a person sets a new PIN",
                handler=self.issue_pin_code,
                body=Nothing,
                parameters=PersonPlace,
                response=CodeShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, PersonNotFound),
            ),
        )

    async def _issue(
        self, call: Call[Nothing, PersonPlace, StaffPrincipal], purpose: Purpose
    ) -> CodeShown:
        async with self._desk.acting(call.principal, Permission.CHANGE_PEOPLE) as act:
            person = await get_person(act.connection, call.parameters.person_id)
            owner = Owner(OwnerKind.PERSON, person.id)
            code = await issue_code(act.connection, owner, purpose, actor=act.actor, at=act.at)
        return CodeShown(code=code)


def person_shown(person: Person) -> PersonShown:
    """Render a person."""
    return PersonShown(
        id=person.id,
        number=person.number,
        name=person.name,
        kind=person.kind,
        college=person.college,
        state=person.state,
        created_at=campus_time(person.created_at),
    )


async def _record_search(act: Act, *, found: int) -> None:
    event = AuditEvent(
        at=act.at,
        actor=act.actor,
        action=Action.PERSONAL_DATA_READ,
        subject=Subject(kind="people"),
        details={"what": "list", "found": found},
    )
    await record(act.connection, event)
