from engine.permissions import Role
from engine.principals import OwnerKind
from tests.engine.api.callers import Caller, person_caller, sign_in, staff_caller
from tests.engine.running import RunningEngine
from tests.identities import PASSWORD

NUMBER = "20190001"


async def test_a_wrong_password_and_an_unknown_number_hear_the_same(engine: RunningEngine) -> None:
    holder = await engine.holder(NUMBER)
    await person_caller(engine, holder.id, NUMBER)
    nobody = Caller(engine.client)
    heard = [
        await nobody.ask(
            "POST", "/v1/sign-in", {"kind": "person", "login": login, "password": "not this one"}
        )
        for login in (NUMBER, "20199999")
    ]
    bodies = [{**each.json(), "instance": ""} for each in heard]
    assert (heard[0].status_code, bodies[0]["code"]) == (401, "wrong_credentials")
    assert bodies[0] == bodies[1]


async def test_the_token_of_a_session_ends_with_it(engine: RunningEngine) -> None:
    holder = await engine.holder(NUMBER)
    person = await person_caller(engine, holder.id, NUMBER)
    await person.post("/v1/sign-out")
    refused = await person.ask("GET", "/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_signed_in")
    assert refused.headers["www-authenticate"] == 'Bearer realm="campus"'


async def test_one_session_ends_another_of_the_same_owner_only(engine: RunningEngine) -> None:
    holder = await engine.holder(NUMBER)
    phone = await person_caller(engine, holder.id, NUMBER)
    laptop = await sign_in(engine, OwnerKind.PERSON, NUMBER)
    operator = await staff_caller(engine, "operator", Role.OPERATOR)
    sessions = (await phone.get("/v1/sessions"))["items"]
    assert isinstance(sessions, list)
    (other,) = [each["id"] for each in sessions if not each["is_present"]]
    not_theirs = await operator.ask("DELETE", f"/v1/sessions/{other}")
    ended = await phone.ask("DELETE", f"/v1/sessions/{other}")
    assert (not_theirs.status_code, ended.status_code) == (404, 204)
    assert (await laptop.ask("GET", "/v1/me")).status_code == 401
    assert (await phone.ask("GET", "/v1/me")).status_code == 200


async def test_a_new_password_ends_the_other_sessions(engine: RunningEngine) -> None:
    holder = await engine.holder(NUMBER)
    phone = await person_caller(engine, holder.id, NUMBER)
    laptop = await sign_in(engine, OwnerKind.PERSON, NUMBER)
    wrong = await phone.ask(
        "PUT", "/v1/password", {"old_password": "not this", "new_password": "a new one, long"}
    )
    await phone.put("/v1/password", old_password=PASSWORD, new_password="a new one, long")
    assert wrong.json()["code"] == "wrong_credentials"
    assert (await phone.ask("GET", "/v1/me")).status_code == 200
    assert (await laptop.ask("GET", "/v1/me")).status_code == 401


async def test_a_device_keeps_the_name_that_it_was_given(engine: RunningEngine) -> None:
    holder = await engine.holder(NUMBER)
    await person_caller(engine, holder.id, NUMBER)
    body = {"kind": "person", "login": NUMBER, "password": PASSWORD}
    given = (await engine.client.post("/v1/sign-in", json=body)).json()["device"]
    shown = {"x-device": given}
    again = (await engine.client.post("/v1/sign-in", json=body, headers=shown)).json()["device"]
    other = (await engine.client.post("/v1/sign-in", json=body)).json()["device"]
    assert again == given != other


async def test_guesses_are_paused_and_a_known_device_is_not(engine: RunningEngine) -> None:
    holder = await engine.holder(NUMBER)
    await person_caller(engine, holder.id, NUMBER)
    body = {"kind": "person", "login": NUMBER, "password": PASSWORD}
    device = (await engine.client.post("/v1/sign-in", json=body)).json()["device"]
    wrong = {**body, "password": "not this one"}
    guesses = [await engine.client.post("/v1/sign-in", json=wrong) for _ in range(5)]
    known = await engine.client.post("/v1/sign-in", json=body, headers={"x-device": device})
    assert [each.json()["code"] for each in guesses][-1] == "sign_in_paused"
    assert int(guesses[-1].headers["retry-after"]) >= 1
    assert known.status_code == 201
