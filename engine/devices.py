"""Terminals as the engine knows them: where they stand, and the key that each proves itself by.

A terminal belongs to its place and merchant for good: one that moves is revoked and added anew. So
what a purchase names as its terminal always tells where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.actions import CampusAction
from engine.audit_trail import Actor, AuditEvent, Subject, record
from engine.campus_errors import DeviceNotFound, MerchantNotFound
from engine.errors import IllegalTransition
from engine.merchants import MerchantState, check_name
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.queries import load

if TYPE_CHECKING:
    from asyncpg import Record

_SQL = load("engine.sql", "devices")


class DeviceKind(StrEnum):
    """Where a terminal stands."""

    TILL = "till"
    """At a till of a merchant, where people pay."""
    DOOR = "door"


class DeviceState(StrEnum):
    """Whether a terminal is heard."""

    AWAITING = "awaiting"
    """Added by staff; it has not handed in its key yet."""
    ENROLLED = "enrolled"
    REVOKED = "revoked"
    """For good: its key counts no longer."""


class DeviceEvent(StrEnum):
    """What changes a terminal's state."""

    ENROL = "enrol"
    REVOKE = "revoke"


TRANSITIONS: Final[Mapping[tuple[DeviceState, DeviceEvent], DeviceState]] = MappingProxyType(
    {
        (DeviceState.AWAITING, DeviceEvent.ENROL): DeviceState.ENROLLED,
        (DeviceState.AWAITING, DeviceEvent.REVOKE): DeviceState.REVOKED,
        (DeviceState.ENROLLED, DeviceEvent.REVOKE): DeviceState.REVOKED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """The merchant at whose till a terminal stands."""

    merchant_id: UUID
    merchant_name: str
    merchant_state: MerchantState
    payable: UUID
    """The account of what we owe the merchant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A terminal on record."""

    id: UUID
    kind: DeviceKind
    place: str
    state: DeviceState
    public_key: bytes | None
    """Ed25519, 32 bytes; None until it is enrolled."""
    till: Till | None
    """None for a terminal at a door."""
    created_at: datetime


async def add_device(
    connection: LedgerConnection,
    place: str,
    *,
    merchant_id: UUID | None,
    actor: Actor,
    at: datetime,
) -> Device:
    """Add a terminal at a till of a merchant, or without one at a door. It awaits its enrolment.

    Raises InvalidName, MerchantNotFound.
    """
    check_name("place", place)
    kind = DeviceKind.DOOR if merchant_id is None else DeviceKind.TILL
    device_id = uuid7(at)
    if not await connection.fetchval(_SQL.get("add_device"), device_id, kind, place, merchant_id):
        raise MerchantNotFound("there is no such merchant")
    device = await get_device(connection, device_id)
    await record_device(connection, CampusAction.DEVICE_ADDED, device, actor=actor, at=at)
    return device


async def revoke_device(
    connection: LedgerConnection, device_id: UUID, *, actor: Actor, at: datetime
) -> Device:
    """Revoke a terminal: from the commit on nothing more is taken from it.

    Purchases being committed are waited for. Afterwards its links must be ended
    (`LinkServer.revoke`). Raises DeviceNotFound, IllegalTransition.
    """
    state = await connection.fetchval(_SQL.get("lock_device"), device_id)
    if state is None:
        raise DeviceNotFound("there is no such terminal")
    if (state, DeviceEvent.REVOKE) not in TRANSITIONS:
        raise IllegalTransition(state, DeviceEvent.REVOKE)
    await connection.execute(_SQL.get("revoke_device"), device_id, at)
    device = await get_device(connection, device_id)
    await record_device(connection, CampusAction.DEVICE_REVOKED, device, actor=actor, at=at)
    return device


async def get_device(connection: LedgerConnection, device_id: UUID) -> Device:
    """Return a terminal in whatever state. Raises DeviceNotFound."""
    row = await connection.fetchrow(_SQL.get("find_device"), device_id)
    if row is None:
        raise DeviceNotFound("there is no such terminal")
    return _read(row)


async def find_enrolled(connection: LedgerConnection, device_id: UUID) -> Device | None:
    """Return the terminal if it may speak: it is enrolled and not revoked."""
    row = await connection.fetchrow(_SQL.get("find_device"), device_id)
    device = None if row is None else _read(row)
    return device if device is not None and device.state is DeviceState.ENROLLED else None


async def list_devices(connection: LedgerConnection) -> list[Device]:
    """Return all terminals, in order of merchant and place, doors last."""
    return [_read(row) for row in await connection.fetch(_SQL.get("list_devices"))]


async def record_device(
    connection: LedgerConnection,
    action: CampusAction,
    device: Device,
    *,
    actor: Actor,
    at: datetime,
) -> None:
    """Add what was done to a terminal to the audit trail."""
    event = AuditEvent(
        at=at,
        actor=actor,
        action=action,
        subject=Subject(kind="device", id=device.id),
        details={"place": device.place, "state": device.state.value},
    )
    await record(connection, event)


def _read(row: "Record") -> Device:
    till = None
    if row["merchant_id"] is not None:
        till = Till(
            merchant_id=row["merchant_id"],
            merchant_name=row["merchant_name"],
            merchant_state=MerchantState(row["merchant_state"]),
            payable=row["payable"],
        )
    return Device(
        id=row["id"],
        kind=DeviceKind(row["kind"]),
        place=row["place"],
        state=DeviceState(row["state"]),
        public_key=row["public_key"],
        till=till,
        created_at=row["created_at"],
    )
