"""How links end: replaced, revoked, silent, slow, lost, and when the engine stops."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from terminals import frames
from terminals.identity import Identity
from terminals.messages import MESSAGES_MAX, CloseReason, Goodbye, Ping, Pong, Purchase
from tests.links import (
    SETTINGS,
    Campus,
    admitted,
    approved,
    campus,
    closing,
    hello,
    opened,
    purchase,
    receive,
)

STOPPING: Final = [Goodbye(reason=CloseReason.STOPPING, reconnect_after_ms=1000)]


@pytest.fixture
async def engine() -> AsyncIterator[Campus]:
    async with campus() as running:
        running.desk.is_waiting = True
        yield running


@pytest.fixture
def identity(engine: Campus) -> Identity:
    return engine.enrol()


@pytest.fixture
async def terminal(engine: Campus, identity: Identity) -> AsyncIterator[ClientConnection]:
    async with admitted(engine.url, identity) as websocket:
        yield websocket


async def buy(engine: Campus, terminal: ClientConnection) -> Purchase:
    """Send a purchase and wait until the desk has it."""
    await terminal.send(frames.write([purchase()]))
    return await engine.desk.taken.get()


async def all_ended(engine: Campus) -> None:
    """Wait until the engine has nothing more to do with any link."""
    await asyncio.gather(*engine.link._serving)


async def test_the_newer_link_of_a_terminal_replaces_the_older(
    engine: Campus, identity: Identity, terminal: ClientConnection
) -> None:
    async with admitted(engine.url, identity) as newer:
        assert await receive(terminal) == [
            Goodbye(reason=CloseReason.REPLACED, reconnect_after_ms=1000)
        ]
        assert await closing(terminal) == (4007, "replaced")
        await newer.send(frames.write([Ping(no=1)]))
        assert isinstance((await receive(newer))[0], Pong)
        engine.link.revoke(identity.terminal_id)
        assert await closing(newer) == (4008, "revoked")


async def test_a_replaced_link_still_answers_what_it_took_in(
    engine: Campus, identity: Identity, terminal: ClientConnection
) -> None:
    taken = await buy(engine, terminal)
    async with admitted(engine.url, identity):
        assert isinstance((await receive(terminal))[0], Goodbye)
        engine.desk.approve(taken)
        assert await receive(terminal) == [approved(taken)]
        assert await closing(terminal) == (4007, "replaced")


async def test_a_revoked_terminal_is_cut_off_with_its_answers(
    engine: Campus, identity: Identity, terminal: ClientConnection
) -> None:
    taken = await buy(engine, terminal)
    engine.link.revoke(identity.terminal_id)
    assert await closing(terminal) == (4008, "revoked")
    engine.desk.approve(taken)
    await all_ended(engine)
    assert engine.figure("campus_terminal_links") == 0


async def test_a_stop_answers_what_was_taken_in_and_takes_no_more(
    engine: Campus, terminal: ClientConnection
) -> None:
    taken = await buy(engine, terminal)
    stopping = asyncio.create_task(engine.link.stop())
    assert await receive(terminal) == STOPPING
    await terminal.send(frames.write([purchase()]))
    engine.desk.approve(taken)
    assert await receive(terminal) == [approved(taken)]
    assert await closing(terminal) == (1012, "stopping")
    await stopping
    assert engine.desk.taken.empty()


async def test_a_stop_overtakes_the_handshake(engine: Campus, identity: Identity) -> None:
    async with opened(engine.url) as (websocket, challenge):
        await engine.link.stop()
        await websocket.send(frames.write([hello(identity, challenge)]))
        assert await closing(websocket) == (1012, "stopping")


async def test_a_stop_lets_nobody_in(engine: Campus) -> None:
    await engine.link.stop()
    with pytest.raises(InvalidStatus) as refused:
        await connect(engine.url)
    assert refused.value.response.status_code == 503


async def test_a_stop_waits_for_answers_only_so_long_but_for_decisions_to_the_end() -> None:
    async with campus(replace(SETTINGS, drain_timeout_s=0.01)) as engine:
        engine.desk.is_waiting = True
        async with admitted(engine.url, engine.enrol()) as terminal:
            taken = await buy(engine, terminal)
            stopping = asyncio.create_task(engine.link.stop())
            assert await receive(terminal) == STOPPING
            assert await closing(terminal) == (1012, "stopping")
            assert not stopping.done()
            engine.desk.approve(taken)
            await stopping


async def test_what_was_taken_in_is_carried_out_after_the_link_broke(
    engine: Campus, identity: Identity, terminal: ClientConnection
) -> None:
    taken = await buy(engine, terminal)
    connection = engine.link._links[identity.terminal_id]
    terminal.transport.abort()
    assert await connection._ending is CloseReason.LOST
    await asyncio.wait(engine.link._serving, timeout=0.01)
    assert not engine.desk.waiting[taken.id].cancelled()
    engine.desk.approve(taken)
    await all_ended(engine)
    assert engine.figure("campus_terminal_request_seconds_count") == 1


async def test_a_terminal_that_closes_is_no_fault(
    engine: Campus, terminal: ClientConnection
) -> None:
    await terminal.close()
    await all_ended(engine)
    assert engine.figure("campus_terminal_links_ended_total", reason="closed") == 1


async def test_a_silent_terminal_is_let_go() -> None:
    async with (
        campus(replace(SETTINGS, idle_timeout_s=0.01)) as engine,
        admitted(engine.url, engine.enrol()) as terminal,
    ):
        assert await receive(terminal) == [
            Goodbye(reason=CloseReason.IDLE, reconnect_after_ms=1000)
        ]
        assert await closing(terminal) == (4009, "idle")


async def test_a_terminal_that_reads_is_not_let_go() -> None:
    async with (
        campus(replace(SETTINGS, send_timeout_s=0.01)) as engine,
        admitted(engine.url, engine.enrol()) as terminal,
    ):
        silent = asyncio.create_task(receive(terminal))
        await asyncio.wait([silent], timeout=0.05)
        await terminal.send(frames.write([Ping(no=1)]))
        assert isinstance((await silent)[0], Pong)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux drops what is not read")
async def test_a_terminal_that_does_not_read_is_let_go() -> None:
    settings = replace(SETTINGS, credit=24 * MESSAGES_MAX, send_timeout_s=0.05)
    async with AsyncExitStack() as after_the_stop:
        async with campus(settings) as engine:
            terminal = await after_the_stop.enter_async_context(
                admitted(engine.url, engine.enrol())
            )
            terminal.transport.pause_reading()
            frame = frames.write([purchase()] * MESSAGES_MAX)
            await asyncio.gather(*(terminal.send(frame) for _ in range(24)))
            await all_ended(engine)
            assert engine.figure("campus_terminal_links_ended_total", reason="too_slow") == 1
            # The web server stops only when no connection is left, so leaving here shows that
            # the system dropped this one.
        terminal.transport.abort()
