"""What holds for the whole campus: its limits, its books and its audit trail."""

from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec

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
from engine.api.staff.acting import ALLOWED, WORKING, StaffDesk
from engine.audit_trail import ActorKind, ChainedEvent, list_events
from engine.campus_errors import InvalidLimit
from engine.campus_settings import CampusSettings, change_settings, get_settings
from engine.permissions import Permission
from engine.principals import StaffPrincipal
from ledger.money import AMOUNT_MAX_FEN, Fen
from ledger.statements import TrialBalanceRow, trial_balance

LimitFen = Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX_FEN)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=366 * 86_400)]

_CURSORS: Final = Cursors("audit-events", int)


class SettingsWanted(Received, frozen=True, kw_only=True):
    """The settings that are to hold, all of them."""

    no_pin_limit_fen: LimitFen
    day_limit_fen: LimitFen
    reversal_window_s: Seconds


class SettingsShown(Answer, frozen=True, kw_only=True):
    """The settings that hold."""

    no_pin_limit_fen: int
    day_limit_fen: int
    reversal_window_s: int


class KindShown(Answer, frozen=True, kw_only=True):
    """The sums of all accounts of a kind."""

    kind: str
    unit: str
    accounts: int
    debits_posted_fen: int
    credits_posted_fen: int
    debits_pending_fen: int
    credits_pending_fen: int


class TrialBalanceShown(Answer, frozen=True, kw_only=True):
    """The sums of all accounts by kind, all of one instant: debits equal credits."""

    items: list[KindShown]
    debits_fen: int
    credits_fen: int


class EventsWanted(PageParameters, frozen=True, kw_only=True):
    """Which events: about somebody or something, or by somebody."""

    subject_id: UUID | None = None
    actor_id: UUID | None = None


class EventShown(Answer, frozen=True, kw_only=True):
    """An event as it stands in the trail, with its link of the hash chain in hexadecimal."""

    at: CampusTime
    actor_kind: ActorKind
    actor_id: UUID | None
    actor_name: str
    action: str
    subject_kind: str
    subject_id: UUID | None
    details: dict[str, str | int | bool | None]
    hash: str


class CampusOperations:
    """What staff do about the campus as a whole."""

    def __init__(self, desk: StaffDesk) -> None:
        self._desk = desk

    async def show_settings(self, call: Call[Nothing, Nothing, StaffPrincipal]) -> SettingsShown:
        """Show the limits of the campus; any member of staff may."""
        async with self._desk.acting(call.principal, None) as act:
            settings = await get_settings(act.connection)
        return _settings_shown(settings)

    async def change_settings(
        self, call: Call[SettingsWanted, Nothing, StaffPrincipal]
    ) -> SettingsShown:
        """Put other limits in force."""
        form = call.body
        async with self._desk.acting(call.principal, Permission.SET_LIMITS) as act:
            settings = CampusSettings(
                no_pin_limit=Fen(form.no_pin_limit_fen),
                day_limit=Fen(form.day_limit_fen),
                reversal_window=timedelta(seconds=form.reversal_window_s),
            )
            await change_settings(act.connection, settings, actor=act.actor, at=act.at)
        return _settings_shown(settings)

    async def show_trial_balance(
        self, call: Call[Nothing, Nothing, StaffPrincipal]
    ) -> TrialBalanceShown:
        """Show the books in sums."""
        async with self._desk.acting(call.principal, Permission.READ_BOOKS) as act:
            rows = await trial_balance(act.connection)
        return TrialBalanceShown(
            items=[_kind_shown(row) for row in rows],
            debits_fen=sum(row.debits_posted.value for row in rows),
            credits_fen=sum(row.credits_posted.value for row in rows),
        )

    async def list_events(
        self, call: Call[Nothing, EventsWanted, StaffPrincipal]
    ) -> Page[EventShown]:
        """List the audit trail, newest first."""
        asked = call.parameters
        async with self._desk.acting(call.principal, Permission.READ_AUDIT_TRAIL) as act:
            events = await list_events(
                act.connection,
                before_seq=_CURSORS.read(asked.cursor) if asked.cursor else None,
                subject_id=asked.subject_id,
                actor_id=asked.actor_id,
                limit=asked.limit,
            )
        following = _CURSORS.write(events[-1].seq) if len(events) == asked.limit else None
        return Page(items=[_event_shown(each) for each in events], next_cursor=following)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (*self._of_settings(), *self._of_records())

    def _of_settings(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="show_settings",
                method=Method.GET,
                path="/v1/staff/settings",
                summary="Show the limits that hold for everybody",
                handler=self.show_settings,
                body=Nothing,
                parameters=Nothing,
                response=SettingsShown,
                access=self._desk.access,
                rate_limit=WORKING,
            ),
            Operation(
                name="change_settings",
                method=Method.PUT,
                path="/v1/staff/settings",
                summary="Change the limits that hold for everybody",
                handler=self.change_settings,
                body=SettingsWanted,
                parameters=Nothing,
                response=SettingsShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, InvalidLimit),
            ),
        )

    def _of_records(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="show_trial_balance",
                method=Method.GET,
                path="/v1/staff/trial-balance",
                summary="Show the sums of all accounts by kind, all of one instant",
                handler=self.show_trial_balance,
                body=Nothing,
                parameters=Nothing,
                response=TrialBalanceShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=ALLOWED,
            ),
            Operation(
                name="list_audit_events",
                method=Method.GET,
                path="/v1/staff/audit-events",
                summary="List the audit trail, newest first",
                handler=self.list_events,
                body=Nothing,
                parameters=EventsWanted,
                response=Page[EventShown],
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, InvalidCursor),
            ),
        )


def _settings_shown(settings: CampusSettings) -> SettingsShown:
    return SettingsShown(
        no_pin_limit_fen=settings.no_pin_limit.value,
        day_limit_fen=settings.day_limit.value,
        reversal_window_s=int(settings.reversal_window.total_seconds()),
    )


def _kind_shown(row: TrialBalanceRow) -> KindShown:
    return KindShown(
        kind=row.kind,
        unit=row.unit,
        accounts=row.accounts,
        debits_posted_fen=row.debits_posted.value,
        credits_posted_fen=row.credits_posted.value,
        debits_pending_fen=row.debits_pending.value,
        credits_pending_fen=row.credits_pending.value,
    )


def _event_shown(chained: ChainedEvent) -> EventShown:
    event = chained.event
    return EventShown(
        at=campus_time(event.at),
        actor_kind=event.actor.kind,
        actor_id=event.actor.id,
        actor_name=event.actor.name,
        action=event.action,
        subject_kind=event.subject.kind,
        subject_id=event.subject.id,
        details=dict(event.details),
        hash=chained.hash.hex(),
    )
