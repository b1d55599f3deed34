"""Subsidies: all errors at once, two members of staff, once, and back again."""

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from engine.audit_trail import Actor, list_events
from engine.campus_errors import (
    InvalidName,
    Spent,
    SubsidyConflict,
    SubsidyNeedsAnother,
    SubsidyNotFound,
    SubsidySpent,
)
from engine.chart import AccountKind, account_id, open_campus_accounts
from engine.errors import CellError, IllegalTransition, ImportRefused, Problem
from engine.people import PersonEvent, change_state
from engine.permissions import Role
from engine.principals import Owner, OwnerKind
from engine.staff import create_staff
from engine.subsidies import (
    Batch,
    BatchState,
    NewBatch,
    Plan,
    approve,
    cancel,
    get_batch,
    list_batches,
    prepare,
    rehearse,
    undo,
)
from engine.subsidy_files import SubsidyRow, SubsidyTable, read_subsidies, read_yuan
from engine.wallets import find_balance, open_wallets
from ledger.book import close_account
from ledger.errors import TransferRefused
from ledger.ids import uuid7
from ledger.money import Fen
from tests.campuses import Campus
from tests.identities import START, SYSTEM, at_once, student

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

NUMBERS = ("20190001", "20190002", "20190003")


def table(*amounts: int, number: str | None = None) -> SubsidyTable:
    rows = [
        SubsidyRow(row=row, number=number or each, amount=Fen(amount))
        for row, (each, amount) in enumerate(zip(NUMBERS, amounts, strict=False), start=2)
    ]
    return SubsidyTable(rows=tuple(rows))


def new_batch(*amounts: int) -> NewBatch:
    return NewBatch(id=uuid7(START), title="三月补助", table=table(*amounts))


@pytest.fixture
async def people(connection: "Connection[Record]") -> list[UUID]:
    """Three students with wallets, on a campus with its accounts."""
    await open_campus_accounts(connection)
    added = [(await student(connection, number)).id for number in NUMBERS]
    await open_wallets(connection, added)
    return added


async def staff(connection: "Connection[Record]", name: str) -> Actor:
    added = await create_staff(connection, name, [Role.FINANCE], actor=SYSTEM, at=START)
    return Owner(OwnerKind.STAFF, added.id).as_actor(name)


@pytest.fixture
async def preparer(connection: "Connection[Record]") -> Actor:
    return await staff(connection, "li.na")


@pytest.fixture
async def approver(connection: "Connection[Record]") -> Actor:
    return await staff(connection, "zhang.wei")


async def subsidies_of(connection: "Connection[Record]", people: list[UUID]) -> list[int]:
    return [(await find_balance(connection, each)).subsidy.value for each in people]


async def posted(
    connection: "Connection[Record]", batch: NewBatch, preparer: Actor, approver: Actor
) -> Batch:
    await prepare(connection, batch, actor=preparer, at=START)
    return await approve(connection, batch.id, actor=approver, at=START)


async def test_a_file_is_read_with_all_its_errors() -> None:
    data = "学号,姓名,金额\n20190001,李雷,120.5\n1,x,0\n,y,\n20190001,李雷,1.234\n20190002,z,-3\n"
    found = await read_subsidies(data.encode(), timeout_s=5)
    assert found.rows == (SubsidyRow(row=2, number="20190001", amount=Fen(12050)),)
    assert found.errors == (
        CellError(row=3, column="学号", problem=Problem.MALFORMED),
        CellError(row=3, column="金额", problem=Problem.MALFORMED),
        CellError(row=4, column="学号", problem=Problem.MISSING),
        CellError(row=4, column="金额", problem=Problem.MISSING),
        CellError(row=5, column="学号", problem=Problem.REPEATED, first_row=2),
        CellError(row=5, column="金额", problem=Problem.MALFORMED),
        CellError(row=6, column="金额", problem=Problem.MALFORMED),
    )


@pytest.mark.parametrize("heading", ["学号,姓名", "金额", "学号,金额,amount", "学号,学工号,金额"])
async def test_a_file_needs_each_column_once(heading: str) -> None:
    with pytest.raises(ImportRefused):
        await read_subsidies(f"{heading}\n1,2,3\n".encode(), timeout_s=5)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0", 0),
        ("1", 100),
        ("0.1", 10),
        ("0.01", 1),
        ("1234567.89", 123456789),
        ("", None),
        ("1.", None),
        (".5", None),
        ("1.005", None),
        ("1e3", None),
        ("-1", None),
        ("12345678", None),
        ("١", None),
    ],
)
def test_yuan_are_read_exactly_or_not_at_all(text: str, fen: int | None) -> None:
    assert read_yuan(text) == (None if fen is None else Fen(fen))


