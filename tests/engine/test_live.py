"""What the live page is told of an engine that sells."""

from pathlib import Path

from ledger.ids import uuid7
from ledger.time import wall_clock
from terminals.messages import Approved, Purchase, to_moment
from tests.databases import Database
from tests.engine.running import running_engine


async def test_a_purchase_shows_on_the_live_page(database: Database, tmp_path: Path) -> None:
    async with running_engine(database, tmp_path) as engine:
        holder = await engine.holder(cash=10_000)
        till = await engine.till(await engine.merchant())
        before = (await engine.client.get("/live.json")).json()
        async with engine.linked(till.identity) as (link, _):
            purchase = Purchase(
                id=uuid7(),
                card=holder.card.number,
                amount_fen=1_250,
                event_at=to_moment(wall_clock()),
            )
            assert isinstance(await link.request(purchase), Approved)
            await engine.parts.books.run_once()
            after = (await engine.client.get("/live.json")).json()
    assert (before["purchases_total"], before["terminals"]) == (0, 0)
    assert (after["purchases_total"], after["terminals"]) == (1, 1)
    assert after["books_in_balance"] is True
    assert after["campus"] == engine.parts.campus
