"""Subsidies as a table of people and amounts: all that is wrong with it is told at once."""

import asyncio
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

_ROWS_AT_A_TIME: Final = 500  # read in a few milliseconds, then others may run
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
    """The rows that can be read, and what is wrong with the others.

    Raises ImportRefused when a number stands there twice or an amount is not above zero.
    """

    rows: tuple[SubsidyRow, ...]
    errors: tuple[CellError, ...] = ()
    number_column: str = NUMBER
    """As the file calls it."""

    def __post_init__(self) -> None:
        first_rows: dict[str, int] = {}
        errors = []
        for row in self.rows:
            first = first_rows.setdefault(row.number, row.row)
            if first != row.row:
                errors.append(_repeated(row.row, self.number_column, first))
            if row.amount <= Fen(0):
                errors.append(CellError(row=row.row, column=AMOUNT, problem=Problem.MALFORMED))
        if errors:
            raise ImportRefused(tuple(errors))


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
    for count, row in enumerate(rows):
        reader.read(row)
        if count % _ROWS_AT_A_TIME == 0:
            await asyncio.sleep(0)
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
        self._columns = columns
        self._headings = {field: heading.cells[column] for field, column in columns.items()}
        self._first_rows: dict[str, int] = {}

    def read(self, row: Row) -> None:
        """Take one row in, as a subsidy or as its errors."""
        number, amount_text = self._cell(row, NUMBER), self._cell(row, AMOUNT)
        amount = read_yuan(amount_text)
        problem = number_problem(number)
        first = row.number if problem else self._first_rows.setdefault(number, row.number)
        if problem is not None:
            self._note(row, NUMBER, problem)
        elif first != row.number:
            self.errors.append(_repeated(row.number, self._headings[NUMBER], first))
        if not amount:
            self._note(row, AMOUNT, Problem.MALFORMED if amount_text else Problem.MISSING)
        if problem is None and first == row.number and amount:
            self.rows.append(SubsidyRow(row=row.number, number=number, amount=amount))

    def _cell(self, row: Row, field: str) -> str:
        column = self._columns[field]
        text = row.cells[column] if column < len(row.cells) else ""
        return unicodedata.normalize("NFKC", text).strip()

    def _note(self, row: Row, field: str, problem: Problem) -> None:
        column = self._headings[field]
        self.errors.append(CellError(row=row.number, column=column, problem=problem))


def _repeated(row: int, column: str, first_row: int) -> CellError:
    return CellError(row=row, column=column, problem=Problem.REPEATED, first_row=first_row)


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
