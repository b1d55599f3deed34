"""Run benchmarks: `python -m benchmarks [NAME ...]`; without a name, all of them."""

import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final

import uvloop
from rich.console import Console
from rich.markdown import Markdown

from benchmarks import growth, http, ledger, link, memory
from benchmarks.report import Report, markdown, write

BENCHMARKS: Final[dict[str, Callable[[], Coroutine[None, None, Report]]]] = {
    "ledger": ledger.measure,
    "growth": growth.measure,
    "link": link.measure,
    "http": http.measure,
    "memory": partial(memory.measure, transfers=memory.PROMISED_TRANSFERS),
    "memory-in-short": memory.measure,
}
_NOT_BY_ITSELF: Final = {"memory-in-short"}


def main(names: list[str]) -> int:
    """Run the named benchmarks one after the other; return 1 when the books did not balance."""
    console = Console()
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        console.print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
        return 2
    is_sound = True
    for name in names or [each for each in BENCHMARKS if each not in _NOT_BY_ITSELF]:
        console.print(f"measuring {name} ...")
        report = uvloop.run(BENCHMARKS[name]())
        folder = write(report)
        console.print(Markdown(markdown(report)))
        console.print(f"written to {folder}")
        is_sound = is_sound and not report.findings
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
