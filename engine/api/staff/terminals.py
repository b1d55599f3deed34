"""Terminals, as operators add, enrol and revoke them."""

from http import HTTPStatus
from typing import Annotated
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
from engine.campus_errors import DeviceNotFound, InvalidName, MerchantNotFound
from engine.devices import (
    Device,
    DeviceKind,
    DeviceState,
    add_device,
    list_devices,
    revoke_device,
)
from engine.enrolments import issue_code
from engine.errors import IllegalTransition
from engine.permissions import Permission
from engine.principals import StaffPrincipal
from engine.revocations import Revocations

Name = Annotated[str, msgspec.Meta(max_length=100)]


class NewTerminal(Received, frozen=True, kw_only=True):
    """A terminal at a till of a merchant, or without one at a door."""

    place: Name
    merchant_id: UUID | None


class TerminalPlace(Received, frozen=True, kw_only=True):
    """Which terminal."""

    terminal_id: UUID


class TerminalShown(Answer, frozen=True, kw_only=True):
    """A terminal on record."""

    id: UUID
    kind: DeviceKind
    place: str
    state: DeviceState
    merchant_id: UUID | None
    merchant: str | None
    created_at: CampusTime


class TerminalsShown(Answer, frozen=True, kw_only=True):
    """All terminals, in order of merchant and place, doors last."""

    items: list[TerminalShown]


class TerminalOperations:
    """What staff do about terminals."""

    def __init__(self, desk: StaffDesk, revocations: Revocations) -> None:
        self._desk = desk
        self._revocations = revocations

    async def list_terminals(self, call: Call[Nothing, Nothing, StaffPrincipal]) -> TerminalsShown:
        """List all terminals; any member of staff may."""
        async with self._desk.acting(call.principal, None) as act:
            found = await list_devices(act.connection)
        return TerminalsShown(items=[_shown(each) for each in found])

    async def add(self, call: Call[NewTerminal, Nothing, StaffPrincipal]) -> TerminalShown:
        """Add a terminal, which awaits its enrolment."""
        form = call.body
        async with self._desk.acting(call.principal, Permission.MANAGE_TERMINALS) as act:
            added = await add_device(
                act.connection,
                form.place,
                merchant_id=form.merchant_id,
                actor=act.actor,
                at=act.at,
            )
        return _shown(added)

    async def issue_code(self, call: Call[Nothing, TerminalPlace, StaffPrincipal]) -> CodeShown:
        """Make the code with which a terminal hands in its key."""
        terminal_id = call.parameters.terminal_id
        async with self._desk.acting(call.principal, Permission.MANAGE_TERMINALS) as act:
            code = await issue_code(act.connection, terminal_id, actor=act.actor, at=act.at)
        return CodeShown(code=code)

    async def revoke(self, call: Call[Nothing, TerminalPlace, StaffPrincipal]) -> TerminalShown:
        """Revoke a terminal for good, and end its link."""
        terminal_id = call.parameters.terminal_id
        async with self._desk.acting(call.principal, Permission.MANAGE_TERMINALS) as act:
            revoked = await revoke_device(act.connection, terminal_id, actor=act.actor, at=act.at)
        self._revocations.announce(terminal_id)
        return _shown(revoked)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (*self._of_all(), *self._of_one())

    def _of_all(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="list_terminals",
                method=Method.GET,
                path="/v1/staff/terminals",
                summary="List all terminals",
                handler=self.list_terminals,
                body=Nothing,
                parameters=Nothing,
                response=TerminalsShown,
                access=self._desk.access,
                rate_limit=WORKING,
            ),
            Operation(
                name="add_terminal",
                method=Method.POST,
                path="/v1/staff/terminals",
                summary="Add a terminal at a till of a merchant, or at a door",
                handler=self.add,
                body=NewTerminal,
                parameters=Nothing,
                response=TerminalShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, InvalidName, MerchantNotFound),
            ),
        )

    def _of_one(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="issue_enrolment_code",
                method=Method.POST,
                path="/v1/staff/terminals/{terminal_id}/codes",
                summary="Make the one-time code with which a terminal hands in its key",
                handler=self.issue_code,
                body=Nothing,
                parameters=TerminalPlace,
                response=CodeShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, DeviceNotFound, IllegalTransition),
            ),
            Operation(
                name="revoke_terminal",
                method=Method.POST,
                path="/v1/staff/terminals/{terminal_id}/revocation",
                summary="Put a terminal out of service for good: nothing more is taken from it",
                handler=self.revoke,
                body=Nothing,
                parameters=TerminalPlace,
                response=TerminalShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, DeviceNotFound, IllegalTransition),
            ),
        )


def _shown(device: Device) -> TerminalShown:
    till = device.till
    return TerminalShown(
        id=device.id,
        kind=device.kind,
        place=device.place,
        state=device.state,
        merchant_id=None if till is None else till.merchant_id,
        merchant=None if till is None else till.merchant_name,
        created_at=campus_time(device.created_at),
    )
