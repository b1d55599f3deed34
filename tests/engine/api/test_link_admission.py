"""Who is admitted to the link, and what those learn who are not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from engine.api.link import LinkServer
from engine.api.link_admission import FindDevice
from engine.devices import Device
from ledger.errors import LedgerUnavailable
from terminals import frames
from terminals.identity import Identity, Purpose
from terminals.messages import FRAME_BYTES_MAX, Challenge, Hello, Ping, Pong, Welcome, to_moment
from tests.links import (
    NOW,
    SETTINGS,
    Campus,
    Desk,
    admitted,
    campus,
    closing,
    hello,
    opened,
    receive,
    served,
    stranger,
)

NOT_ADMITTED: Final = (4005, "not_admitted")


@pytest.fixture
async def engine() -> AsyncIterator[Campus]:
    async with campus() as running:
        yield running


async def test_an_enrolled_terminal_is_told_its_limits(engine: Campus) -> None:
    async with opened(engine.url) as (websocket, challenge):
        await websocket.send(frames.write([hello(engine.enrol(), challenge)]))
        assert await receive(websocket) == [
            Welcome(
                credit=SETTINGS.credit,
                server_time=to_moment(NOW),
                frame_bytes_max=FRAME_BYTES_MAX,
                idle_ms=90_000,
                policy_version=0,
            )
        ]


async def test_each_connection_has_a_challenge_of_its_own(engine: Campus) -> None:
    async with opened(engine.url) as (_, one), opened(engine.url) as (_, other):
        assert one.nonce != other.nonce


def another_key(identity: Identity, challenge: Challenge) -> Hello:
    return hello(replace(identity, private_key=stranger().private_key), challenge)


def another_terminal(identity: Identity, challenge: Challenge) -> Hello:
    return hello(replace(identity, terminal_id=stranger().terminal_id), challenge)


def another_campus(identity: Identity, challenge: Challenge) -> Hello:
    return hello(replace(identity, campus="elsewhere"), challenge)


def another_purpose(identity: Identity, challenge: Challenge) -> Hello:
    return hello(identity, challenge, purpose=Purpose.SESSION)


def another_nonce(identity: Identity, challenge: Challenge) -> Hello:
    return hello(identity, Challenge(nonce=bytes(32), server_time=0, versions=challenge.versions))


@pytest.mark.parametrize(
    ("proof", "fault"),
    [
        (another_key, "wrong_signature"),
        (another_terminal, "not_enrolled"),
        (another_campus, "wrong_signature"),
        (another_purpose, "wrong_signature"),
        (another_nonce, "wrong_nonce"),
    ],
)
async def test_a_wrong_proof_is_named_in_the_log_alone(
    engine: Campus, proof: Callable[[Identity, Challenge], Hello], fault: str
) -> None:
    with capture_logs() as events:
        async with opened(engine.url) as (websocket, challenge):
            await websocket.send(frames.write([proof(engine.enrol(), challenge)]))
            assert await closing(websocket) == NOT_ADMITTED
    assert [event["fault"] for event in events] == [fault]


async def test_a_recorded_proof_opens_no_second_connection(engine: Campus) -> None:
    identity = engine.enrol()
    async with opened(engine.url) as (first, challenge):
        recorded = frames.write([hello(identity, challenge)])
        await first.send(recorded)
        assert isinstance((await receive(first))[0], Welcome)
        async with opened(engine.url) as (second, _):
            await second.send(recorded)
            assert await closing(second) == NOT_ADMITTED
        await first.send(frames.write([Ping(no=1)]))
        assert isinstance((await receive(first))[0], Pong)


async def test_a_revoked_terminal_is_not_admitted(engine: Campus) -> None:
    identity = engine.enrol()
    del engine.devices[identity.terminal_id]
    engine.link.revoke(identity.terminal_id)
    async with opened(engine.url) as (websocket, challenge):
        await websocket.send(frames.write([hello(identity, challenge)]))
        assert await closing(websocket) == NOT_ADMITTED


async def test_a_version_that_was_not_offered_is_refused(engine: Campus) -> None:
    async with opened(engine.url) as (websocket, challenge):
        await websocket.send(frames.write([hello(engine.enrol(), challenge, version=2)]))
        assert await closing(websocket) == (4006, "version_not_offered")


async def test_requests_before_the_proof_are_refused(engine: Campus) -> None:
    async with opened(engine.url) as (websocket, _):
        await websocket.send(frames.write([Ping(no=1)]))
        assert await closing(websocket) == (4002, "unknown_message")


async def test_a_request_beside_the_proof_is_refused(engine: Campus) -> None:
    async with opened(engine.url) as (websocket, challenge):
        await websocket.send(frames.write([hello(engine.enrol(), challenge), Ping(no=1)]))
        assert await closing(websocket) == (4002, "unknown_message")


async def test_silence_instead_of_a_proof_is_not_waited_for() -> None:
    async with (
        campus(replace(SETTINGS, handshake_timeout_s=0.01)) as engine,
        opened(engine.url) as (websocket, _),
    ):
        assert await closing(websocket) == (4004, "handshake_timeout")


async def test_only_so_many_may_be_in_the_handshake() -> None:
    async with (
        campus(replace(SETTINGS, handshakes_max=1)) as engine,
        opened(engine.url),
    ):
        with pytest.raises(InvalidStatus) as refused:
            await connect(engine.url)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "1"


async def test_a_finished_handshake_makes_room_for_the_next() -> None:
    async with (
        campus(replace(SETTINGS, handshakes_max=1)) as engine,
        admitted(engine.url, engine.enrol()),
        admitted(engine.url, engine.enrol()),
    ):
        assert engine.figure("campus_terminal_links") == 2


async def test_only_so_many_links_are_kept() -> None:
    async with (
        campus(replace(SETTINGS, links_max=1)) as engine,
        admitted(engine.url, engine.enrol()),
    ):
        with pytest.raises(InvalidStatus) as refused:
            await connect(engine.url)
        assert refused.value.response.status_code == 503


def link_to(find_device: FindDevice) -> LinkServer:
    return LinkServer(
        SETTINGS,
        find_device=find_device,
        handle=Desk().handle,
        clock=lambda: NOW,
        registry=CollectorRegistry(),
    )


async def test_a_revocation_overtakes_the_handshake(engine: Campus) -> None:
    identity = engine.enrol()
    asked, revoked = asyncio.Event(), asyncio.Event()

    async def find_slowly(terminal_id: UUID) -> Device | None:
        found = engine.devices.get(terminal_id)
        asked.set()
        await revoked.wait()
        return found

    link = link_to(find_slowly)
    async with served(link) as url, opened(url) as (websocket, challenge):
        await websocket.send(frames.write([hello(identity, challenge)]))
        await asked.wait()
        del engine.devices[identity.terminal_id]
        link.revoke(identity.terminal_id)
        revoked.set()
        assert await closing(websocket) == NOT_ADMITTED


async def test_keys_that_cannot_be_looked_up_are_no_verdict() -> None:
    async def find_no_database(_: UUID) -> Device | None:
        raise LedgerUnavailable

    async with served(link_to(find_no_database)) as url, opened(url) as (websocket, challenge):
        await websocket.send(frames.write([hello(stranger(), challenge)]))
        assert await closing(websocket) == (1013, "unavailable")