async def test_a_rehearsal_tells_the_total_and_changes_nothing(
    connection: "Connection[Record]", people: list[UUID]
) -> None:
    plan = await rehearse(connection, table(100, 200, 300))
    assert plan == Plan(people=3, total=Fen(600))
    assert await subsidies_of(connection, people) == [0, 0, 0]


async def test_unknown_people_are_told_together_with_the_errors_of_the_file(
    connection: "Connection[Record]", people: list[UUID], preparer: Actor
) -> None:
    await change_state(connection, people[2], PersonEvent.LEAVE, actor=SYSTEM, at=START)
    wrong = CellError(row=9, column="金额", problem=Problem.MISSING)
    unknown = SubsidyRow(row=5, number="20199999", amount=Fen(1))
    bad = SubsidyTable(rows=(*table(1, 2, 3).rows, unknown), errors=(wrong,))
    with pytest.raises(ImportRefused) as caught:
        await prepare(connection, replace(new_batch(1), table=bad), actor=preparer, at=START)
    assert [(error.row, error.problem) for error in caught.value.errors] == [
        (4, Problem.UNKNOWN),
        (5, Problem.UNKNOWN),
        (9, Problem.MISSING),
    ]


def test_a_table_has_everybody_once_and_gives_something() -> None:
    with pytest.raises(ImportRefused) as caught:
        table(1, 0, number=NUMBERS[0])
    assert [(error.row, error.problem) for error in caught.value.errors] == [
        (3, Problem.REPEATED),
        (3, Problem.MALFORMED),
    ]


async def test_an_empty_table_is_no_batch(connection: "Connection[Record]") -> None:
    with pytest.raises(ImportRefused):
        await rehearse(connection, SubsidyTable(rows=()))


async def test_a_batch_is_handed_out_by_a_second_member_of_staff(
    connection: "Connection[Record]", people: list[UUID], preparer: Actor, approver: Actor
) -> None:
    batch = new_batch(100, 200, 300)
    prepared = await prepare(connection, batch, actor=preparer, at=START)
    assert (prepared.state, prepared.people, prepared.total) == (BatchState.PREPARED, 3, Fen(600))
    with pytest.raises(SubsidyNeedsAnother):
        await approve(connection, batch.id, actor=preparer, at=START)
    assert await subsidies_of(connection, people) == [0, 0, 0]
    done = await approve(connection, batch.id, actor=approver, at=START)
    assert (done.state, done.approved_by) == (BatchState.POSTED, approver.id)
    assert await subsidies_of(connection, people) == [100, 200, 300]
    events = await list_events(connection, subject_id=batch.id, limit=9)
    assert [each.event.action for each in events] == ["subsidy.posted", "subsidy.prepared"]


async def test_preparing_and_approving_again_change_nothing(
    connection: "Connection[Record]", people: list[UUID], preparer: Actor, approver: Actor
) -> None:
    batch = new_batch(100, 200, 300)
    first = await posted(connection, batch, preparer, approver)
    assert await prepare(connection, batch, actor=preparer, at=START) == first
    assert await approve(connection, batch.id, actor=approver, at=START) == first
    assert await subsidies_of(connection, people) == [100, 200, 300]
    assert await list_batches(connection, limit=9) == [first]


@pytest.mark.parametrize(
    "other", [new_batch(100, 200, 301), new_batch(100, 200), replace(new_batch(1), title="四月")]
)
async def test_an_id_with_another_batch_is_a_conflict(
    connection: "Connection[Record]", people: list[UUID], preparer: Actor, other: NewBatch
) -> None:
    batch = new_batch(100, 200, 300)
    await prepare(connection, batch, actor=preparer, at=START)
    with pytest.raises(SubsidyConflict):
        await prepare(connection, replace(other, id=batch.id), actor=preparer, at=START)
    assert await subsidies_of(connection, people) == [0, 0, 0]


