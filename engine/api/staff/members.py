"""Members of staff, as operators appoint them."""

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

import msgspec

from engine.api import (
    Answer,
    AnyOperation,
    Call,
    CampusTime,
    Method,
    Nothing,
    Operation,
    Received,
    campus_time,
)
from engine.api.staff.acting import ALLOWED, WORKING, StaffDesk
from engine.api.staff.people import CodeShown
from engine.errors import IllegalTransition, InvalidStaff, StaffNameTaken, StaffNotFound
from engine.one_time_codes import Purpose, issue_code
from engine.permissions import Permission, Role
from engine.principals import Owner, OwnerKind, StaffPrincipal
from engine.staff import (
    Staff,
    StaffEvent,
    StaffState,
    change_roles,
    change_state,
    create_staff,
    get_staff,
    list_staff,
)
from ledger.errors import CampusError

Roles = Annotated[list[Role], msgspec.Meta(max_length=len(Role))]

_ERRORS: Final[tuple[type[CampusError], ...]] = (*ALLOWED, StaffNotFound)


class NewMember(Received, frozen=True, kw_only=True):
    """A member of staff who is to be added."""

    name: Annotated[str, msgspec.Meta(max_length=100)]
    roles: Roles


class MemberPlace(Received, frozen=True, kw_only=True):
    """Which member of staff."""

    staff_id: UUID


class RolesWanted(Received, frozen=True, kw_only=True):
    """The roles in place of the present ones."""

    roles: Roles


class MemberChange(Received, frozen=True, kw_only=True):
    """What is to happen to a member of staff."""

    event: StaffEvent


class MemberShown(Answer, frozen=True, kw_only=True):
    """A member of staff on record."""

    id: UUID
    name: str
    roles: list[Role]
    state: StaffState
    created_at: CampusTime


class MembersShown(Answer, frozen=True, kw_only=True):
    """All members of staff, by name."""

    items: list[MemberShown]


class MemberOperations:
    """What operators do about staff."""

    def __init__(self, desk: StaffDesk) -> None:
        self._desk = desk

    async def list_members(self, call: Call[Nothing, Nothing, StaffPrincipal]) -> MembersShown:
        """List all members of staff."""
        async with self._desk.acting(call.principal, Permission.MANAGE_STAFF) as act:
            found = await list_staff(act.connection)
        return MembersShown(items=[_shown(each) for each in found])

    async def add(self, call: Call[NewMember, Nothing, StaffPrincipal]) -> MemberShown:
        """Add a member of staff, who still needs a code to set a password."""
        form = call.body
        async with self._desk.acting(call.principal, Permission.MANAGE_STAFF) as act:
            added = await create_staff(
                act.connection, form.name, form.roles, actor=act.actor, at=act.at
            )
        return _shown(added)

    async def change_roles(
        self, call: Call[RolesWanted, MemberPlace, StaffPrincipal]
    ) -> MemberShown:
        """Give a member of staff other roles."""
        staff_id, roles = call.parameters.staff_id, call.body.roles
        async with self._desk.acting(call.principal, Permission.MANAGE_STAFF) as act:
            changed = await change_roles(
                act.connection, staff_id, roles, actor=act.actor, at=act.at
            )
        return _shown(changed)

    async def change(self, call: Call[MemberChange, MemberPlace, StaffPrincipal]) -> MemberShown:
        """Disable a member of staff, or enable them again."""
        staff_id, event = call.parameters.staff_id, call.body.event
        async with self._desk.acting(call.principal, Permission.MANAGE_STAFF) as act:
            changed = await change_state(
                act.connection, staff_id, event, actor=act.actor, at=act.at
            )
        return _shown(changed)

    async def issue_code(self, call: Call[Nothing, MemberPlace, StaffPrincipal]) -> CodeShown:
        """Make the code with which a member of staff sets a password."""
        async with self._desk.acting(call.principal, Permission.MANAGE_STAFF) as act:
            member = await get_staff(act.connection, call.parameters.staff_id)
            owner = Owner(OwnerKind.STAFF, member.id)
            purpose = Purpose.SET_PASSWORD
            code = await issue_code(act.connection, owner, purpose, actor=act.actor, at=act.at)
        return CodeShown(code=code)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (*self._of_all(), *self._of_one())

    def _of_all(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="list_members",
                method=Method.GET,
                path="/v1/staff/members",
                summary="List all members of staff",
                handler=self.list_members,
                body=Nothing,
                parameters=Nothing,
                response=MembersShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=ALLOWED,
            ),
            Operation(
                name="add_member",
                method=Method.POST,
                path="/v1/staff/members",
                summary="Add a member of staff",
                handler=self.add,
                body=NewMember,
                parameters=Nothing,
                response=MemberShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, InvalidStaff, StaffNameTaken),
            ),
        )

    def _of_one(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="change_roles",
                method=Method.PUT,
                path="/v1/staff/members/{staff_id}/roles",
                summary="Give a member of staff these roles in place of the present ones",
                handler=self.change_roles,
                body=RolesWanted,
                parameters=MemberPlace,
                response=MemberShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=_ERRORS,
            ),
            Operation(
                name="change_member",
                method=Method.POST,
                path="/v1/staff/members/{staff_id}/state",
                summary="Disable a member of staff, who is signed out, or enable them again",
                handler=self.change,
                body=MemberChange,
                parameters=MemberPlace,
                response=MemberShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*_ERRORS, IllegalTransition),
            ),
            Operation(
                name="issue_member_code",
                method=Method.POST,
                path="/v1/staff/members/{staff_id}/password-codes",
                summary="Make the one-time code with which a member of staff sets a password",
                handler=self.issue_code,
                body=Nothing,
                parameters=MemberPlace,
                response=CodeShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=_ERRORS,
            ),
        )


def _shown(staff: Staff) -> MemberShown:
    return MemberShown(
        id=staff.id,
        name=staff.name,
        roles=sorted(staff.roles),
        state=staff.state,
        created_at=campus_time(staff.created_at),
    )
