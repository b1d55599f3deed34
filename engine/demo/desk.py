"""The demo's cash desk: whoever runs low on money pays some in."""

from collections import deque
from collections.abc import Iterable
from typing import Final

import structlog

from engine.cash_desk import CashPayment, pay_in
from engine.demo.chance import chance
from engine.demo.founding import DEMO
from engine.demo.ground import Ground
from engine.people import find_person
from ledger.errors import CampusError
from ledger.ids import uuid7
from ledger.money import Fen

_QUEUE_MAX: Final = 1_000
_AMOUNTS_FEN: Final = (5_000, 10_000, 10_000, 20_000, 30_000)

log = structlog.get_logger()


class Desk:
    """Takes in the money of who stands in the queue, one after the other."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._random = chance("desk", ground.clock())
        self._queue: deque[str] = deque(maxlen=_QUEUE_MAX)

    def queue(self, numbers: Iterable[str]) -> None:
        """Let people come, by their numbers; where too many wait, the first of them gives up."""
        self._queue.extend(numbers)

    async def run_once(self) -> int:
        """Serve all who wait; return how many paid. One who cannot is logged and sent away."""
        paid = 0
        while self._queue:
            try:
                await self._pay_in(self._queue.popleft())
            except CampusError as error:
                log.warning("payment at the desk failed", code=error.code)
            else:
                paid += 1
        return paid

    async def _pay_in(self, number: str) -> None:
        at = self._ground.clock()
        async with self._ground.pool.acquire() as connection, connection.transaction():
            person = await find_person(connection, number)
            assert person is not None, "nobody is ever removed"
            payment = CashPayment(
                id=uuid7(at),
                person_id=person.id,
                amount=Fen(self._random.choice(_AMOUNTS_FEN)),
            )
            await pay_in(connection, payment, actor=DEMO, at=at)
