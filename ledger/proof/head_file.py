"""The file of heads outside the database: one signed head a line, only ever appended to."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ledger.proof.errors import BadHead
from ledger.proof.heads import SignedHead, dump_head, load_head


def append_head(path: Path, signed: SignedHead) -> None:
    """Add a head to the file, made if need be; it is on disk when this returns.

    Processes may append to one file at the same time. A crash can leave a line cut short; the
    next head then starts a line of its own.
    """
    is_new = not path.exists()
    with path.open("ab+") as file:
        line = dump_head(signed).encode() + b"\n"
        file.write(line if _ends_a_line(path) else b"\n" + line)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        _sync_folder(path.parent)


def read_heads(path: Path) -> Iterator[SignedHead]:
    """Yield the heads of the file, oldest first and unchecked; none when there is no file.

    A line that a crash cut short never held a head and is passed over. Raises BadHead for any
    other line that is none.
    """
    for number, line in _whole_lines(path):
        try:
            yield load_head(line)
        except BadHead as error:
            raise BadHead(f"{path}, line {number}: {error}") from None


def last_head(path: Path) -> SignedHead | None:
    """Return the newest head of the file, unchecked, or None when it has none. Raises BadHead."""
    newest = deque(_whole_lines(path), maxlen=1)
    return load_head(newest[0][1]) if newest else None


def _whole_lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.exists():
        return
    with path.open(encoding="ascii", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            # A head is a flat JSON object: only a line cut short lacks the brace at its end.
            if line.rstrip().endswith("}"):
                yield number, line


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot open a folder
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
