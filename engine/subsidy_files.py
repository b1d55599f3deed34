"""Subsidies as a table of people and amounts: all that is wrong with it is told at once."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.errors import CellError, ImportRefused, Problem, UnreadableFile
from engine.people import number_problem
from engine.table_files import Row, read_table
from ledger.money import Fen

_YUAN: Final = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2}))?", re.ASCII)

NUMBER: Final = "number"
AMOUNT: Final = "amount"
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        NUMBER: ("编号", "学号", "工号", "学工号", "number"),
        AMOUNT: ("金额", "金额(元)", "补助金额", "amount"),
    }
)
"""The headings under which each column is known. Amounts are yuan. Other columns are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyRow:
    """What one person is to get; `row` counts as the table's program does."""

    row: int
    number: str
    amount: Fen


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyTable:
    """The rows that can be read, and what is wrong with the others."""

    rows: tuple[SubsidyRow, ...]
    errors: tuple[CellError, ...] = ()
    number_column: str = NUMBER
    """As the file calls it."""


async def read_subsidies(data: bytes, *, timeout_s: float) -> SubsidyTable:
    """Return the table in a file.

    Raises UnreadableFile, or ImportRefused when a column is missing or there twice. `timeout_s`
    limits the conversion of a workbook.
    """
    rows = await read_table(data, timeout_s=timeout_s)
    heading = next(rows, None)
    if heading is None:
        raise UnreadableFile("the table is empty")
    columns = _find_columns(heading)
    reader = _Reader(heading, columns)
    for row in rows:
        reader.read(row)
    return SubsidyTable(
        rows=tuple(reader.rows),
        errors=tuple(reader.errors),
        number_column=heading.cells[columns[NUMBER]],
    )


def read_yuan(text: str) -> Fen | None:
    """Return an amount written in yuan, with up to two decimals, or None if it is not one."""
    found = _YUAN.fullmatch(text)
    if found is None:
        return None
    yuan, decimals = found.groups(default="")
    return Fen(int(yuan) * 100 + int(decimals.ljust(2, "0")))


class _Reader:
    """Reads rows under a heading into subsidies and errors."""

    def __init__(self, heading: Row, columns: Mapping[str, int]) -> None:
        self.rows: list[SubsidyRow] = []
        self.errors: list[CellError] = []
        self._heading = heading
        self._columns = columns
        self._first_rows: dict[str, int] = {}

    def read(self, row: Row) -> None:
        """Take one row in, as a subsidy or as its errors."""
        number, amount_text = self._cell(row, NUMBER), self._cell(row, AMOUNT)
        first_row = self._first_rows.setdefault(number, row.number)
        amount = read_yuan(amount_text)
        problem = number_problem(number)
        if problem is None and first_row != row.number:
            problem = Problem.REPEATED
        if problem is not None:
            self._note(row, NUMBER, problem, first_row if problem is Problem.REPEATED else None)
        if not amount:
            self._note(row, AMOUNT, Problem.MALFORMED if amount_text else Problem.MISSING)
        if problem is None and amount:
            self.rows.append(SubsidyRow(row=row.number, number=number, amount=amount))

    def _cell(self, row: Row, field: str) -> str:
        column = self._columns[field]
        text = row.cells[column] if column < len(row.cells) else ""
        return unicodedata.normalize("NFKC", text).strip()

    def _note(self, row: Row, field: str, problem: Problem, first_row: int | None = None) -> None:
        column = self._heading.cells[self._columns[field]]
        error = CellError(row=row.number, column=column, problem=problem, first_row=first_row)
        self.errors.append(error)


def _find_columns(heading: Row) -> dict[str, int]:
    """Return where each column is. Raises ImportRefused for those missing or there twice."""
    columns: dict[str, int] = {}
    errors: list[CellError] = []
    cells = [unicodedata.normalize("NFKC", cell).lower() for cell in heading.cells]
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
