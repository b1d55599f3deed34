"""A terminal's way through the HTTP door, by hand."""

import httpx

from terminals import frames
from terminals.identity import Identity, Purpose, challenge_text, sign
from terminals.messages import Challenge, FromEngine, Hello, Message, Session
from tests.engine.running import Till


def hello(identity: Identity, challenge: Challenge, *, purpose: Purpose = Purpose.SESSION) -> Hello:
    """Return the answer to a challenge; by default the right one."""
    text = challenge_text(
        purpose,
        campus=identity.campus,
        version=1,
        nonce=challenge.nonce,
        terminal_id=identity.terminal_id,
    )
    return Hello(
        version=1,
        terminal_id=identity.terminal_id,
        nonce=challenge.nonce,
        software="test",
        signature=sign(identity.private_key, text),
    )


async def post_frame(
    client: httpx.AsyncClient, place: str, *messages: Message, token: str = ""
) -> httpx.Response:
    """Post a MessagePack frame."""
    headers = {"content-type": "application/msgpack"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    content = frames.write(messages) if messages else b""
    return await client.post(f"/v1/terminals/{place}", content=content, headers=headers)


def read(response: httpx.Response) -> list[FromEngine]:
    """Return the messages of an answer."""
    assert response.status_code == 200, response.text
    return frames.read_from_engine(response.content)


async def challenged(client: httpx.AsyncClient) -> Challenge:
    """Return a fresh challenge."""
    (challenge,) = read(await post_frame(client, "challenge"))
    assert isinstance(challenge, Challenge)
    return challenge


async def open_session(client: httpx.AsyncClient, till: Till) -> dict[str, str]:
    """Open a session and return the header that shows it."""
    answer = hello(till.identity, await challenged(client))
    (session,) = read(await post_frame(client, "session", answer))
    assert isinstance(session, Session)
    return {"authorization": f"Bearer {session.token}"}
