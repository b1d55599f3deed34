from ledger.ids import uuid7
from ledger.time import wall_clock
from tests.engine.api.terminals.doors import Asked, at_both_doors
from tests.engine.api.terminals.sessions import open_session
from tests.engine.running import RunningEngine


async def test_the_same_purchase_again_gets_the_same_answer(engine: RunningEngine) -> None:
    holder = await engine.holder(cash=10_000)
    async with at_both_doors(engine) as doors:
        body = {
            "id": str(uuid7()),
            "card": holder.card.number,
            "amount_fen": 1_250,
            "event_at": wall_clock().isoformat(),
        }
        first = await doors.post("purchases", body)
        again = await doors.post("purchases", body)
        other = await doors.post("purchases", {**body, "amount_fen": 1_251})
        header = {**doors.session, "idempotency-key": str(body.pop("id"))}
        by_header = await engine.client.post("/v1/terminals/purchases", json=body, headers=header)
    assert (first.status_code, first.json()["balance_after_fen"]) == (201, 8_750)
    assert again.json() == by_header.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "transfer_conflict")


async def test_a_decline_is_the_same_for_ever(engine: RunningEngine) -> None:
    holder = await engine.holder(cash=100)
    async with at_both_doors(engine) as doors:
        asked, purchase_id = Asked(holder.card.number, 101), uuid7()
        first = await doors.purchase_by_http(purchase_id, asked)
        again = await doors.purchase_by_http(purchase_id, asked)
    problem = first.json()
    assert (first.status_code, problem["code"]) == (402, "insufficient_funds")
    assert (problem["needed_fen"], problem["available_fen"]) == (101, 100)
    assert {**again.json(), "instance": ""} == {**problem, "instance": ""}


async def test_a_terminal_hears_what_became_of_its_purchase(engine: RunningEngine) -> None:
    holder = await engine.holder(cash=10_000)
    async with at_both_doors(engine) as doors:
        purchase_id = uuid7()
        await doors.purchase_by_link(purchase_id, Asked(holder.card.number, 1_250))
        await doors.refund(purchase_id, 250)
        path = f"/v1/terminals/purchases/{purchase_id}"
        found = (await engine.client.get(path, headers=doors.session)).json()
        neighbour = await engine.till(None)
        session = await open_session(engine.client, neighbour)
        unknown = (await engine.client.get(path, headers=session)).json()
    assert (found["state"], found["amount_fen"], found["refunded_fen"]) == ("approved", 1_250, 500)
    assert unknown["state"] == "unknown"


async def test_what_is_no_purchase_is_refused_by_its_field(engine: RunningEngine) -> None:
    changes: dict[str, dict[str, object]] = {
        "amount_fen": {"amount_fen": 0},
        "event_at": {"event_at": "2026-03-02T12:00:00"},
        "pin": {"pin": "12345a"},
        "card": {"card": ""},
        "id": {"id": "019cacb8-a065-4c3a-9d41-f0e2b7a65c81"},
    }
    body = {
        "id": str(uuid7()),
        "card": "6217001234567890",
        "amount_fen": 100,
        "event_at": wall_clock().isoformat(),
    }
    async with at_both_doors(engine) as doors:
        heard = {
            field: (await doors.post("purchases", {**body, **change})).json()
            for field, change in changes.items()
        }
    assert {field: problem["field"] for field, problem in heard.items()} == {
        field: field for field in changes
    }
    assert {problem["code"] for problem in heard.values()} == {"invalid_request"}
