"""Admission: people from the registry come in together with their wallets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from engine.audit_trail import Actor
from engine.people import NewPerson, Person, add_person
from engine.people_import import ImportReport, Progress, import_people
from engine.wallets import find_people_without_wallets, open_wallets
from ledger.book import LedgerConnection

_WALLETS_AT_A_TIME: Final = 5_000


async def admit_person(
    connection: LedgerConnection, person: NewPerson, *, actor: Actor, at: datetime
) -> Person:
    """Add one person with wallets, in the caller's transaction. Raises NumberTaken."""
    added = await add_person(connection, person, actor=actor, at=at)
    await open_wallets(connection, [added.id])
    return added


async def admit_people(
    connection: LedgerConnection,
    people: Sequence[NewPerson],
    *,
    actor: Actor,
    at: datetime,
    progress: Progress,
) -> ImportReport:
    """Import people and open the wallets of all who have none, in the caller's transaction."""
    report = await import_people(connection, people, actor=actor, at=at, progress=progress)
    without = await find_people_without_wallets(connection)
    for start in range(0, len(without), _WALLETS_AT_A_TIME):
        await open_wallets(connection, without[start : start + _WALLETS_AT_A_TIME])
    return report
