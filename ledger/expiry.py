"""Expiry: holds that nobody ended in time are released by the ledger itself."""

from typing import Final

from asyncpg import Pool, Record

from ledger.book import Asked, due_holds
from ledger.ids import derived_id
from ledger.poster import Poster
from ledger.time import Clock
from ledger.transfers import Entry, Phase, Transfer

_AT_A_TIME: Final = 1_000


async def expire_due(pool: "Pool[Record]", poster: Poster, clock: Clock) -> int:
    """Release the holds whose time is over; return how many were asked to be.

    A hold that somebody ends at the same moment ends once: the ledger decides which came first.
    The id of the release is derived from the hold, so any number of processes may do this.
    """
    async with pool.acquire() as connection:
        due = await due_holds(connection, clock(), limit=_AT_A_TIME)
    await poster.post_many(
        [
            Asked(
                Entry(
                    Transfer(
                        id=derived_id(hold.id, "expire"),
                        kind="expiry",
                        phase=Phase.EXPIRE,
                        hold_id=hold.id,
                        event_at=hold.expires_at,
                    )
                )
            )
            for hold in due
            if hold.expires_at is not None
        ]
    )
    return len(due)