async def test_a_cancelled_batch_is_not_handed_out(
    connection: "Connection[Record]", people: list[UUID], preparer: Actor, approver: Actor
) -> None:
    batch = new_batch(100)
    await prepare(connection, batch, actor=preparer, at=START)
    for _ in range(2):
        cancelled = await cancel(connection, batch.id, actor=preparer, at=START)
        assert cancelled.state is BatchState.CANCELLED
    with pytest.raises(IllegalTransition):
        await approve(connection, batch.id, actor=approver, at=START)
    with pytest.raises(IllegalTransition):
        await undo(connection, batch.id, leave_spent=True, actor=approver, at=START)
    assert await subsidies_of(connection, people) == [0, 0, 0]


async def test_one_refused_part_refuses_the_whole_batch(
    connection: "Connection[Record]", people: list[UUID], preparer: Actor, approver: Actor
) -> None:
    batch = new_batch(100, 200, 300)
    await prepare(connection, batch, actor=preparer, at=START)
    await close_account(connection, account_id(AccountKind.SUBSIDY_WALLET, people[1]))
    savepoint = connection.transaction()
    await savepoint.start()
    with pytest.raises(TransferRefused):
        await approve(connection, batch.id, actor=approver, at=START)
    await savepoint.rollback()
    assert await subsidies_of(connection, people) == [0, 0, 0]
    assert (await get_batch(connection, batch.id)).state is BatchState.PREPARED


async def test_an_untouched_batch_is_undone_whole_and_once(
    connection: "Connection[Record]", people: list[UUID], preparer: Actor, approver: Actor
) -> None:
    batch = new_batch(100, 200, 300)
    await posted(connection, batch, preparer, approver)
    for _ in range(2):
        undone = await undo(connection, batch.id, leave_spent=False, actor=approver, at=START)
        assert (undone.people, undone.total, undone.spent) == (3, Fen(600), ())
    assert await subsidies_of(connection, people) == [0, 0, 0]
    assert (await get_batch(connection, batch.id)).state is BatchState.UNDONE


async def test_what_was_spent_stops_an_undoing_or_is_left_out(campus: Campus) -> None:
    spender, saver = [await campus.holder(number, cash=50) for number in NUMBERS[:2]]
    batch_id = await campus.hand_out({NUMBERS[0]: 300, NUMBERS[1]: 400})
    await campus.buy(spender, 120)
    actor = await campus.actor("li.na")
    spent = (Spent(number=NUMBERS[0], handed_out=Fen(300), left=Fen(180)),)
    with pytest.raises(SubsidySpent) as caught:
        async with campus.pool.acquire() as connection, connection.transaction():
            await undo(connection, batch_id, leave_spent=False, actor=actor, at=campus.clock())
    assert caught.value.spent == spent
    assert (await campus.balance(saver)).subsidy == Fen(400)
    for _ in range(2):
        async with campus.pool.acquire() as connection, connection.transaction():
            undone = await undo(
                connection, batch_id, leave_spent=True, actor=actor, at=campus.clock()
            )
        assert (undone.people, undone.total, undone.spent) == (1, Fen(400), spent)
        campus.clock.advance(minutes=1)
    assert (await campus.balance(saver)).subsidy == Fen(0)
    assert (await campus.balance(spender)).subsidy == Fen(180)


async def test_two_approvals_at_once_hand_out_once(campus: Campus) -> None:
    holder = await campus.holder()
    preparer, approver = await campus.actor("li.na"), await campus.actor("zhang.wei")
    batch = replace(new_batch(500), id=uuid7())
    async with campus.pool.acquire() as connection, connection.transaction():
        await prepare(connection, batch, actor=preparer, at=START)

    async def approve_it() -> Batch:
        async with campus.pool.acquire() as connection, connection.transaction():
            return await approve(connection, batch.id, actor=approver, at=START)

    answers = await at_once(approve_it() for _ in range(4))
    assert answers == [answers[0]] * 4
    assert (await campus.balance(holder)).subsidy == Fen(500)


async def test_what_does_not_exist_is_not_handed_out(
    connection: "Connection[Record]", approver: Actor
) -> None:
    with pytest.raises(SubsidyNotFound):
        await approve(connection, uuid7(), actor=approver, at=START)
    with pytest.raises(SubsidyNotFound):
        await get_batch(connection, uuid7())


async def test_a_batch_has_a_title(connection: "Connection[Record]", preparer: Actor) -> None:
    with pytest.raises(InvalidName):
        await prepare(connection, replace(new_batch(1), title=""), actor=preparer, at=START)
