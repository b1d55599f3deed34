"""Settings of a campus that bound what people may spend."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.actions import CampusAction
from engine.audit_trail import Actor, AuditEvent, Subject, record
from engine.campus_errors import InvalidLimit
from ledger.book import LedgerConnection
from ledger.money import AMOUNT_MAX_FEN, Fen
from ledger.queries import load

_SQL = load("engine.sql", "campus_settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampusSettings:
    """The bounds for everybody. Raises InvalidLimit."""

    no_pin_limit: Fen
    """The most that one purchase may cost without the transaction PIN."""
    day_limit: Fen
    """The most that one person may spend in a business day."""
    reversal_window: timedelta
    """For so long after a purchase its terminal may reverse it."""

    def __post_init__(self) -> None:
        for field in ("no_pin_limit", "day_limit"):
            if not Fen(0) <= getattr(self, field) <= Fen(AMOUNT_MAX_FEN):
                raise InvalidLimit(field)
        if self.reversal_window <= timedelta(0):
            raise InvalidLimit("reversal_window")


async def get_settings(connection: LedgerConnection) -> CampusSettings:
    """Return the settings as they stand."""
    row = await connection.fetchrow(_SQL.get("get_settings"))
    assert row is not None, "the migration made the row"
    return CampusSettings(
        no_pin_limit=Fen(row["no_pin_limit_fen"]),
        day_limit=Fen(row["day_limit_fen"]),
        reversal_window=row["reversal_window"],
    )


async def change_settings(
    connection: LedgerConnection, settings: CampusSettings, *, actor: Actor, at: datetime
) -> None:
    """Put settings in force: purchases decided from the commit on obey them."""
    await connection.execute(
        _SQL.get("change_settings"),
        settings.no_pin_limit.value,
        settings.day_limit.value,
        settings.reversal_window,
    )
    event = AuditEvent(
        at=at,
        actor=actor,
        action=CampusAction.LIMITS_CHANGED,
        subject=Subject(kind="campus"),
        details={
            "no_pin_limit_fen": settings.no_pin_limit.value,
            "day_limit_fen": settings.day_limit.value,
            "reversal_window_s": int(settings.reversal_window.total_seconds()),
        },
    )
    await record(connection, event)
