"""Staff of the university who work with the system, and what they may do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.audit_trail import Action, Actor, AuditEvent, Subject, record
from engine.errors import (
    IllegalTransition,
    InvalidStaff,
    NotAllowed,
    Problem,
    StaffNameTaken,
    StaffNotFound,
)
from engine.permissions import PERMISSIONS, Permission, Role
from engine.principals import Principal, StaffPrincipal
from engine.sessions import end_sessions
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.queries import load

if TYPE_CHECKING:
    from asyncpg import Record

_SQL = load("engine.sql", "staff")
_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{1,39}", re.ASCII)


class StaffState(StrEnum):
    """Whether a member of staff may sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"


class StaffEvent(StrEnum):
    """What changes the state of a member of staff."""

    DISABLE = "disable"
    ENABLE = "enable"


TRANSITIONS: Final[Mapping[tuple[StaffState, StaffEvent], StaffState]] = MappingProxyType(
    {
        (StaffState.ACTIVE, StaffEvent.DISABLE): StaffState.DISABLED,
        (StaffState.DISABLED, StaffEvent.ENABLE): StaffState.ACTIVE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A member of staff."""

    id: UUID
    name: str
    roles: frozenset[Role]
    state: StaffState
    created_at: datetime


def require(principal: Principal, permission: Permission) -> StaffPrincipal:
    """Return the member of staff, who has the permission. Raises NotAllowed for anybody else."""
    if isinstance(principal, StaffPrincipal) and any(
        permission in PERMISSIONS[role] for role in principal.roles
    ):
        return principal
    raise NotAllowed(permission)


async def create_staff(
    connection: LedgerConnection, name: str, roles: Iterable[Role], *, actor: Actor, at: datetime
) -> Staff:
    """Add a member of staff, who cannot sign in before setting a password by a one-time code.

    A name is 2 to 40 of a-z, 0-9, dot, underscore and hyphen and begins with a letter. Raises
    InvalidStaff, StaffNameTaken.
    """
    if not _NAME.fullmatch(name):
        raise InvalidStaff("name", Problem.MALFORMED)
    row = await connection.fetchrow(_SQL.get("create_staff"), uuid7(at), name, sorted(roles))
    if row is None:
        raise StaffNameTaken("another member of staff has this name")
    created = _read(row)
    event = AuditEvent(
        at=at,
        actor=actor,
        action=Action.STAFF_CREATED,
        subject=Subject(kind="staff", id=created.id),
        details={"name": name, "roles": _listed(created.roles)},
    )
    await record(connection, event)
    return created


async def find_staff(connection: LedgerConnection, name: str) -> Staff | None:
    """Return the member of staff with this name, if there is one."""
    if not _NAME.fullmatch(name):
        return None
    row = await connection.fetchrow(_SQL.get("find_by_name"), name)
    return None if row is None else _read(row)


async def get_staff(connection: LedgerConnection, staff_id: UUID) -> Staff:
    """Return a member of staff. Raises StaffNotFound."""
    row = await connection.fetchrow(_SQL.get("find_by_id"), staff_id)
    if row is None:
        raise StaffNotFound("there is no such member of staff")
    return _read(row)


async def list_staff(connection: LedgerConnection) -> list[Staff]:
    """Return all members of staff, by name."""
    return [_read(row) for row in await connection.fetch(_SQL.get("list_staff"))]


async def change_roles(
    connection: LedgerConnection,
    staff_id: UUID,
    roles: Iterable[Role],
    *,
    actor: Actor,
    at: datetime,
) -> Staff:
    """Give a member of staff these roles in place of the present ones; holds from the next request.

    Raises StaffNotFound.
    """
    before = await _lock(connection, staff_id)
    after = replace(before, roles=frozenset(roles))
    await connection.execute(_SQL.get("change_roles"), staff_id, sorted(after.roles))
    event = AuditEvent(
        at=at,
        actor=actor,
        action=Action.STAFF_ROLES_CHANGED,
        subject=Subject(kind="staff", id=staff_id),
        details={"before": _listed(before.roles), "after": _listed(after.roles)},
    )
    await record(connection, event)
    return after


async def change_state(
    connection: LedgerConnection,
    staff_id: UUID,
    event: StaffEvent,
    *,
    actor: Actor,
    at: datetime,
) -> Staff:
    """Disable or enable a member of staff. A disabled one is signed out everywhere.

    Raises StaffNotFound, IllegalTransition.
    """
    before = await _lock(connection, staff_id)
    state = TRANSITIONS.get((before.state, event))
    if state is None:
        raise IllegalTransition(before.state, event)
    await connection.execute(_SQL.get("change_state"), staff_id, state)
    if state is StaffState.DISABLED:
        await end_sessions(connection, staff_id, at=at)
    happened = AuditEvent(
        at=at,
        actor=actor,
        action=Action.STAFF_STATE_CHANGED,
        subject=Subject(kind="staff", id=staff_id),
        details={"before": before.state, "after": state},
    )
    await record(connection, happened)
    return replace(before, state=state)


async def _lock(connection: LedgerConnection, staff_id: UUID) -> Staff:
    row = await connection.fetchrow(_SQL.get("lock_staff"), staff_id)
    if row is None:
        raise StaffNotFound("there is no such member of staff")
    return _read(row)


def _listed(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


def _read(row: "Record") -> Staff:
    return Staff(
        id=row["id"],
        name=row["name"],
        roles=frozenset(map(Role, row["roles"])),
        state=StaffState(row["state"]),
        created_at=row["created_at"],
    )
