from base64 import b64encode

import httpx

from engine.devices import add_device
from engine.enrolments import issue_code
from terminals.identity import new_private_key, public_key_of
from tests.engine.running import RunningEngine
from tests.identities import SYSTEM

KEY = b64encode(public_key_of(new_private_key())).decode()
OTHER_KEY = b64encode(public_key_of(new_private_key())).decode()


async def code_for_a_terminal(engine: RunningEngine) -> str:
    at = engine.parts.clock()
    async with engine.parts.pool.acquire() as connection, connection.transaction():
        device = await add_device(connection, "东门", merchant_id=None, actor=SYSTEM, at=at)
        return await issue_code(connection, device.id, actor=SYSTEM, at=at)


async def enrol(engine: RunningEngine, code: str, key: str = KEY) -> httpx.Response:
    body = {"code": code, "public_key": key}
    return await engine.client.post("/v1/terminals/enrolments", json=body)


async def test_a_terminal_that_did_not_hear_the_answer_asks_again(engine: RunningEngine) -> None:
    code = await code_for_a_terminal(engine)
    first = await enrol(engine, code)
    again = await enrol(engine, code.replace(" ", ""))
    taken = await enrol(engine, code, OTHER_KEY)
    assert (first.status_code, first.json()["place"]) == (201, "东门")
    assert again.json() == first.json()
    assert (taken.status_code, taken.json()["code"]) == (422, "invalid_enrolment")


async def test_guessing_codes_is_paused(engine: RunningEngine) -> None:
    heard = [(await enrol(engine, "1234 5678 9012 3456")).json()["code"] for _ in range(6)]
    assert heard == ["invalid_enrolment"] * 5 + ["enrolment_paused"]
