"""Limits that people set for themselves: lower than the campus's at will, up again with the PIN.

So whoever holds a phone that is left signed in can make its owner safer, but not poorer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from engine.actions import CampusAction
from engine.audit_trail import AuditEvent, record
from engine.campus_errors import InvalidLimit, PinRequired, WalletNotFound
from engine.campus_settings import CampusSettings, get_settings
from engine.pins import Channel, Pins
from engine.principals import PersonPrincipal
from engine.wallets import lock_spender
from ledger.book import LedgerConnection
from ledger.money import Fen
from ledger.queries import load
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "own_limits")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLimits:
    """What a person chose; None where they follow the campus. The lower of the two holds."""

    no_pin_limit: Fen | None
    day_limit: Fen | None

    def within(self, campus: CampusSettings) -> tuple[Fen, Fen]:
        """Return the limits that hold: without PIN, per day."""
        no_pin, day = self.no_pin_limit, self.day_limit
        return (
            campus.no_pin_limit if no_pin is None else min(no_pin, campus.no_pin_limit),
            campus.day_limit if day is None else min(day, campus.day_limit),
        )

    def check(self, campus: CampusSettings) -> None:
        """Refuse limits that the campus does not allow. Raises InvalidLimit."""
        for field, own, most in (
            ("no_pin_limit", self.no_pin_limit, campus.no_pin_limit),
            ("day_limit", self.day_limit, campus.day_limit),
        ):
            if own is not None and not Fen(0) <= own <= most:
                raise InvalidLimit(field)


async def find_own_limits(connection: LedgerConnection, person_id: UUID) -> OwnLimits:
    """Return a person's own limits. Raises WalletNotFound."""
    row = await connection.fetchrow(_SQL.get("find_limits"), person_id)
    if row is None:
        raise WalletNotFound("this person has no wallets")
    return OwnLimits(
        no_pin_limit=_fen(row["no_pin_limit_fen"]), day_limit=_fen(row["day_limit_fen"])
    )


class OwnLimitChanges:
    """Changes people's own limits."""

    def __init__(self, pool: "Pool[Record]", *, pins: Pins, clock: Clock) -> None:
        self._pool = pool
        self._pins = pins
        self._clock = clock

    async def change(
        self, principal: PersonPrincipal, wanted: OwnLimits, *, pin: str | None
    ) -> None:
        """Put one's own limits in force: purchases decided from the commit on obey them.

        The PIN is looked at only when a limit rises. Raises WalletNotFound, InvalidLimit,
        PinRequired, and what `Pins.verify` raises.
        """
        if await self._try(principal, wanted, may_rise=False):
            return
        if pin is None:
            raise PinRequired("a limit would rise")
        await self._pins.verify(principal.person_id, pin, channel=Channel.SESSION)
        await self._try(principal, wanted, may_rise=True)

    async def _try(self, principal: PersonPrincipal, wanted: OwnLimits, *, may_rise: bool) -> bool:
        """Change the limits unless one would rise and may not; tell whether it was done."""
        person_id = principal.person_id
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_spender(connection, person_id)
            campus = await get_settings(connection)
            wanted.check(campus)
            present = (await find_own_limits(connection, person_id)).within(campus)
            steps = zip(wanted.within(campus), present, strict=True)
            if not may_rise and any(after > before for after, before in steps):
                return False
            no_pin, day = wanted.no_pin_limit, wanted.day_limit
            values = [None if each is None else each.value for each in (no_pin, day)]
            await connection.execute(_SQL.get("change_limits"), person_id, *values)
            event = AuditEvent(
                at=self._clock(),
                actor=principal.actor,
                action=CampusAction.OWN_LIMITS_CHANGED,
                subject=principal.owner.subject,
                details={"no_pin_limit_fen": values[0], "day_limit_fen": values[1]},
            )
            await record(connection, event)
        return True


def _fen(value: int | None) -> Fen | None:
    return None if value is None else Fen(value)
