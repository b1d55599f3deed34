"""The first page of a person's transactions: the last 30 days, and where older ones go on."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from engine.transactions import TransactionCursor, TransactionPage, list_transactions
from ledger.book import LedgerConnection

RECENT: Final = timedelta(days=30)


async def list_recent(
    connection: LedgerConnection, person_id: UUID, *, at: datetime, limit: int
) -> TransactionPage:
    """Return the newest transactions, none older than `RECENT` before `at`.

    The cursor leads to what does not fit or is older. The connection must not be in a transaction.
    Raises AccountNotFound for who has no wallets.
    """
    since = at - RECENT
    page = await list_transactions(connection, person_id, limit=limit)
    recent = sum(row.posted_at >= since for row in page.rows)
    if recent == len(page.rows):
        return page
    if not recent:
        return TransactionPage((), TransactionCursor(since, None, None))
    return await list_transactions(connection, person_id, limit=recent)
