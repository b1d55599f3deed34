"""The process with the demo's tills: told on its input what to sell, it sells until that ends.

    python -m engine.demo.tills

It stands apart from the engine, as real tills do, and its lines say how long the engine took.
"""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

import uvloop

from engine.demo.chance import chance
from engine.demo.habits import Customer
from engine.demo.lines import (
    CardReplaced,
    FromTills,
    LowOnMoney,
    Sold,
    Start,
    WatchedDecline,
    read_to_tills,
    write,
)
from engine.demo.rhythm import STARTS_S, visits
from ledger.errors import RefusalCode
from ledger.time import wall_clock
from terminals import identity
from terminals.fleet import Fleet, Order
from terminals.link import LinkOptions
from terminals.messages import Answer, Approved, Declined

_LINE_BYTES_MAX: Final = 64 * 1024 * 1024  # the first has every customer
_TELL_EVERY_S: Final = 1.0
_LAST_ORDERS_S: Final = 5.0
_CARELESS_SHARE: Final = 0.05
_LOW_FEN: Final = range(1_500, 4_000)


class Tills:
    """The fleet, and its customers by their cards."""

    def __init__(self, start: Start) -> None:
        """Read the keys. Raises what `terminals.identity.load` raises."""
        self._start = start
        self._cards = {customer.number: customer.card for customer in start.customers}
        self._holders = {customer.card: customer for customer in start.customers}
        self._low: set[str] = set()
        self._time_s = STARTS_S
        self._fleet = Fleet(
            [identity.load(Path(path)) for path in start.keys],
            LinkOptions(url=start.url, software="campus demo till"),
            clock=wall_clock,
            heard=self._hear,
        )

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Sell until the input ends; then serve those who wait, for a moment."""
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._fleet.run())
            others = [group.create_task(self._sell()), group.create_task(self._tell())]
            await self._listen(lines)
            for task in others:
                task.cancel()
            self._fleet.close()
            await asyncio.wait([serving], timeout=_LAST_ORDERS_S)
            serving.cancel()

    async def _listen(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            match read_to_tills(line):
                case CardReplaced(number=number, card=card):
                    self._holders[card] = self._holders[self._cards[number]]
                    self._cards[number] = card
                case Start():
                    raise RuntimeError("the tills have started")

    async def _sell(self) -> None:
        start = self._start
        async for visit in visits(start.customers, seed=start.seed, speed=start.speed):
            self._time_s = visit.at_s
            self._fleet.queue(visit.order(self._cards[visit.customer.number]))

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            _say(self._sold())
            if self._low:
                _say(LowOnMoney(numbers=tuple(sorted(self._low))))
                self._low.clear()

    def _hear(self, order: Order, answer: Answer) -> None:
        holder = self._holders[order.card]
        match answer:
            case Approved(balance_after_fen=left) if left < self._low_fen(holder):
                self._low.add(holder.number)
            case Declined(code=RefusalCode.INSUFFICIENT_FUNDS):
                self._low.add(holder.number)
            case Declined(code=code) if holder.number in self._start.watched:
                _say(WatchedDecline(number=holder.number, till=order.till, code=code))
            case _:
                pass

    def _low_fen(self, holder: Customer) -> int:
        """Return below what somebody pays money in; the careless wait until they are declined."""
        random = chance("low", self._start.seed, holder.number)
        return 0 if random.random() < _CARELESS_SHARE else random.choice(_LOW_FEN)

    def _sold(self) -> Sold:
        seen = self._fleet.take_figures()
        return Sold(
            campus_time=f"{self._time_s // 3600:02.0f}:{self._time_s % 3600 // 60:02.0f}",
            approved=seen.approved,
            declined=dict(seen.declined),
            unknown=seen.unknown,
            reversed=seen.reversed.total(),
            refunded=seen.refunded,
            walked_away=seen.walked_away,
            p50_us=seen.latencies.percentile_us(50),
            p99_us=seen.latencies.percentile_us(99),
        )


def _say(line: FromTills) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody listens: our input has ended as well
        os.write(sys.stdout.fileno(), write(line))


async def _main() -> None:
    lines = asyncio.StreamReader(limit=_LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    match read_to_tills(await lines.readline()):
        case Start() as start:
            await Tills(start).run(lines)
        case _:
            raise RuntimeError("the first line tells how to start")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the demo, which ends our input
    uvloop.run(_main())
