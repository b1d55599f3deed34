"""Staff: roles, permissions, and what a change of them does at once."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from engine.audit_trail import Action, list_events
from engine.errors import (
    AccountNotActive,
    IllegalTransition,
    InvalidStaff,
    NotAllowed,
    NotSignedIn,
    StaffNameTaken,
    StaffNotFound,
)
from engine.permissions import PERMISSIONS, Permission, Role
from engine.principals import PersonPrincipal, StaffPrincipal
from engine.sessions import SignedIn, get_principal
from engine.staff import (
    StaffEvent,
    StaffState,
    change_roles,
    change_state,
    create_staff,
    find_staff,
    list_staff,
    require,
)
from ledger.book import LedgerConnection
from tests.identities import HOME, START, SYSTEM, Doors, as_staff


def principal(*roles: Role) -> StaffPrincipal:
    return StaffPrincipal(
        session_id=uuid4(), staff_id=UUID(int=1), name="zhang.wei", roles=frozenset(roles)
    )


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_a_role_allows_what_the_table_says(role: Role, permission: Permission) -> None:
    asking = principal(role)
    if permission in PERMISSIONS[role]:
        assert require(asking, permission) is asking
    else:
        with pytest.raises(NotAllowed):
            require(asking, permission)


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_some_role_s(permission: Permission) -> None:
    assert any(permission in allowed for allowed in PERMISSIONS.values())


def test_an_auditor_changes_nothing() -> None:
    assert all(permission.startswith("read_") for permission in PERMISSIONS[Role.AUDITOR])


def test_roles_add_up() -> None:
    both = principal(Role.FINANCE, Role.CARD_CENTRE)
    assert require(both, Permission.MANAGE_CARDS) is require(both, Permission.SET_LIMITS)


def test_without_a_role_nothing_is_allowed() -> None:
    with pytest.raises(NotAllowed, match="read_people"):
        require(principal(), Permission.READ_PEOPLE)


@pytest.mark.parametrize("permission", Permission)
def test_a_person_has_no_permission_of_staff(permission: Permission) -> None:
    person = PersonPrincipal(session_id=uuid4(), person_id=uuid4(), number="20190001", name="李雷")
    with pytest.raises(NotAllowed):
        require(person, permission)


async def test_staff_are_found_by_name(connection: LedgerConnection) -> None:
    created = await create_staff(connection, "li.na", [Role.FINANCE], actor=SYSTEM, at=START)
    assert await find_staff(connection, "li.na") == created
    assert await find_staff(connection, "li.lei") is None
    assert await list_staff(connection) == [created]


@pytest.mark.parametrize("name", ["", "x", "Li", "1li", "li na", "x" * 41, "li\n", "李娜"])
async def test_a_name_that_cannot_be_typed_at_sign_in_is_refused(
    connection: LedgerConnection, name: str
) -> None:
    with pytest.raises(InvalidStaff):
        await create_staff(connection, name, [], actor=SYSTEM, at=START)
    assert await find_staff(connection, name) is None


async def test_a_name_belongs_to_one_member_of_staff(connection: LedgerConnection) -> None:
    await create_staff(connection, "li.na", [], actor=SYSTEM, at=START)
    with pytest.raises(StaffNameTaken):
        await create_staff(connection, "li.na", [], actor=SYSTEM, at=START)


async def test_the_database_knows_the_roles(connection: LedgerConnection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "insert into staff (id, name, roles) values ($1, 'li.na', '{emperor}')", uuid4()
        )


async def staff_behind(doors: Doors, signed_in: SignedIn) -> StaffPrincipal:
    async with doors.pool.acquire() as connection:
        found = await get_principal(connection, signed_in.token, at=doors.clock())
    assert isinstance(found, StaffPrincipal)
    return found


async def test_new_roles_hold_from_the_next_request(doors: Doors) -> None:
    staff = await doors.staff("zhang.wei", Role.FINANCE)
    signed_in = await doors.sign_in.sign_in(as_staff(), HOME)
    assert (await staff_behind(doors, signed_in)).roles == {Role.FINANCE}
    async with doors.pool.acquire() as connection, connection.transaction():
        await change_roles(connection, staff.id, [Role.AUDITOR], actor=SYSTEM, at=START)
        newest, *_ = await list_events(connection, limit=1)
    assert (await staff_behind(doors, signed_in)).roles == {Role.AUDITOR}
    assert newest.event.action == Action.STAFF_ROLES_CHANGED
    assert newest.event.details == {"before": "finance", "after": "auditor"}


async def test_disabling_ends_sessions_at_once_and_bars_the_door(doors: Doors) -> None:
    staff = await doors.staff()
    signed_in = await doors.sign_in.sign_in(as_staff(), HOME)
    async with doors.pool.acquire() as connection, connection.transaction():
        disabled = await change_state(
            connection, staff.id, StaffEvent.DISABLE, actor=SYSTEM, at=START
        )
    assert disabled.state is StaffState.DISABLED
    with pytest.raises(NotSignedIn):
        await staff_behind(doors, signed_in)
    with pytest.raises(AccountNotActive):
        await doors.sign_in.sign_in(as_staff(), HOME)


async def test_an_enabled_member_of_staff_signs_in_anew(doors: Doors) -> None:
    staff = await doors.staff()
    before = await doors.sign_in.sign_in(as_staff(), HOME)
    for event in (StaffEvent.DISABLE, StaffEvent.ENABLE):
        async with doors.pool.acquire() as connection, connection.transaction():
            await change_state(connection, staff.id, event, actor=SYSTEM, at=START)
    after = await doors.sign_in.sign_in(as_staff(), HOME)
    assert (await staff_behind(doors, after)).staff_id == staff.id
    with pytest.raises(NotSignedIn):
        await staff_behind(doors, before)


async def test_what_is_disabled_is_not_disabled_again(connection: LedgerConnection) -> None:
    staff = await create_staff(connection, "li.na", [], actor=SYSTEM, at=START)
    with pytest.raises(IllegalTransition):
        await change_state(connection, staff.id, StaffEvent.ENABLE, actor=SYSTEM, at=START)
    await change_state(connection, staff.id, StaffEvent.DISABLE, actor=SYSTEM, at=START)
    with pytest.raises(IllegalTransition):
        await change_state(connection, staff.id, StaffEvent.DISABLE, actor=SYSTEM, at=START)


async def test_unknown_staff_are_refused(connection: LedgerConnection) -> None:
    with pytest.raises(StaffNotFound):
        await change_roles(connection, uuid4(), [], actor=SYSTEM, at=START)
    with pytest.raises(StaffNotFound):
        await change_state(connection, uuid4(), StaffEvent.DISABLE, actor=SYSTEM, at=START)
