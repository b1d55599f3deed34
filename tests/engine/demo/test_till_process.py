"""The till process, really started, selling at a shop that stands in for the engine."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.demo.habits import Customer
from engine.demo.lines import CardReplaced, FromTills, LowOnMoney, Sold, Start, WatchedDecline
from engine.demo.places import TILLS
from engine.demo.till_process import TillProcess
from terminals import identity
from terminals.messages import Purchase
from tests.terminals.shops import NO_MONEY, Shop, shop

RESTLESS = Customer(number="2023010101", card="old", purchases_per_month=60_000, is_restless=True)


class Floor:
    """Tills that sell, and what they said."""

    def __init__(self, campus: Shop, start: Start) -> None:
        self.campus = campus
        self.heard: list[FromTills] = []
        self.starts = 0
        self.replaced_while_starting: CardReplaced | None = None
        self._start = start
        self._changed = asyncio.Event()
        self.tills = TillProcess(self._begin, self._hear)

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait for lines until something is so."""
        async with asyncio.timeout(30):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    def said(self, kind: type[FromTills]) -> list[FromTills]:
        return [line for line in self.heard if isinstance(line, kind)]

    @property
    def approved(self) -> int:
        return sum(line.approved for line in self.heard if isinstance(line, Sold))

    @property
    def pid(self) -> int:
        assert self.tills._process is not None
        return self.tills._process.pid

    async def _begin(self) -> Start:
        self.starts += 1
        if self.replaced_while_starting is not None:
            self.tills.replace_card(self.replaced_while_starting)
        return self._start

    def _hear(self, line: FromTills) -> None:
        self.heard.append(line)
        self._changed.set()


@asynccontextmanager
async def selling(folder: Path, customer: Customer) -> AsyncIterator[Floor]:
    """Have the tills sell to one customer, who buys a lot."""
    async with shop() as (campus, url):
        paths = []
        for terminal in campus.enrol(len(TILLS)):
            paths.append(folder / f"{terminal.terminal_id}.json")
            identity.save(terminal, paths[-1])
        floor = Floor(
            campus,
            Start(
                url=url,
                keys=tuple(map(str, paths)),
                seed=1,
                speed=60,
                customers=(customer,),
                watched=frozenset({customer.number}),
            ),
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(floor.tills.run())
            yield floor
            running.cancel()


async def test_the_tills_sell_over_real_links_and_say_so(tmp_path: Path) -> None:
    async with selling(tmp_path, RESTLESS) as floor:
        await floor.until(lambda: floor.approved)

    assert floor.campus.asked
    assert {request.card for request in floor.campus.of_kind(Purchase)} == {"old"}


async def test_cancelled_they_finish_what_they_began_and_end(tmp_path: Path) -> None:
    async with selling(tmp_path, RESTLESS) as floor:
        await floor.until(lambda: floor.approved)
        pid = floor.pid

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_killed_they_are_started_again(tmp_path: Path) -> None:
    async with selling(tmp_path, RESTLESS) as floor:
        await floor.until(lambda: floor.approved)
        os.kill(floor.pid, signal.SIGKILL)
        sold_before = floor.approved
        await floor.until(lambda: floor.starts == 2 and floor.approved > sold_before)


async def test_a_card_replaced_while_they_end_does_no_harm(tmp_path: Path) -> None:
    async with selling(tmp_path, RESTLESS) as floor:
        await floor.until(lambda: floor.approved)
        assert floor.tills._process is not None
        assert floor.tills._process.stdin is not None
        floor.tills._process.stdin.close()
        floor.tills.replace_card(CardReplaced(number=RESTLESS.number, card="new"))


async def test_a_card_replaced_while_they_start_does_not_overtake_the_start(
    tmp_path: Path,
) -> None:
    async with selling(tmp_path, RESTLESS) as floor:
        floor.replaced_while_starting = CardReplaced(number=RESTLESS.number, card="new")
        await floor.until(lambda: floor.approved)
        sold_before = floor.approved
        os.kill(floor.pid, signal.SIGKILL)
        await floor.until(lambda: floor.starts > 1 and floor.approved > sold_before)

    assert floor.starts == 2, "each start went well at once"


async def test_a_card_that_is_no_news_is_not_told(tmp_path: Path) -> None:
    async with selling(tmp_path, RESTLESS) as floor:
        await floor.until(lambda: floor.approved)
        for number, card in ((RESTLESS.number, "old"), ("somebody else", "other")):
            floor.tills.replace_card(CardReplaced(number=number, card=card))
        floor.heard.clear()
        await floor.until(lambda: floor.approved)

    assert floor.starts == 1, "the tills would not know whose card it is"
    assert {asked.card for asked in purchases(floor)} == {"old"}


async def test_a_replaced_card_is_used_from_then_on(tmp_path: Path) -> None:
    async with selling(tmp_path, RESTLESS) as floor:
        await floor.until(lambda: floor.approved)
        floor.tills.replace_card(CardReplaced(number=RESTLESS.number, card="new"))
        await floor.until(lambda: "new" in {asked.card for asked in purchases(floor)})

    cards = [asked.card for asked in purchases(floor)]
    assert set(cards[cards.index("new") :]) == {"new"}


async def test_a_decline_for_lack_of_money_sends_the_customer_to_the_desk(tmp_path: Path) -> None:
    poor = Customer(
        number="2023010102", card=NO_MONEY, purchases_per_month=60_000, is_restless=True
    )
    async with selling(tmp_path, poor) as floor:
        await floor.until(lambda: floor.said(LowOnMoney))

    assert floor.said(LowOnMoney)[0] == LowOnMoney(numbers=("2023010102",))
    assert floor.approved == 0


async def test_a_decline_of_somebody_who_is_watched_is_told_with_its_place(tmp_path: Path) -> None:
    async with selling(tmp_path, RESTLESS) as floor:
        floor.campus.lost.add("old")
        await floor.until(lambda: floor.said(WatchedDecline))

    (told, *_) = floor.said(WatchedDecline)
    assert isinstance(told, WatchedDecline)
    assert (told.number, told.code) == (RESTLESS.number, "card_lost")
    assert 0 <= told.till < len(TILLS)


def purchases(floor: Floor) -> list[Purchase]:
    return floor.campus.of_kind(Purchase)
