from engine.permissions import Role
from tests.campuses import PIN
from tests.engine.api.callers import person_caller, staff_caller
from tests.engine.running import RunningEngine


async def test_a_person_sees_who_looked(engine: RunningEngine) -> None:
    holder = await engine.holder()
    person = await person_caller(engine, holder.id, "20190001")
    centre = await staff_caller(engine, "wang.fang", Role.CARD_CENTRE)
    await centre.get(f"/v1/staff/people/{holder.id}")
    await centre.get(f"/v1/staff/people/{holder.id}/transactions")
    await centre.get(f"/v1/staff/people/{holder.id}/cards")

    events = (await person.get("/v1/me/events?limit=3"))["items"]
    assert isinstance(events, list)
    assert [(each["action"], each["actor_name"]) for each in events] == [
        ("person.read", "wang.fang")
    ] * 3


async def test_people_see_themselves_and_staff_do_not(engine: RunningEngine) -> None:
    holder = await engine.holder(cash=1_234)
    person = await person_caller(engine, holder.id, "20190001")
    centre = await staff_caller(engine, "wang.fang", Role.CARD_CENTRE)
    profile, balance = await person.get("/v1/me"), await person.get("/v1/me/balance")
    refused = await centre.ask("GET", "/v1/me")
    assert (profile["id"], profile["number"], profile["name"]) == (
        str(holder.id),
        "20190001",
        "李雷",
    )
    assert balance == {"cash_fen": 1_234, "subsidy_fen": 0, "available_fen": 1_234}
    assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")


async def test_only_ones_own_card_can_be_reported(engine: RunningEngine) -> None:
    owner = await engine.holder("20190001")
    other = await engine.holder("20190002")
    thief = await person_caller(engine, other.id, "20190002")
    body: dict[str, object] = {"pin": PIN}
    response = await thief.ask("POST", f"/v1/me/cards/{owner.card.id}/loss", body)
    assert (response.status_code, response.json()["code"]) == (404, "card_not_found")


async def test_a_card_is_lost_and_found_with_the_pin(engine: RunningEngine) -> None:
    holder = await engine.holder()
    person = await person_caller(engine, holder.id, "20190001")
    place = f"/v1/me/cards/{holder.card.id}"
    wrong = (await person.ask("POST", f"{place}/loss", {"pin": "864209"})).json()
    states = [
        (await person.post(f"{place}/{event}", pin=PIN))["state"] for event in ("loss", "recovery")
    ]
    listed = (await person.get("/v1/me/cards"))["items"]
    assert (wrong["code"], wrong["tries_left"]) == ("pin_wrong", 2)
    assert states == ["lost", "active"]
    assert isinstance(listed, list)
    assert [card["number"] for card in listed] == [holder.card.number]


async def test_a_limit_goes_down_at_will_and_up_with_the_pin(engine: RunningEngine) -> None:
    holder = await engine.holder()
    person = await person_caller(engine, holder.id, "20190001")
    wanted: dict[str, object] = {"no_pin_limit_fen": 0, "day_limit_fen": None}
    lowered = await person.put("/v1/me/limits", **wanted)
    higher = {**wanted, "no_pin_limit_fen": 100}
    refused = await person.ask("PUT", "/v1/me/limits", higher)
    raised = await person.put("/v1/me/limits", **higher, pin=PIN)
    shown = await person.get("/v1/me/limits")
    assert (lowered["no_pin_limit_fen"], lowered["own_day_limit_fen"]) == (0, None)
    assert (refused.status_code, refused.json()["code"]) == (403, "pin_required")
    assert shown == raised
    assert (shown["no_pin_limit_fen"], shown["campus_no_pin_limit_fen"]) == (100, 5_000)


async def test_a_pin_is_set_once_changed_and_set_anew_with_a_code(engine: RunningEngine) -> None:
    holder = await engine.holder(pin=None)
    person = await person_caller(engine, holder.id, "20190001")
    centre = await staff_caller(engine, "wang.fang", Role.CARD_CENTRE)
    await person.post("/v1/me/pin", pin=PIN)
    again = await person.ask("POST", "/v1/me/pin", {"pin": "246802"})
    await person.put("/v1/me/pin", old_pin=PIN, new_pin="975310")
    made = await centre.post(f"/v1/staff/people/{holder.id}/pin-codes")
    await person.post("/v1/me/pin/reset", code=made["code"], pin=PIN)
    lost = await person.post(f"/v1/me/cards/{holder.card.id}/loss", pin=PIN)
    assert (again.status_code, again.json()["code"]) == (409, "pin_already_set")
    assert lost["state"] == "lost"
