from datetime import timedelta

from engine.recent_transactions import RECENT, list_recent
from engine.transactions import list_transactions
from tests.campuses import Campus, put_cash


async def test_what_is_older_than_thirty_days_waits_behind_the_cursor(campus: Campus) -> None:
    holder = await campus.holder()
    async with campus.pool.acquire() as connection:
        for amount in (1, 2, 3):
            await put_cash(connection, holder.id, amount, at=campus.clock())
        rows = (await list_transactions(connection, holder.id, limit=10)).rows
        now = rows[1].posted_at + RECENT
        page = await list_recent(connection, holder.id, at=now, limit=10)
        older = await list_transactions(connection, holder.id, limit=10, cursor=page.next)
    assert (page.rows, older.rows) == (rows[:2], rows[2:])


async def test_with_nothing_recent_the_cursor_leads_to_all_there_is(campus: Campus) -> None:
    holder = await campus.holder(cash=100)
    async with campus.pool.acquire() as connection:
        rows = (await list_transactions(connection, holder.id, limit=10)).rows
        now = rows[0].posted_at + RECENT + timedelta(microseconds=1)
        page = await list_recent(connection, holder.id, at=now, limit=10)
        older = await list_transactions(connection, holder.id, limit=10, cursor=page.next)
    assert (page.rows, older.rows) == ((), rows)


async def test_a_full_page_of_recent_ones_is_a_page_like_any(campus: Campus) -> None:
    holder = await campus.holder()
    async with campus.pool.acquire() as connection:
        for amount in (1, 2, 3):
            await put_cash(connection, holder.id, amount, at=campus.clock())
        plain = await list_transactions(connection, holder.id, limit=2)
        recent = await list_recent(connection, holder.id, at=plain.rows[0].posted_at, limit=2)
    assert recent == plain
