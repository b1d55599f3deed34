"""What must be true of the books at every instant, asked of PostgreSQL in plain SQL."""

from collections.abc import Collection
from uuid import UUID

from ledger.book import LedgerConnection
from ledger.queries import load

_SQL = load("tests.ledger", "judge")


async def find_faults(
    connection: LedgerConnection, accounts: Collection[UUID] | None = None
) -> list[str]:
    """Return what is wrong with the books, of these accounts or of all; nothing, it is hoped."""
    wanted = None if accounts is None else list(accounts)
    faults = []
    for name, statement in _SQL.statements.items():
        rows = await connection.fetch(statement, *([wanted] if "$1" in statement else []))
        faults += [f"{name}: {dict(row)}" for row in rows]
    return faults
