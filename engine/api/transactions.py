"""How transactions are shown, to their owner and to staff."""

from uuid import UUID

from engine.api import Answer, CampusTime, Cursors, Moment, Page, campus_time
from engine.chart import TransferKind
from engine.transactions import Transaction, TransactionCursor, TransactionPage

_CURSORS = Cursors("transactions", tuple[Moment, UUID | None, UUID | None])


class TransactionShown(Answer, frozen=True, kw_only=True):
    """One thing that happened to a person's money; what was spent is negative."""

    id: UUID
    kind: TransferKind
    happened_at: CampusTime
    posted_at: CampusTime
    amount_fen: int
    cash_fen: int
    subsidy_fen: int
    balance_after_fen: int
    merchant: str | None
    place: str | None
    title: str | None


def read_cursor(text: str | None) -> TransactionCursor | None:
    """Return the position in a cursor, if there is one. Raises InvalidCursor."""
    return None if text is None else TransactionCursor(*_CURSORS.read(text))


def transaction_page(page: TransactionPage) -> Page[TransactionShown]:
    """Render a page of transactions."""
    items = [_shown(row) for row in page.rows]
    if page.next is None:
        return Page(items=items, next_cursor=None)
    posted_at, cash, subsidy = page.next
    return Page(items=items, next_cursor=_CURSORS.write((posted_at, cash, subsidy)))


def _shown(row: Transaction) -> TransactionShown:
    return TransactionShown(
        id=row.id,
        kind=row.kind,
        happened_at=campus_time(row.happened_at),
        posted_at=campus_time(row.posted_at),
        amount_fen=row.amount.value,
        cash_fen=row.cash.value,
        subsidy_fen=row.subsidy.value,
        balance_after_fen=row.balance_after.value,
        merchant=None if row.place is None else row.place.merchant,
        place=None if row.place is None else row.place.name,
        title=row.title,
    )
