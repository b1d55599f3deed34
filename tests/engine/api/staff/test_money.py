from engine.permissions import Role
from ledger.ids import uuid7
from tests.engine.api.callers import Body, Caller, staff_caller
from tests.engine.api.terminals.doors import Asked, at_both_doors
from tests.engine.running import RunningEngine

SHARES = [{"number": "20190001", "amount_fen": 5_000}, {"number": "20190002", "amount_fen": 700}]


async def balance_of(caller: Caller, person_id: object) -> tuple[object, object]:
    shown = await caller.get(f"/v1/staff/people/{person_id}")
    return shown["cash_fen"], shown["subsidy_fen"]


async def test_cash_is_paid_in_once_under_its_id(engine: RunningEngine) -> None:
    holder = await engine.holder(cash=100)
    centre = await staff_caller(engine, "centre", Role.CARD_CENTRE)
    body: Body = {"id": str(uuid7()), "person_id": str(holder.id), "amount_fen": 5_000}
    first = await centre.post("/v1/staff/cash-payments", **body)
    again = await centre.post("/v1/staff/cash-payments", **body)
    other = await centre.ask("POST", "/v1/staff/cash-payments", {**body, "amount_fen": 1})
    assert first == again
    assert (other.status_code, other.json()["code"]) == (409, "transfer_conflict")
    assert await balance_of(centre, holder.id) == (5_100, 0)


async def test_staff_refund_what_a_terminal_can_no_longer(engine: RunningEngine) -> None:
    holder = await engine.holder(cash=10_000)
    finance = await staff_caller(engine, "finance", Role.FINANCE)
    purchase_id = uuid7()
    async with at_both_doors(engine) as doors:
        await doors.purchase_by_link(purchase_id, Asked(holder.card.number, 2_000))
    body: Body = {"id": str(uuid7()), "purchase_id": str(purchase_id), "amount_fen": 1_500}
    first = await finance.post("/v1/staff/refunds", **body)
    again = await finance.post("/v1/staff/refunds", **body)
    more = await finance.ask("POST", "/v1/staff/refunds", {**body, "id": str(uuid7())})
    assert first == again
    assert first["refunded_total_fen"] == 1_500
    assert (more.status_code, more.json()["code"]) == (409, "refund_exceeds_purchase")
    assert await balance_of(finance, holder.id) == (9_500, 0)


async def test_a_subsidy_takes_two_members_of_staff_and_one_can_undo_it(
    engine: RunningEngine,
) -> None:
    people = [await engine.holder(number, cash=1) for number in ("20190001", "20190002")]
    preparer = await staff_caller(engine, "li.na", Role.FINANCE)
    approver = await staff_caller(engine, "zhang.wei", Role.FINANCE)
    plan = await preparer.post("/v1/staff/subsidies/rehearsal", shares=SHARES)
    body: Body = {"id": str(uuid7()), "title": "三月补助", "shares": SHARES}
    batch = await preparer.post("/v1/staff/subsidies", **body)
    place = f"/v1/staff/subsidies/{batch['id']}"
    alone = await preparer.ask("POST", f"{place}/approval")
    posted = await approver.post(f"{place}/approval")
    handed_out = [await balance_of(approver, each.id) for each in people]
    undone = await approver.post(f"{place}/undoing", leave_spent=False)

    assert plan == {"people": 2, "total_fen": 5_700}
    assert (alone.status_code, alone.json()["code"]) == (403, "subsidy_needs_another")
    assert (batch["state"], posted["state"]) == ("prepared", "posted")
    assert handed_out == [(1, 5_000), (1, 700)]
    assert undone == {"people": 2, "total_fen": 5_700, "spent": []}
    assert [await balance_of(approver, each.id) for each in people] == [(1, 0), (1, 0)]


async def test_a_handed_out_subsidy_is_spent_first_from_the_next_purchase_on(
    engine: RunningEngine,
) -> None:
    holder = await engine.holder("20190001", cash=10_000)
    preparer = await staff_caller(engine, "li.na", Role.FINANCE)
    approver = await staff_caller(engine, "zhang.wei", Role.FINANCE)
    async with at_both_doors(engine) as doors:
        await doors.purchase_by_link(uuid7(), Asked(holder.card.number, 100))
        batch = await preparer.post(
            "/v1/staff/subsidies", id=str(uuid7()), title="补助", shares=SHARES[:1]
        )
        await approver.post(f"/v1/staff/subsidies/{batch['id']}/approval")
        response = await doors.purchase_by_http(uuid7(), Asked(holder.card.number, 5_000))
        bought = response.json()
    assert (bought["subsidy_fen"], bought["cash_fen"]) == (5_000, 0)
    assert bought["balance_after_fen"] == 9_900


async def test_what_is_wrong_with_a_subsidy_is_told_by_row(engine: RunningEngine) -> None:
    await engine.holder("20190001")
    finance = await staff_caller(engine, "finance", Role.FINANCE)
    shares = [
        {"number": "20190001", "amount_fen": 1},
        {"number": "20199999", "amount_fen": 1},
        {"number": "20190001", "amount_fen": 2},
        {"number": "?", "amount_fen": 1},
    ]
    response = await finance.ask("POST", "/v1/staff/subsidies/rehearsal", {"shares": shares})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "import_refused")
    assert [(each["row"], each["problem"]) for each in problem["errors"]] == [
        (2, "unknown"),
        (3, "repeated"),
        (4, "malformed"),
    ]
