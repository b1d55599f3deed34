"""Single purchases over HTTP."""

from ledger.ids import uuid7
from ledger.time import wall_clock
from tests.engine.api.terminals.sessions import open_session
from tests.engine.running import RunningEngine


async def test_a_purchase_over_http_is_in_the_books(engine: RunningEngine) -> None:
    holder = await engine.holder(cash=10_000)
    session = await open_session(engine.client, await engine.till(await engine.merchant()))
    body = {
        "id": str(uuid7()),
        "card": holder.card.number,
        "amount_fen": 1_250,
        "event_at": wall_clock().isoformat(),
    }
    first = await engine.client.post("/v1/terminals/purchases", json=body, headers=session)
    again = await engine.client.post("/v1/terminals/purchases", json=body, headers=session)

    assert first.status_code == 201, first.text
    assert first.json()["balance_after_fen"] == 8_750
    assert again.json() == first.json()
