"""Transfers lie in the month that their id names, and nobody changes them."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from ledger.answers import Posted
from ledger.book import Asked, LedgerConnection, find_answers, find_lines, make_months, post
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.transfers import Entry, Transfer
from tests.databases import Database
from tests.ledger.accounts_in import open_chart
from tests.ledger.asking import single
from tests.ledger.judge import find_faults
from tests.ledger.waiting import until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncpg import Connection, Record

MAY, JUNE = datetime(2031, 5, 1, tzinfo=UTC), datetime(2031, 6, 1, tzinfo=UTC)
JULY = datetime(2031, 7, 1, tzinfo=UTC)
LAST_OF_MAY = datetime(2031, 5, 31, 23, 59, 59, 999_000, tzinfo=UTC)
LONG_AGO, FAR_OFF = datetime(1971, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
MONTH_OF = "select tableoid::regclass::text from transfers where id = $1"
ROWS = "select t::text from transfers t order by seq"


@pytest.fixture
async def owner(shared_database: Database) -> "AsyncIterator[Connection[Record]]":
    """The owner of the tables, in a transaction that is rolled back."""
    async with shared_database.owner() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


async def post_at(connection: LedgerConnection, *moments: datetime) -> list[Transfer]:
    """Post one transfer for each moment, with an id of that moment."""
    chart = await open_chart(connection)
    asked = [replace(single(chart.bank, chart.shop, 1), id=uuid7(moment)) for moment in moments]
    outcomes = await post(connection, [Asked(Entry(each)) for each in asked])
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    return asked


async def months_of(connection: LedgerConnection, asked: list[Transfer]) -> list[str]:
    return [await connection.fetchval(MONTH_OF, each.id) for each in asked]


async def test_a_transfer_lies_in_the_month_of_its_id(connection: "Connection[Record]") -> None:
    await make_months(connection, [MAY, JUNE])
    asked = await post_at(connection, MAY, LAST_OF_MAY, JUNE)
    expected = ["transfers_203105", "transfers_203105", "transfers_203106"]
    assert await months_of(connection, asked) == expected


async def test_the_first_and_last_id_of_a_month_lie_in_it(
    connection: "Connection[Record]",
) -> None:
    await make_months(connection, [MAY])
    chart = await open_chart(connection)
    random_bits = (0xFFF << 64) | ((1 << 62) - 1)
    first = UUID(int=uuid7(MAY).int & ~random_bits)
    last = UUID(int=uuid7(LAST_OF_MAY).int | random_bits)
    asked = [replace(single(chart.bank, chart.shop, 1), id=id_) for id_ in (first, last)]
    await post(connection, [Asked(Entry(each)) for each in asked])
    assert await months_of(connection, asked) == ["transfers_203105"] * 2


async def test_ids_of_any_time_have_their_place(connection: "Connection[Record]") -> None:
    asked = await post_at(connection, LONG_AGO, FAR_OFF)
    assert await months_of(connection, asked) == ["transfers_default"] * 2


async def test_what_lies_far_off_is_found_and_answered_again(
    connection: "Connection[Record]",
) -> None:
    far, near = await post_at(connection, FAR_OFF, datetime.now(UTC))
    found = await find_lines(connection, [far.id, near.id])
    assert {id_: each.line.id for id_, each in found.items()} == {far.id: far.id, near.id: near.id}
    (first,) = await find_answers(connection, [Entry(far)])
    (again,) = await post(connection, [Asked(Entry(far))])
    assert isinstance(again, Posted)
    assert again == first


async def test_an_id_is_taken_wherever_it_lies(connection: "Connection[Record]") -> None:
    (far,) = await post_at(connection, FAR_OFF)
    (outcome,) = await post(connection, [Asked(Entry(replace(far, amount=Fen(2))))])
    assert not isinstance(outcome, Posted)
    assert outcome.code == "transfer_conflict"


async def test_a_month_is_made_once(connection: "Connection[Record]") -> None:
    assert await make_months(connection, [MAY, JUNE, LAST_OF_MAY]) == 2
    assert await make_months(connection, [MAY, JUNE]) == 0


async def test_the_months_for_now_are_there(connection: "Connection[Record]") -> None:
    (asked,) = await post_at(connection, datetime.now(UTC))
    month = f"transfers_{datetime.now(UTC):%Y%m}"
    await make_months(connection, [datetime.now(UTC)])
    assert await months_of(connection, [asked]) == [month]


async def test_a_new_month_takes_what_came_before_it(connection: "Connection[Record]") -> None:
    asked = await post_at(connection, MAY, LAST_OF_MAY, JUNE)
    before = await connection.fetch(ROWS)
    assert await months_of(connection, asked) == ["transfers_default"] * 3
    await make_months(connection, [MAY])
    expected = ["transfers_203105", "transfers_203105", "transfers_default"]
    assert await months_of(connection, asked) == expected
    assert await connection.fetch(ROWS) == before
    assert await find_faults(connection) == []


async def test_who_makes_a_month_that_is_being_made_waits_and_finds_it(database: Database) -> None:
    async with database.app() as one, database.app() as other, database.app() as watcher:
        making = one.transaction()
        await making.start()
        assert await make_months(one, [JULY]) == 1
        second = asyncio.create_task(make_months(other, [JULY]))
        await until_blocked(watcher)
        await making.commit()
        assert await second == 0


async def test_a_month_may_be_made_while_others_post(database: Database) -> None:
    async with database.app() as one, database.app() as other, asyncio.TaskGroup() as tasks:
        made = tasks.create_task(make_months(other, [MAY]))
        asked = []
        while not made.done():
            async with one.transaction():
                asked += await post_at(one, MAY)
        assert set(await months_of(other, asked)) == {"transfers_203105"}
        assert await find_faults(other) == []


@pytest.mark.parametrize("moment", [MAY, JUNE])
@pytest.mark.parametrize(
    "change", ["update transfers set amount_fen = 1000", "delete from transfers"]
)
async def test_not_even_the_owner_changes_a_transfer_by_mistake(
    owner: "Connection[Record]", moment: datetime, change: str
) -> None:
    await make_months(owner, [MAY])
    await post_at(owner, moment)
    with pytest.raises(asyncpg.RestrictViolationError, match="never changed"):
        await owner.execute(change)


async def test_a_month_made_later_protects_what_it_took_over(
    owner: "Connection[Record]",
) -> None:
    await post_at(owner, MAY, JUNE)
    await make_months(owner, [MAY])
    for change in ("delete from transfers_203105", "delete from transfers_default"):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with owner.transaction():
                await owner.execute(change)


REFUSED_TO_THE_ENGINE = [
    "update transfers set amount_fen = 1000",
    "delete from transfers",
    "truncate transfers",
    "alter table transfers disable trigger all",
    "insert into transfers_default select * from transfers",
    "delete from transfers_default",
    "delete from accounts",
    "update accounts set rule = 'none'",
    "update accounts set unit = 'kWh'",
    "delete from holds",
    "update holds set amount_fen = 1",
    "delete from batches",
    "update batches set root = sha256('')",
    "update batches set leaf_marks = ''",
    "select setval('batch_numbers', 1)",
    "create table loot (id int)",
]


@pytest.mark.parametrize("change", REFUSED_TO_THE_ENGINE)
async def test_the_engine_has_no_right_to(connection: "Connection[Record]", change: str) -> None:
    await post_at(connection, datetime.now(UTC))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(change)
