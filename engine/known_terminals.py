"""Terminals as this process last read them, and word of those that were revoked.

A terminal's key, place and merchant never change, and a revocation is for good. So memory can be
wrong in two ways only: about the state of a merchant, which every posting verifies, and about a
revocation that this process has not heard of yet, which every posting verifies as well.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from engine.devices import Device, find_enrolled
from ledger.errors import LedgerUnavailable
from ledger.queries import load
from ledger.writer import LOST

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "known_terminals")


class KnownTerminals:
    """The terminals that may speak."""

    def __init__(self, pool: "Pool[Record]") -> None:
        self._pool = pool
        self._kept: dict[UUID, Device] = {}
        self._revoked: set[UUID] = set()

    async def find(self, device_id: UUID) -> Device | None:
        """Return a terminal that may speak, as it was last read. Raises LedgerUnavailable."""
        device = self._kept.get(device_id)
        return device or await self.read(device_id)

    async def read(self, device_id: UUID) -> Device | None:
        """Return a terminal that may speak, as it stands now. Raises LedgerUnavailable."""
        try:
            async with self._pool.acquire() as connection:
                device = await find_enrolled(connection, device_id)
        except LOST as error:
            raise LedgerUnavailable("the database cannot be reached") from error
        if device is None or device_id in self._revoked:  # perhaps since the answer left
            return None
        self._kept[device_id] = device
        return device

    def forget(self, device_id: UUID) -> None:
        """Take in that a terminal was revoked: nothing of it is believed from now on."""
        self._revoked.add(device_id)
        self._kept.pop(device_id, None)

    async def find_news(self) -> list[UUID]:
        """Return the terminals that were revoked without this process having heard of it."""
        rows = await self._pool.fetch(_SQL.get("find_revoked"))
        return [row["id"] for row in rows if row["id"] not in self._revoked]
