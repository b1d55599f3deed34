"""The jobs of the engine: what it does for itself, and how often."""

from functools import partial
from typing import TYPE_CHECKING, Final

from engine.cards import expire_cards
from engine.jobs import Job
from engine.parts import Parts
from engine.postgres import months_ahead
from engine.sessions import forget_sessions
from engine.tries import forget_tries
from ledger.book import make_months
from ledger.expiry import expire_due
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_REVIVAL_LIMIT_S: Final = 900.0
"""For an embedded server to come back, the recovery after a crash included."""
_LIMIT_S: Final = 30.0
_HOUR_S: Final = 3_600.0


def upkeep(parts: Parts) -> tuple[Job, ...]:
    """Return the jobs of a process. Any number of processes may do them at once."""
    pool, clock = parts.pool, parts.clock
    return (
        Job(
            name="watch_database",
            run_once=parts.database.run_once,
            every_s=1.0,
            limit_s=_REVIVAL_LIMIT_S,
        ),
        Job(
            name="watch_revocations",
            run_once=parts.revocations.run_once,
            every_s=1.0,
            limit_s=_LIMIT_S,
        ),
        Job(name="watch_proof", run_once=parts.proof.run_once, every_s=5.0, limit_s=_LIMIT_S),
        Job(name="audit_books", run_once=parts.books.run_once, every_s=15.0, limit_s=_LIMIT_S),
        Job(
            name="expire_holds",
            run_once=partial(expire_due, pool, parts.poster, clock),
            every_s=5.0,
            limit_s=_LIMIT_S,
        ),
        Job(
            name="expire_cards",
            run_once=partial(_expire_cards, pool, clock),
            every_s=_HOUR_S / 4,
            limit_s=_LIMIT_S,
        ),
        Job(
            name="make_months",
            run_once=partial(_make_months, pool, clock),
            every_s=24 * _HOUR_S,
            limit_s=_LIMIT_S,
        ),
        Job(
            name="forget_sign_ins",
            run_once=partial(_forget_sign_ins, pool, clock),
            every_s=_HOUR_S,
            limit_s=_LIMIT_S,
        ),
    )


async def _make_months(pool: "Pool[Record]", clock: Clock) -> int:
    async with pool.acquire() as connection:
        return await make_months(connection, months_ahead(clock()))


async def _expire_cards(pool: "Pool[Record]", clock: Clock) -> int:
    async with pool.acquire() as connection, connection.transaction():
        return await expire_cards(connection, at=clock())


async def _forget_sign_ins(pool: "Pool[Record]", clock: Clock) -> int:
    """Delete sessions and tries whose time is over; how many is not counted."""
    async with pool.acquire() as connection:
        await forget_sessions(connection, at=clock())
        await forget_tries(connection, at=clock())
    return 0
