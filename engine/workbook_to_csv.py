"""Turn the first sheet of an Excel workbook into CSV: workbook on stdin, UTF-8 text on stdout.

A program of its own, because a small hostile file makes the reader ask for half a terabyte, and
an allocation that fails ends the whole process: this one, whose memory is bounded.
"""

import csv
import io
import resource
import sys
from typing import Final

from python_calamine import CalamineError, load_workbook

from engine.table_files import FILE_MAX_BYTES

_MEMORY_MAX: Final = 1 << 30


def _text(value: object) -> str:
    """Return a cell as it was meant: a number typed into a cell of numbers has no fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def main() -> None:
    """Convert, or exit with 1 when it is no workbook or holds more than a file may."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX, _MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sheet = load_workbook(io.BytesIO(sys.stdin.buffer.read())).get_sheet_by_index(0)
    except CalamineError:
        sys.exit(1)
    text = io.StringIO(newline="")
    rows = sheet.to_python(skip_empty_area=False)
    csv.writer(text).writerows([_text(value) for value in row] for row in rows)
    converted = text.getvalue().encode()
    if len(converted) > FILE_MAX_BYTES:
        sys.exit(1)
    sys.stdout.buffer.write(converted)


if __name__ == "__main__":
    main()
