from engine.permissions import Role
from engine.principals import OwnerKind
from tests.engine.api.callers import Caller, sign_in, staff_caller
from tests.engine.running import RunningEngine


async def test_people_are_found_page_by_page(engine: RunningEngine) -> None:
    holders = [await engine.holder(f"2019000{place}") for place in range(3)]
    centre = await staff_caller(engine, "centre", Role.CARD_CENTRE)
    first = await centre.post("/v1/staff/people/search", search="2019", limit=2)
    second = await centre.post(
        "/v1/staff/people/search", search="2019", limit=2, cursor=first["next_cursor"]
    )
    items = [first["items"], second["items"]]
    assert [[each["id"] for each in page] for page in items if isinstance(page, list)] == [
        [str(each.id) for each in holders[:2]],
        [str(each.id) for each in holders[2:]],
    ]
    assert second["next_cursor"] is None


async def test_the_trail_tells_who_searched_and_not_what_for(engine: RunningEngine) -> None:
    await engine.holder("20190001")
    centre = await staff_caller(engine, "centre", Role.CARD_CENTRE)
    auditor = await staff_caller(engine, "auditor", Role.AUDITOR)
    await centre.post("/v1/staff/people/search", search="20190001")
    events = (await auditor.get("/v1/staff/audit-events?limit=1"))["items"]
    assert isinstance(events, list)
    (event,) = events
    assert (event["actor_name"], event["action"]) == ("centre", "person.read")
    assert event["details"] == {"what": "list", "found": 1}


async def test_a_suspended_person_is_signed_out(engine: RunningEngine) -> None:
    centre = await staff_caller(engine, "centre", Role.CARD_CENTRE)
    added = await centre.post(
        "/v1/staff/people", number="20190001", name="李雷", kind="student", college="数学学院"
    )
    made = await centre.post(f"/v1/staff/people/{added['id']}/password-codes")
    opened = await Caller(engine.client).post(
        "/v1/activation", kind="person", login="20190001", code=made["code"], password="long enough"
    )
    person = Caller(engine.client, str(opened["token"]))
    before = await person.ask("GET", "/v1/me")
    await centre.post(f"/v1/staff/people/{added['id']}/state", event="suspend")
    after = await person.ask("GET", "/v1/me")
    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_taken_number_and_a_wrong_name_are_refused(engine: RunningEngine) -> None:
    await engine.holder("20190001")
    centre = await staff_caller(engine, "centre", Role.CARD_CENTRE)
    person = {"number": "20190001", "name": "李雷", "kind": "student", "college": "数学学院"}
    taken = await centre.ask("POST", "/v1/staff/people", {**person})
    wrong = await centre.ask("POST", "/v1/staff/people", {**person, "name": " "})
    assert (taken.status_code, taken.json()["code"]) == (409, "number_taken")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "name")


async def test_a_new_member_of_staff_works_by_a_code_until_disabled(engine: RunningEngine) -> None:
    operator = await staff_caller(engine, "operator", Role.OPERATOR)
    added = await operator.post("/v1/staff/members", name="li.na", roles=["auditor"])
    place = f"/v1/staff/members/{added['id']}"
    made = await operator.post(f"{place}/password-codes")
    await Caller(engine.client).post(
        "/v1/activation", kind="staff", login="li.na", code=made["code"], password="long enough"
    )
    member = await sign_in(engine, OwnerKind.STAFF, "li.na", "long enough")
    as_auditor = await member.ask("GET", "/v1/staff/trial-balance")
    await operator.put(f"{place}/roles", roles=[])
    as_nobody = await member.ask("GET", "/v1/staff/trial-balance")
    await operator.post(f"{place}/state", event="disable")
    after = await member.ask("GET", "/v1/staff/trial-balance")
    heard = [each.status_code for each in (as_auditor, as_nobody, after)]
    assert heard == [200, 403, 401]
    assert as_nobody.json()["permission"] == "read_books"


async def test_a_merchant_that_closes_takes_no_new_name_of_another(engine: RunningEngine) -> None:
    finance = await staff_caller(engine, "finance", Role.FINANCE)
    added = await finance.post("/v1/staff/merchants", name="第一食堂")
    taken = await finance.ask("POST", "/v1/staff/merchants", {"name": "第一食堂"})
    place = f"/v1/staff/merchants/{added['id']}/state"
    closed = await finance.post(place, event="close")
    again = await finance.ask("POST", place, {"event": "close"})
    assert taken.json()["code"] == "merchant_name_taken"
    assert closed["state"] == "closed"
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")


async def test_changed_limits_hold(engine: RunningEngine) -> None:
    finance = await staff_caller(engine, "finance", Role.FINANCE)
    wanted: dict[str, object] = {
        "no_pin_limit_fen": 100,
        "day_limit_fen": 200,
        "reversal_window_s": 3_600,
    }
    changed = await finance.put("/v1/staff/settings", **wanted)
    assert changed == await finance.get("/v1/staff/settings") == wanted
