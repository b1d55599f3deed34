"""Admission: people from the registry come in together with their wallets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from engine.audit_trail import Actor
from engine.people import NewPerson
from engine.people_import import ImportReport, Progress, import_people
from engine.wallets import find_people_without_wallets, open_wallets
from ledger.book import LedgerConnection

_WALLETS_AT_A_TIME: Final = 5_000


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
