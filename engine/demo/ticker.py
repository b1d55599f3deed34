"""What the demo says while it runs: a line every few seconds, and one for each watched decline."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, NoReturn

from rich.console import Console
from rich.text import Text

from engine.demo.lines import Sold, WatchedDecline
from engine.demo.places import TILLS

_EVERY_S: Final = 5.0


class Ticker:
    """Adds up what the tills say, and prints it."""

    def __init__(self, console: Console, is_in_balance: Callable[[], bool | None]) -> None:
        self._console = console
        self._is_in_balance = is_in_balance
        self._sold: list[Sold] = []

    async def run(self) -> NoReturn:
        """Print for ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            if self._sold:
                self.print()

    def add(self, sold: Sold) -> None:
        """Take in what was sold in a second."""
        self._sold.append(sold)

    def print(self) -> None:
        """Print a line about what was sold since the line before."""
        sold, self._sold = self._sold, []
        approved = sum(each.approved for each in sold)
        parts = [
            sold[-1].campus_time,
            f"{approved / len(sold):5.1f} purchases/s",
            f"p99 {max(each.p99_us for each in sold) / 1000:5.1f} ms",
            *_unusual(sold),
            _BALANCE[self._is_in_balance()],
        ]
        self._console.print(Text("  ".join(parts)), soft_wrap=True)

    def tell(self, declined: WatchedDecline) -> None:
        """Print that somebody who is watched was declined."""
        shop, till = TILLS[declined.till]
        place = f"{shop.name} {till}"
        self._console.print(
            Text(f"{declined.number} was declined at {place}: {declined.code}", style="bold"),
            soft_wrap=True,
        )


_BALANCE: Final = {
    None: "books not audited yet",
    True: "books in balance",
    False: "BOOKS ARE WRONG",
}


def _unusual(sold: list[Sold]) -> list[str]:
    """Return what happened besides purchases, where it did."""
    declined: Counter[str] = Counter()
    for each in sold:
        declined.update(each.declined)
    counts = {
        "reversed": sum(each.reversed for each in sold),
        "refunded": sum(each.refunded for each in sold),
        "walked away": sum(each.walked_away for each in sold),
    }
    told = [f"{count} {what}" for what, count in counts.items() if count]
    if declined:
        codes = ", ".join(f"{code} {count}" for code, count in declined.most_common())
        told.insert(0, f"{declined.total()} declined ({codes})")
    return told
