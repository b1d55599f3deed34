"""The writer: what it sends together, and what stands when the next batch does not come."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from asyncpg import DataError

from ledger.answers import Posted
from ledger.batch import Batch
from ledger.book import Asked, find_accounts, find_lines
from ledger.money import Fen
from ledger.transfers import Effect, Entry, Transfer
from ledger.writer import LOST, Writer
from tests.ledger.accounts_in import Chart, get_account
from tests.ledger.asking import single
from tests.ledger.busy import audited_chart

if TYPE_CHECKING:
    from asyncpg import Pool, Record

END_BEGUN = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and state = 'idle in transaction'
"""


@pytest.fixture
async def chart(pool: "Pool[Record]") -> AsyncIterator[Chart]:
    async with audited_chart(pool) as opened:
        yield opened


@pytest.fixture
def writer(pool: "Pool[Record]") -> Writer:
    return Writer(pool, give_up_after_s=30)


async def decided(pool: "Pool[Record]", asked: Transfer, *effects: Effect) -> Batch:
    async with pool.acquire() as connection:
        accounts = await find_accounts(connection, Entry(asked).account_ids())
    batch = Batch(accounts, {})
    batch.add(Entry(asked), effects)
    return batch


async def is_on_record(pool: "Pool[Record]", asked: Transfer) -> bool:
    async with pool.acquire() as connection:
        return asked.id in await find_lines(connection, [asked.id])


def yes() -> bool:
    return True


def no() -> bool:
    return False


async def test_a_batch_is_on_record_though_the_next_transaction_has_begun(
    pool: "Pool[Record]", chart: Chart, writer: Writer
) -> None:
    for is_more in (yes, yes, no, yes):
        asked = single(chart.wallet, chart.shop, 1)
        await writer.commit(await decided(pool, asked), is_more=is_more)
        assert await is_on_record(pool, asked)
    await writer.disconnect()


async def test_a_transaction_that_began_for_nothing_is_in_nobodys_way(
    pool: "Pool[Record]", chart: Chart, writer: Writer
) -> None:
    await writer.commit(await decided(pool, single(chart.wallet, chart.shop, 1)), is_more=yes)
    asked = single(chart.wallet, chart.shop, 1)
    (outcome,) = await writer.settle([Asked(Entry(asked))])
    assert isinstance(outcome, Posted)
    assert await is_on_record(pool, asked)
    await writer.disconnect()


async def test_a_begun_transaction_that_the_server_ends_is_in_nobodys_way(
    pool: "Pool[Record]", chart: Chart, writer: Writer
) -> None:
    await writer.commit(await decided(pool, single(chart.wallet, chart.shop, 1)), is_more=yes)
    async with pool.acquire() as connection:
        assert await connection.fetch(END_BEGUN)
    asked = single(chart.wallet, chart.shop, 1)
    with suppress(*LOST):  # unless the loss was noticed before
        await writer.commit(await decided(pool, asked), is_more=no)
    (outcome,) = await writer.settle([Asked(Entry(asked))])
    assert isinstance(outcome, Posted)
    async with pool.acquire() as connection:
        assert (await get_account(connection, chart.wallet)).balance == Fen(98)
    await writer.disconnect()


async def test_what_the_driver_cannot_send_is_rolled_back_and_no_loss(
    pool: "Pool[Record]", chart: Chart, writer: Writer
) -> None:
    asked = single(chart.wallet, chart.shop, 1)
    unfit = Effect("select cardinality($1::bigint[])", ("not a number",))
    with pytest.raises(DataError, match="not a number"):
        await writer.commit(await decided(pool, asked, unfit), is_more=yes)
    assert not await is_on_record(pool, asked)
    await writer.commit(await decided(pool, asked), is_more=no)
    assert await is_on_record(pool, asked)
    await writer.disconnect()
