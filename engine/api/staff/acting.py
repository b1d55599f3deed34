"""How staff act: with a permission, in one transaction, under their own name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.api import RateLimit
from engine.api.sign_in_access import StaffAccess
from engine.audit_trail import Actor, record_reading
from engine.errors import NotAllowed
from engine.permissions import Permission
from engine.principals import StaffPrincipal
from engine.staff import require
from ledger.book import LedgerConnection
from ledger.errors import CampusError
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

WORKING: Final = RateLimit(name="working", burst=100, per_second=10)
"""How often one member of staff may ask for anything."""

ALLOWED: Final[tuple[type[CampusError], ...]] = (NotAllowed,)
"""What an operation may raise that needs a permission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act of a member of staff: its transaction, who acts, and when."""

    connection: LedgerConnection
    actor: Actor
    at: datetime

    async def record_reading(self, person_id: UUID, what: str) -> None:
        """Record that personal data are looked at, before they are handed out."""
        await record_reading(
            self.connection, self.actor, person_id=person_id, what=what, at=self.at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffDesk:
    """What all operations of staff work with."""

    pool: "Pool[Record]"
    clock: Clock
    access: StaffAccess

    @asynccontextmanager
    async def acting(
        self, principal: StaffPrincipal, permission: Permission | None
    ) -> AsyncIterator[Act]:
        """Have a transaction while inside; None is what every member of staff may do.

        Raises NotAllowed.
        """
        if permission is not None:
            require(principal, permission)
        async with self.pool.acquire() as connection, connection.transaction():
            yield Act(connection=connection, actor=principal.actor, at=self.clock())
