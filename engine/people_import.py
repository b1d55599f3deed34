"""People from a table of the registry: checked whole first, then written whole or not at all."""

import asyncio
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from engine.audit_trail import Action, Actor, AuditEvent, Subject, record
from engine.errors import CellError, ImportRefused, Problem, UnreadableFile
from engine.people import (
    NewPerson,
    PersonKind,
    college_problem,
    number_problem,
    text_problem,
)
from engine.table_files import Row, read_table
from ledger.book import LedgerConnection
from ledger.ids import uuid7
from ledger.queries import load

_SQL = load("engine.sql", "people_import")
_ROWS_IN_CHUNK: Final = 5000
_ROWS_AT_A_TIME: Final = 500  # checked in a few milliseconds, then others may run

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "number": ("编号", "学号", "工号", "学工号", "number"),
        "name": ("姓名", "name"),
        "kind": ("类别", "人员类别", "kind"),
        "college": ("学院", "院系", "部门", "college"),
    }
)
"""The headings under which each column is known. Other columns are ignored."""

KINDS: Final[Mapping[str, PersonKind]] = MappingProxyType(
    {
        "学生": PersonKind.STUDENT,
        "student": PersonKind.STUDENT,
        "教师": PersonKind.TEACHER,
        "教工": PersonKind.TEACHER,
        "教职工": PersonKind.TEACHER,
        "teacher": PersonKind.TEACHER,
        "临时": PersonKind.TEMPORARY,
        "临时人员": PersonKind.TEMPORARY,
        "temporary": PersonKind.TEMPORARY,
    }
)
"""What may stand in the column of kinds."""

Progress = Callable[[int, int], None]
"""Told how many rows of how many are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, or would do."""

    added: int
    changed: int
    unchanged: int


async def read_people(data: bytes, *, timeout_s: float) -> list[NewPerson]:
    """Return the people of a file. Raises UnreadableFile, or ImportRefused with every bad cell.

    Works in short steps, so that the engine serves others meanwhile. `timeout_s` limits the
    conversion of a workbook.
    """
    rows = await read_table(data, timeout_s=timeout_s)
    heading = next(rows, None)
    if heading is None:
        raise UnreadableFile("the table is empty")
    reader = _Reader(heading)
    for count, row in enumerate(rows):
        reader.read(row)
        if count % _ROWS_AT_A_TIME == 0:
            await asyncio.sleep(0)
    if reader.errors:
        raise ImportRefused(tuple(reader.errors))
    return reader.people


async def import_people(
    connection: LedgerConnection,
    people: Sequence[NewPerson],
    *,
    actor: Actor,
    at: datetime,
    progress: Progress,
) -> ImportReport:
    """Add people and bring those who are known by number up to date, in the caller's transaction.

    Nobody is removed, and no state changes. The same again changes nothing.
    """
    assert connection.is_in_transaction(), "all or nothing"
    report = await _put(connection, people, at=at, progress=progress)
    event = AuditEvent(
        at=at,
        actor=actor,
        action=Action.PEOPLE_IMPORTED,
        subject=Subject(kind="people"),
        details={
            "added": report.added,
            "changed": report.changed,
            "unchanged": report.unchanged,
        },
    )
    await record(connection, event)
    return report


async def rehearse_import(
    connection: LedgerConnection,
    people: Sequence[NewPerson],
    *,
    at: datetime,
    progress: Progress,
) -> ImportReport:
    """Do what an import would do, undo it, and return what it would report."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        return await _put(connection, people, at=at, progress=progress)
    finally:
        await transaction.rollback()


class _Reader:
    """Reads rows under a heading into people and errors."""

    def __init__(self, heading: Row) -> None:
        self.people: list[NewPerson] = []
        self.errors: list[CellError] = []
        self._first_rows: dict[str, int] = {}
        self._columns = _find_columns(heading)
        self._headings = {field: heading.cells[column] for field, column in self._columns.items()}

    def read(self, row: Row) -> None:
        """Take one row in, as a person or as its errors."""
        number = unicodedata.normalize("NFKC", self._cell(row, "number"))
        name = " ".join(self._cell(row, "name").split())
        kind = KINDS.get(self._cell(row, "kind").lower())
        college = " ".join(self._cell(row, "college").split()) or None
        first_row = self._first_rows.setdefault(number, row.number)
        found = {
            "number": number_problem(number),
            "name": text_problem(name),
            "kind": Problem.UNKNOWN if kind is None else None,
            "college": None if kind is None else college_problem(college, kind),
        }
        if found["number"] is None and first_row != row.number:
            found["number"] = Problem.REPEATED
        bad = {field: problem for field, problem in found.items() if problem is not None}
        if kind is not None and not bad:
            self.people.append(NewPerson(number=number, name=name, kind=kind, college=college))
        self.errors += self._cell_errors(row, bad, first_row)

    def _cell(self, row: Row, field: str) -> str:
        column = self._columns[field]
        return row.cells[column] if column < len(row.cells) else ""

    def _cell_errors(
        self, row: Row, bad: Mapping[str, Problem], first_row: int
    ) -> Iterator[CellError]:
        for field, problem in bad.items():
            yield CellError(
                row=row.number,
                column=self._headings[field],
                problem=problem,
                first_row=first_row if problem is Problem.REPEATED else None,
            )


def _find_columns(heading: Row) -> dict[str, int]:
    """Return where each column is. Raises ImportRefused for those missing or there twice."""
    columns: dict[str, int] = {}
    errors: list[CellError] = []
    cells = [cell.lower() for cell in heading.cells]
    for field, names in COLUMNS.items():
        places = [place for place, cell in enumerate(cells) if cell in names]
        if len(places) == 1:
            columns[field] = places[0]
            continue
        problem = Problem.REPEATED if places else Problem.MISSING
        errors.append(CellError(row=heading.number, column=names[0], problem=problem))
    if errors:
        raise ImportRefused(tuple(errors))
    return columns


async def _put(
    connection: LedgerConnection, people: Sequence[NewPerson], *, at: datetime, progress: Progress
) -> ImportReport:
    """Write chunk by chunk, in order of the numbers so that two imports at once mostly queue.

    Where they deadlock all the same, PostgreSQL ends one of them and nothing of it stays.
    """
    ordered = sorted(people, key=lambda person: person.number)
    added = changed = 0
    for start in range(0, len(ordered), _ROWS_IN_CHUNK):
        chunk = ordered[start : start + _ROWS_IN_CHUNK]
        row = await connection.fetchrow(
            _SQL.get("put_people"),
            [uuid7(at) for _ in chunk],
            [person.number for person in chunk],
            [person.name for person in chunk],
            [person.kind for person in chunk],
            [person.college for person in chunk],
        )
        assert row is not None, "two counts are one row"
        added, changed = added + row["added"], changed + row["changed"]
        progress(start + len(chunk), len(ordered))
    return ImportReport(added=added, changed=changed, unchanged=len(ordered) - added - changed)
