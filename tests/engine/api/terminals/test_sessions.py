import httpx
import pytest
from msgspec.structs import replace

from engine.devices import revoke_device
from engine.permissions import Role
from ledger.ids import uuid7
from ledger.time import wall_clock
from terminals import frames
from terminals.errors import LinkRefused
from terminals.identity import Identity, Purpose, new_private_key
from terminals.messages import (
    FRAME_BYTES_MAX,
    Approved,
    CloseReason,
    Declined,
    Ping,
    Pong,
    Purchase,
    Query,
    to_moment,
)
from tests.campuses import Holder
from tests.engine.api.callers import staff_caller
from tests.engine.api.terminals.doors import at_both_doors
from tests.engine.api.terminals.sessions import (
    challenged,
    hello,
    open_session,
    post_frame,
    read,
)
from tests.engine.running import RunningEngine, Till
from tests.identities import SYSTEM
from tests.links import stranger


@pytest.fixture
async def till(engine: RunningEngine) -> Till:
    return await engine.till(await engine.merchant())


def purchase(holder: Holder) -> Purchase:
    return Purchase(
        no=7,
        id=uuid7(),
        card=holder.card.number,
        amount_fen=1_250,
        event_at=to_moment(wall_clock()),
    )


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def status_of(engine: RunningEngine, session: dict[str, str]) -> tuple[int, str]:
    """Ask about a purchase that nobody made; return how that was answered."""
    path = f"/v1/terminals/purchases/{uuid7()}"
    response = await engine.client.get(path, headers=session)
    body = response.json()
    return response.status_code, body.get("code") or body["state"]


async def test_a_frame_of_requests_is_answered_by_a_frame(
    engine: RunningEngine, till: Till
) -> None:
    holder = await engine.holder(cash=10_000)
    session = await open_session(engine.client, till)
    token = session["authorization"].removeprefix("Bearer ")
    asked = purchase(holder), Ping(no=8)
    answers = read(await post_frame(engine.client, "messages", *asked, token=token))
    bought, pong = sorted(answers, key=lambda answer: getattr(answer, "no", 0))
    assert isinstance(bought, Approved)
    assert isinstance(pong, Pong)
    assert (bought.no, bought.balance_after_fen, pong.no) == (7, 8_750, 8)


async def test_the_same_frames_may_be_json(engine: RunningEngine, till: Till) -> None:
    session = await open_session(engine.client, till)
    asked = frames.write_json([Query(no=1, purchase_id=uuid7())])
    headers = {**session, "content-type": "application/json"}
    response = await engine.client.post("/v1/terminals/messages", content=asked, headers=headers)
    assert response.headers["content-type"] == "application/json"
    [answer] = frames.read_from_engine_json(response.content)
    assert getattr(answer, "state", None) == "unknown"


async def test_a_frame_declines_with_a_text_for_the_cashier(
    engine: RunningEngine, till: Till
) -> None:
    holder = await engine.holder(cash=100)
    session = await open_session(engine.client, till)
    token = session["authorization"].removeprefix("Bearer ")
    [answer] = read(await post_frame(engine.client, "messages", purchase(holder), token=token))
    assert isinstance(answer, Declined)
    assert (answer.text, answer.needed_fen, answer.available_fen) == ("余额不足", 1_250, 100)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "malformed_frame"),
        (b"\x91\x93\x13", 400, "malformed_frame"),
        (b"\x91\x91\x63", 400, "unknown_message"),
        (b"\x00" * (FRAME_BYTES_MAX + 1), 413, "body_too_large"),
    ],
)
async def test_what_is_no_frame_is_refused(
    engine: RunningEngine, till: Till, content: bytes, status: int, code: str
) -> None:
    session = await open_session(engine.client, till)
    headers = {**session, "content-type": "application/msgpack"}
    response = await engine.client.post("/v1/terminals/messages", content=content, headers=headers)
    assert refusal(response) == (status, code)


async def test_a_proof_opens_one_session(engine: RunningEngine, till: Till) -> None:
    answer = hello(till.identity, await challenged(engine.client))
    first = await post_frame(engine.client, "session", answer)
    again = await post_frame(engine.client, "session", answer)
    assert (first.status_code, refusal(again)) == (200, (401, "not_admitted"))


async def test_a_proof_for_the_link_opens_no_session(engine: RunningEngine, till: Till) -> None:
    challenge = await challenged(engine.client)
    answer = hello(till.identity, challenge, purpose=Purpose.LINK)
    response = await post_frame(engine.client, "session", answer)
    assert refusal(response) == (401, "not_admitted")


async def test_a_challenge_of_ones_own_opens_no_session(engine: RunningEngine, till: Till) -> None:
    challenge = replace(await challenged(engine.client), nonce=bytes(32))
    response = await post_frame(engine.client, "session", hello(till.identity, challenge))
    assert refusal(response) == (401, "not_admitted")


async def test_a_stranger_and_a_wrong_key_hear_the_same(engine: RunningEngine, till: Till) -> None:
    wrong = Identity(
        terminal_id=till.device.id, campus=engine.parts.campus, private_key=new_private_key()
    )
    heard = [
        (await post_frame(engine.client, "session", hello(each, await challenged(engine.client))))
        for each in (wrong, stranger())
    ]
    bodies = [{**response.json(), "instance": ""} for response in heard]
    assert bodies[0] == bodies[1]
    assert refusal(heard[0]) == (401, "not_admitted")


async def test_without_a_token_nothing_is_answered(engine: RunningEngine) -> None:
    assert await status_of(engine, {}) == (401, "not_signed_in")


async def test_the_token_of_a_member_of_staff_is_none_of_a_terminal(engine: RunningEngine) -> None:
    operator = await staff_caller(engine, "operator", Role.OPERATOR)
    session = {"authorization": f"Bearer {operator.token}"}
    assert await status_of(engine, session) == (401, "not_signed_in")


async def test_a_revocation_by_staff_shuts_both_doors_at_once(engine: RunningEngine) -> None:
    operator = await staff_caller(engine, "operator", Role.OPERATOR)
    async with at_both_doors(engine) as doors:
        assert await status_of(engine, doors.session) == (200, "unknown")
        await operator.post(f"/v1/staff/terminals/{doors.till.device.id}/revocation")
        assert await status_of(engine, doors.session) == (401, "not_signed_in")
        with pytest.raises(LinkRefused) as refused:
            await doors.ended
    assert refused.value.reason is CloseReason.REVOKED


async def test_a_revocation_by_others_is_noticed(engine: RunningEngine) -> None:
    parts = engine.parts
    async with at_both_doors(engine) as doors:
        async with parts.pool.acquire() as connection, connection.transaction():
            await revoke_device(connection, doors.till.device.id, actor=SYSTEM, at=parts.clock())
        await parts.revocations.run_once()
        assert await status_of(engine, doors.session) == (401, "not_signed_in")
        with pytest.raises(LinkRefused):
            await doors.ended
