"""One till that asks through both doors: the link, and HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, NoReturn
from uuid import UUID

import httpx

from ledger.ids import time_of, uuid7
from ledger.time import wall_clock
from terminals.link import Link
from terminals.messages import Answer, Declined, Purchase, Refund, Reversal, to_moment
from tests.engine.api.terminals.sessions import open_session
from tests.engine.running import RunningEngine, Till

Headers = dict[str, str]


class Asked(NamedTuple):
    """A purchase that is asked for, apart from its id."""

    card: str
    amount: int
    pin: str | None = None


class Codes(NamedTuple):
    """What the two doors answered."""

    link: str
    http: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """A till at both doors."""

    engine: RunningEngine
    till: Till
    link: Link
    ended: "asyncio.Future[NoReturn]"
    """What the link ends with."""
    session: Headers

    @property
    def merchant_id(self) -> UUID:
        assert self.till.device.till is not None
        return self.till.device.till.merchant_id

    async def purchase(self, asked: Asked) -> Codes:
        """Ask for a purchase at each door, under ids of their own."""
        return Codes(
            code_of(await self.purchase_by_link(uuid7(), asked)),
            http_code_of(await self.purchase_by_http(uuid7(), asked)),
        )

    async def purchase_by_link(self, purchase_id: UUID, asked: Asked) -> Answer:
        return await self.link.request(
            Purchase(
                id=purchase_id,
                card=asked.card,
                amount_fen=asked.amount,
                event_at=to_moment(time_of(purchase_id)),
                pin=asked.pin,
            )
        )

    async def purchase_by_http(self, purchase_id: UUID, asked: Asked) -> httpx.Response:
        body = {
            "id": str(purchase_id),
            "card": asked.card,
            "amount_fen": asked.amount,
            "event_at": time_of(purchase_id).isoformat(),
            "pin": asked.pin,
        }
        return await self.post("purchases", body)

    async def refund(self, purchase_id: UUID, amount: int) -> Codes:
        """Ask for a refund at each door, under ids of their own."""
        now = wall_clock()
        by_link = await self.link.request(
            Refund(id=uuid7(), purchase_id=purchase_id, amount_fen=amount, event_at=to_moment(now))
        )
        body = {
            "id": str(uuid7()),
            "purchase_id": str(purchase_id),
            "amount_fen": amount,
            "event_at": now.isoformat(),
        }
        return Codes(code_of(by_link), http_code_of(await self.post("refunds", body)))

    async def reverse(self, purchase_id: UUID) -> Codes:
        """Ask for a reversal at each door."""
        now = wall_clock()
        by_link = await self.link.request(
            Reversal(id=uuid7(), purchase_id=purchase_id, event_at=to_moment(now))
        )
        body = {"purchase_id": str(purchase_id), "event_at": now.isoformat()}
        return Codes(code_of(by_link), http_code_of(await self.post("reversals", body)))

    async def post(self, place: str, body: Mapping[str, object]) -> httpx.Response:
        return await self.engine.client.post(
            f"/v1/terminals/{place}", json=body, headers=self.session
        )


@asynccontextmanager
async def at_both_doors(
    engine: RunningEngine, name: str | None = "第一食堂"
) -> AsyncIterator[Doors]:
    """Have a new till of a new merchant, or a terminal at a door, at both doors while inside."""
    till = await engine.till(None if name is None else await engine.merchant(name))
    async with engine.linked(till.identity) as (link, ended):
        session = await open_session(engine.client, till)
        yield Doors(engine=engine, till=till, link=link, ended=ended, session=session)


def code_of(answer: Answer) -> str:
    """Return the code of a decline, or what else it was."""
    return answer.code if isinstance(answer, Declined) else type(answer).__name__.lower()


def http_code_of(response: httpx.Response) -> str:
    """Return the code of a problem, or that there is none."""
    code: str = response.json().get("code", "fine")
    return code
