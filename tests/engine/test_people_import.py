"""Importing people: every fault of a table at once, and nothing written before there is none."""

import codecs
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.audit_trail import Action, list_events
from engine.errors import CellError, ImportRefused, Problem, UnreadableFile
from engine.people import (
    NewPerson,
    PersonEvent,
    PersonKind,
    PersonState,
    change_state,
    find_person,
    list_people,
)
from engine.people_import import (
    ImportReport,
    import_people,
    read_people,
    rehearse_import,
)
from engine.table_files import FILE_MAX_BYTES
from ledger.book import LedgerConnection
from tests.identities import START, SYSTEM, at_once

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

TIMEOUT_S = 60.0
HEADING = "编号,姓名,类别,学院\n"
XLS = Path(__file__).parent.parent / "vectors" / "people.xls"  # written with xlwt 1.3.0
PEOPLE = [
    NewPerson(number="20190001", name="张三", kind=PersonKind.STUDENT, college="计算机学院"),
    NewPerson(number="20190002", name="李四", kind=PersonKind.TEACHER, college="数学学院"),
    NewPerson(number="T0003", name="王五", kind=PersonKind.TEMPORARY),
]
TABLE = HEADING + "20190001,张三,学生,计算机学院\n20190002,李四,教师,数学学院\nT0003,王五,临时,\n"


def silent(_done: int, _of: int) -> None:
    """Tell nobody."""


async def read(table: str | bytes) -> list[NewPerson]:
    data = table.encode() if isinstance(table, str) else table
    return await read_people(data, timeout_s=TIMEOUT_S)


async def faults(table: str) -> list[CellError]:
    with pytest.raises(ImportRefused) as refused:
        await read(table)
    return list(refused.value.errors)


async def put(connection: LedgerConnection, people: list[NewPerson]) -> ImportReport:
    return await import_people(connection, people, actor=SYSTEM, at=START, progress=silent)


