"""How commands speak: tables for people, one JSON document for programs, and exit codes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Final, NoReturn, TypeVar

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from engine.database.errors import (
    DatabaseUnavailable,
    EmbeddedServerFailed,
    InvalidCampusName,
    UnsafeDatabase,
)
from engine.errors import ImportRefused
from engine.keys import BadKeys
from engine.web import AddressInUse
from ledger.errors import CampusError, LedgerBusy, LedgerUnavailable

T = TypeVar("T", bound=msgspec.Struct)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


class ExitCode(IntEnum):
    """What a program that called us may rely on."""

    OK = 0
    REFUSED = 1
    """The answer is no, or something was found to be wrong."""
    USAGE = 2
    """The command, a setting or a file that it names cannot be used."""
    UNAVAILABLE = 3
    """The database or the address cannot be had now; the same again may succeed."""


_CODES: Final[dict[type[CampusError], ExitCode]] = {
    AddressInUse: ExitCode.UNAVAILABLE,
    DatabaseUnavailable: ExitCode.UNAVAILABLE,
    EmbeddedServerFailed: ExitCode.UNAVAILABLE,
    LedgerBusy: ExitCode.UNAVAILABLE,
    LedgerUnavailable: ExitCode.UNAVAILABLE,
    BadKeys: ExitCode.USAGE,
    InvalidCampusName: ExitCode.USAGE,
    UnsafeDatabase: ExitCode.USAGE,
}


class BadCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of a file that cannot be imported; its value is personal, and stays out."""

    row: int
    column: str
    problem: str
    first_row: int | None


class Failed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a command prints with `--json` when it failed."""

    code: str
    message: str
    cells: list[BadCell] = []
    """Of an import: all that is wrong, by row."""


class Output:
    """Where one command prints its result."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._stdout = Console(highlight=False)
        self._stderr = Console(stderr=True, highlight=False)

    def show(self, result: T, draw: Callable[[T], RenderableType]) -> None:
        """Print a result, as JSON or as drawn."""
        if self._as_json:
            self._print_json(result)
        else:
            self._stdout.print(draw(result))

    def print_document(self, text: str) -> None:
        """Print what is a JSON document already."""
        self._stdout.file.write(text if text.endswith("\n") else f"{text}\n")

    def fail(self, error: CampusError) -> NoReturn:
        """Say why the command failed, and exit."""
        failed = Failed(code=error.code, message=str(error), cells=_cells(error))
        if self._as_json:
            self._print_json(failed)
        else:
            self._stderr.print(f"{failed.code}: {failed.message}", markup=False, style="red")
            if failed.cells:
                self._stderr.print(_draw_cells(failed.cells))
        raise typer.Exit(_exit_code(error))

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Give a function that is told how much of how much is done, and draw a bar meanwhile."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._stderr, disable=self._as_json) as bar:
            task = bar.add_task(what, total=None)

            def advance(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            yield advance

    def _print_json(self, result: msgspec.Struct) -> None:
        self.print_document(msgspec.json.encode(result).decode())


def table(*headings: str, rows: Sequence[Sequence[object]]) -> Table:
    """Return rows under headings; numbers stand to the right."""
    drawn = Table(box=None, pad_edge=False, header_style="bold", show_header=any(headings))
    for index, heading in enumerate(headings):
        is_number = bool(rows) and all(isinstance(row[index], int) for row in rows)
        drawn.add_column(heading, justify="right" if is_number else "left")
    for row in rows:
        drawn.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    return drawn


def _cells(error: CampusError) -> list[BadCell]:
    if not isinstance(error, ImportRefused):
        return []
    return [
        BadCell(row=each.row, column=each.column, problem=each.problem, first_row=each.first_row)
        for each in error.errors
    ]


def _draw_cells(cells: Sequence[BadCell]) -> RenderableType:
    rows = [
        (each.row, each.column, each.problem, "" if each.first_row is None else each.first_row)
        for each in cells
    ]
    return table("row", "column", "problem", "first in row", rows=rows)


def _exit_code(error: CampusError) -> ExitCode:
    for ancestor in type(error).__mro__:
        if ancestor in _CODES:
            return _CODES[ancestor]
    return ExitCode.REFUSED
