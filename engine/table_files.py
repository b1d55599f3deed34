"""Tables that people hand in: CSV in UTF-8 or GB18030, or an Excel workbook (xlsx, xls)."""

import asyncio
import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.errors import UnreadableFile

FILE_MAX_BYTES: Final = 32 << 20
_WORKBOOK_MARKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # zip, OLE2


@dataclass(frozen=True, slots=True)
class Row:
    """One row that is not empty; `number` counts from 1 as the table's program does."""

    number: int
    cells: list[str]


async def read_table(data: bytes, *, timeout_s: float) -> Iterator[Row]:
    """Return the rows of a file, told apart by its content, not its name.

    `timeout_s` limits the conversion of a workbook, which another process does. Raises
    UnreadableFile, also while the rows are read.
    """
    if len(data) > FILE_MAX_BYTES:
        raise UnreadableFile(f"larger than {FILE_MAX_BYTES >> 20} MiB")
    if data.startswith(_WORKBOOK_MARKS):
        data = await _workbook_as_csv(data, timeout_s)
    return _rows(_decode(data))


async def _workbook_as_csv(workbook: bytes, timeout_s: float) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "engine.workbook_to_csv",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(timeout_s):
            converted, _ = await process.communicate(workbook)
    except TimeoutError:
        raise UnreadableFile("the workbook takes too long to read") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise UnreadableFile("not an Excel workbook, or one that is too large")
    return converted


def _decode(data: bytes) -> str:
    """Return the text. GB18030 comes second: nearly all UTF-8 is also some GB18030."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise UnreadableFile("neither text in UTF-8 or GB18030 nor an Excel workbook")


def _rows(text: str) -> Iterator[Row]:
    records = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for number, cells in enumerate(records, start=1):
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield Row(number, stripped)
    except csv.Error as error:
        raise UnreadableFile(f"line {records.line_num} is not CSV: {error}") from None
