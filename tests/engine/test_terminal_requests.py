"""Purchases over the real link, into the real ledger."""

from pathlib import Path

from ledger.ids import uuid7
from ledger.time import wall_clock
from terminals.messages import Approved, Purchase, to_moment
from tests.campuses import Holder
from tests.databases import Database
from tests.engine.running import running_engine


def purchase(holder: Holder, amount: int) -> Purchase:
    return Purchase(
        id=uuid7(),
        card=holder.card.number,
        amount_fen=amount,
        event_at=to_moment(wall_clock()),
    )


async def test_a_purchase_over_the_link_is_in_the_books(database: Database, tmp_path: Path) -> None:
    async with running_engine(database, tmp_path) as engine:
        holder = await engine.holder(cash=10_000)
        till = await engine.till(await engine.merchant())
        async with engine.linked(till.identity) as (link, _):
            answer = await link.request(purchase(holder, 1_250))

    assert isinstance(answer, Approved)
    assert (answer.cash_fen, answer.balance_after_fen) == (1_250, 8_750)