def workbook(rows: str) -> bytes:
    """Return the smallest xlsx file whose first sheet has these rows."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    link = f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'{link}Type="{office}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="people" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{link}Type="{office}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>'
        "</worksheet>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return file.getvalue()


def rows_of(*rows: tuple[str | int, ...]) -> str:
    """Return spreadsheet rows: texts as inline strings, numbers as numbers."""
    lines = []
    for row in rows:
        cells = (
            f"<c><v>{cell}</v></c>"
            if isinstance(cell, int)
            else f'<c t="inlineStr"><is><t>{cell}</t></is></c>'
            for cell in row
        )
        lines.append(f"<row>{''.join(cells)}</row>")
    return "".join(lines)


@pytest.mark.parametrize(
    "data",
    [
        TABLE.encode(),
        codecs.BOM_UTF8 + TABLE.encode(),
        TABLE.encode("gb18030"),
        TABLE.replace("\n", "\r\n").encode("gb18030"),
        TABLE.replace("编号,姓名,类别,学院", "number,Name,KIND,college").encode(),
        TABLE.replace("编号,姓名,类别,学院", "学号,姓名,人员类别,院系").encode(),
        TABLE.replace("学生", "student").replace("教师", "Teacher").encode(),
        TABLE.replace("张三", '" 张三 "').replace("20190001", "２０１９０００１").encode(),
        TABLE.replace("\n", "\n,,,\n\n").encode(),
        workbook(
            rows_of(
                ("编号", "姓名", "类别", "学院"),
                (20190001, "张三", "学生", "计算机学院"),
                ("20190002", "李四", "教师", "数学学院"),
                ("T0003", "王五", "临时"),
            )
        ),
        XLS.read_bytes(),
    ],
    ids=[
        "utf-8", "utf-8 with mark", "gb18030", "windows line ends", "english headings",
        "other headings", "english kinds", "spaces and wide digits", "empty rows", "xlsx", "xls",
    ],
)  # fmt: skip
async def test_a_table_is_read_however_it_was_saved(data: bytes) -> None:
    assert await read(data) == PEOPLE


async def test_columns_are_found_by_heading_and_others_ignored() -> None:
    table = "学院,电话,姓名,编号,类别\n数学学院,123,李四,20190002,教职工\n"
    assert await read(table) == [PEOPLE[1]]


async def test_spaces_inside_a_name_become_one() -> None:
    (person,) = await read(HEADING + "20190001,\u3000张\u3000\u3000三,学生,数学学院\n")
    assert person.name == "张 三"


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        (",张三,学生,数学学院", "编号", Problem.MISSING),
        ("123,张三,学生,数学学院", "编号", Problem.MALFORMED),
        ("2019-0001,张三,学生,数学学院", "编号", Problem.MALFORMED),
        ("20190001,,学生,数学学院", "姓名", Problem.MISSING),
        (f"20190001,{'张' * 101},学生,数学学院", "姓名", Problem.TOO_LONG),
        ("20190001,张\u200b三,学生,数学学院", "姓名", Problem.MALFORMED),
        ("20190001,张三,,数学学院", "类别", Problem.UNKNOWN),
        ("20190001,张三,校友,数学学院", "类别", Problem.UNKNOWN),
        ("20190001,张三,学生,", "学院", Problem.MISSING),
        ("20190001,张三,学生", "学院", Problem.MISSING),
        (f"20190001,张三,学生,{'数' * 101}", "学院", Problem.TOO_LONG),
    ],
)
async def test_a_bad_cell_is_named_by_row_and_column(
    row: str, column: str, problem: Problem
) -> None:
    found = await faults(HEADING + "20190009,李四,学生,数学学院\n\n" + row + "\n")
    assert found == [CellError(row=4, column=column, problem=problem)]


async def test_all_bad_cells_are_found_at_once() -> None:
    found = await faults(HEADING + "1,,校友,\n20190001,张三,学生,\n20190002,,教师,数学学院\n")
    assert [(cell.row, cell.column, cell.problem) for cell in found] == [
        (2, "编号", Problem.MALFORMED),
        (2, "姓名", Problem.MISSING),
        (2, "类别", Problem.UNKNOWN),
        (3, "学院", Problem.MISSING),
        (4, "姓名", Problem.MISSING),
    ]


async def test_a_repeated_number_names_where_it_stands_first() -> None:
    found = await faults(TABLE + "20190001,张三,学生,数学学院\n２０１９０００１,甲,学生,乙\n")
    assert found == [
        CellError(row=row, column="编号", problem=Problem.REPEATED, first_row=2) for row in (5, 6)
    ]


async def test_faults_name_the_column_as_the_file_does() -> None:
    (fault,) = await faults("Number,Name,Kind,College\n20190001,,student,x\n")
    assert fault.column == "Name"


@pytest.mark.parametrize(
    ("heading", "faulty"),
    [
        ("编号,姓名,类别", [("学院", Problem.MISSING)]),
        ("a,b", [(name, Problem.MISSING) for name in ("编号", "姓名", "类别", "学院")]),
        ("编号,姓名,类别,学院,学号", [("编号", Problem.REPEATED)]),
    ],
)
async def test_a_wrong_heading_is_named(heading: str, faulty: list[tuple[str, Problem]]) -> None:
    found = await faults(heading + "\n20190001,张三,学生,数学学院\n")
    assert [(cell.row, cell.column, cell.problem) for cell in found] == [
        (1, column, problem) for column, problem in faulty
    ]


async def test_faults_carry_no_personal_data() -> None:
    with pytest.raises(ImportRefused) as refused:
        await read(HEADING + "bad-number-77,张三,校友,\n")
    assert "77" not in f"{refused.value!r} {refused.value.errors!r}"


FAR_APART = (
    '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\n\n ,,\n", "empty"),
        (b"\xff\xfe\x16\x7f", "neither"),
        (b"a\0b", "neither"),
        (b"\x89PNG\r\n\x1a\n\xff\xff\xff", "neither"),
        (HEADING.encode() + b'"2019', "line 2"),
        (HEADING.encode() + b"x" * 200_000, "line 2"),
        (b"PK\x03\x04 but no archive", "workbook"),
        (XLS.read_bytes()[:1000], "workbook"),
        (workbook("")[:-100], "workbook"),
        (workbook(FAR_APART), "workbook"),
        (workbook(rows_of(("x" * 30_000,)) * 1200), "workbook"),
        (b"x" * (FILE_MAX_BYTES + 1), "larger than 32 MiB"),
    ],
    ids=[
        "no bytes", "no rows", "utf-16", "nul", "png", "open quote", "endless cell",
        "zip by name", "half an xls", "half an xlsx", "cells half a terabyte apart", "36 MB zipped",
        "too large",
    ],
)  # fmt: skip
async def test_what_is_no_table_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        await read(data)


async def test_a_workbook_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(UnreadableFile, match="too long"):
        await read_people(XLS.read_bytes(), timeout_s=0)


async def test_people_are_added_and_again_unchanged(connection: LedgerConnection) -> None:
    assert await put(connection, PEOPLE) == ImportReport(added=3, changed=0, unchanged=0)
    before = await list_people(connection, limit=10)
    assert await put(connection, PEOPLE) == ImportReport(added=0, changed=0, unchanged=3)
    assert await list_people(connection, limit=10) == before
    assert [(p.number, p.name, p.kind, p.college) for p in before] == [
        (p.number, p.name, p.kind, p.college) for p in PEOPLE
    ]


async def test_an_import_brings_known_people_up_to_date(connection: LedgerConnection) -> None:
    await put(connection, PEOPLE)
    was = await find_person(connection, "T0003")
    assert was is not None
    now = NewPerson(number="T0003", name="王五", kind=PersonKind.STUDENT, college="数学学院")
    new = NewPerson(number="20190004", name="赵六", kind=PersonKind.STUDENT, college="数学学院")
    report = await put(connection, [PEOPLE[0], now, new])
    assert report == ImportReport(added=1, changed=1, unchanged=1)
    found = await find_person(connection, "T0003")
    assert found is not None
    assert (found.id, found.kind, found.college) == (was.id, PersonKind.STUDENT, "数学学院")


async def test_an_import_removes_nobody_and_resumes_nobody(connection: LedgerConnection) -> None:
    await put(connection, PEOPLE)
    was = await find_person(connection, "20190001")
    assert was is not None
    await change_state(connection, was.id, PersonEvent.LEAVE, actor=SYSTEM, at=START)
    await put(connection, [PEOPLE[0]])
    states = [person.state for person in await list_people(connection, limit=10)]
    assert states == [PersonState.LEFT, PersonState.ACTIVE, PersonState.ACTIVE]


async def test_a_rehearsal_reports_the_same_and_changes_nothing(
    connection: LedgerConnection,
) -> None:
    await put(connection, PEOPLE[:2])
    renamed = NewPerson(
        number="20190001", name="张三丰", kind=PersonKind.STUDENT, college="计算机学院"
    )
    table = [renamed, *PEOPLE[1:]]
    before = await list_people(connection, limit=10)
    rehearsed = await rehearse_import(connection, table, at=START, progress=silent)
    assert await list_people(connection, limit=10) == before
    assert await put(connection, table) == rehearsed
    assert rehearsed == ImportReport(added=1, changed=1, unchanged=1)


async def test_an_import_that_fails_midway_leaves_nothing(pool: "Pool[Record]") -> None:
    def fail(_done: int, _of: int) -> None:
        raise KeyError

    async with pool.acquire() as connection:
        with pytest.raises(KeyError):
            async with connection.transaction():
                await import_people(connection, PEOPLE, actor=SYSTEM, at=START, progress=fail)
        assert await list_people(connection, limit=10) == []


async def test_outside_of_a_transaction_nothing_is_imported(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        with pytest.raises(AssertionError, match="all or nothing"):
            await put(connection, PEOPLE)
        assert await list_people(connection, limit=10) == []


async def test_an_import_is_recorded_with_its_counts(connection: LedgerConnection) -> None:
    await put(connection, PEOPLE)
    newest, *_ = await list_events(connection, limit=1)
    assert newest.event.action == Action.PEOPLE_IMPORTED
    assert newest.event.details == {"added": 3, "changed": 0, "unchanged": 0}


async def test_the_same_import_at_once_adds_each_person_once(pool: "Pool[Record]") -> None:
    async def add() -> ImportReport:
        async with pool.acquire() as connection, connection.transaction():
            return await put(connection, PEOPLE)

    reports = [r for r in await at_once([add(), add(), add()]) if isinstance(r, ImportReport)]
    assert [report.added for report in reports].count(3) == 1
    assert sum(report.added for report in reports) == 3
    assert len(reports) == 3


async def test_fifty_thousand_people_are_read_and_written_with_progress(
    connection: LedgerConnection,
) -> None:
    lines = (f"{20190000 + n},学生{n},学生,第{n % 20}学院" for n in range(50_000))
    people = await read(HEADING + "\n".join(lines))
    told: list[tuple[int, int]] = []
    report = await import_people(
        connection,
        people,
        actor=SYSTEM,
        at=START,
        progress=lambda done, of: told.append((done, of)),
    )
    assert report == ImportReport(added=50_000, changed=0, unchanged=0)
    assert told == [(done, 50_000) for done in range(5000, 50_001, 5000)]
    assert await connection.fetchval("select count(*) from people") == 50_000
