"""What travels on an open link, and what ends it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import msgspec
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection

from ledger.errors import InvalidAmount, LedgerBusy, LedgerUnavailable
from terminals import frames
from terminals.messages import (
    FRAME_BYTES_MAX,
    MESSAGES_MAX,
    Declined,
    Ping,
    Pong,
    Purchase,
    Undecided,
    to_moment,
)
from tests.links import (
    NOW,
    SETTINGS,
    Campus,
    admitted,
    approved,
    campus,
    closing,
    purchase,
    receive,
    receive_answers,
)

CREDIT: Final = 4


@pytest.fixture
async def engine() -> AsyncIterator[Campus]:
    async with campus(replace(SETTINGS, credit=CREDIT)) as running:
        yield running


@pytest.fixture
async def terminal(engine: Campus) -> AsyncIterator[ClientConnection]:
    async with admitted(engine.url, engine.enrol()) as websocket:
        yield websocket


async def take(engine: Campus, count: int) -> list[Purchase]:
    """The next purchases that reach the desk."""
    return [await engine.desk.taken.get() for _ in range(count)]


async def test_a_ping_is_answered_with_the_time(terminal: ClientConnection) -> None:
    await terminal.send(frames.write([Ping(no=7)]))
    assert await receive(terminal) == [Pong(no=7, server_time=to_moment(NOW))]


async def test_requests_of_one_frame_are_answered_in_one_frame(terminal: ClientConnection) -> None:
    requests = [purchase(no) for no in range(CREDIT)]
    await terminal.send(frames.write(requests))
    assert await receive(terminal) == [approved(request) for request in requests]


async def test_answers_come_as_they_are_decided(engine: Campus, terminal: ClientConnection) -> None:
    engine.desk.is_waiting = True
    first, second = purchase(1), purchase(2)
    await terminal.send(frames.write([first, second]))
    await take(engine, 2)
    engine.desk.approve(second)
    assert await receive(terminal) == [approved(second)]
    engine.desk.approve(first)
    assert await receive(terminal) == [approved(first)]


async def test_answers_decided_together_leave_together(
    engine: Campus, terminal: ClientConnection
) -> None:
    engine.desk.is_waiting = True
    requests = [purchase(no) for no in range(CREDIT)]
    for request in requests:
        await terminal.send(frames.write([request]))
    for request in await take(engine, CREDIT):
        engine.desk.approve(request)
    assert await receive(terminal) == [approved(request) for request in requests]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (LedgerBusy(), Declined(no=1, code="ledger_busy", transient=True)),
        (InvalidAmount(), Declined(no=1, code="invalid_amount", transient=False)),
        (LedgerUnavailable(), Undecided(no=1, code="ledger_unavailable")),
        (KeyError("bug"), Undecided(no=1, code="internal_error")),
    ],
)
async def test_an_error_is_answered(
    engine: Campus, terminal: ClientConnection, error: Exception, answer: Declined | Undecided
) -> None:
    engine.desk.error = error
    await terminal.send(frames.write([purchase(1)]))
    assert await receive(terminal) == [answer]


async def test_a_cancelled_request_is_answered(engine: Campus, terminal: ClientConnection) -> None:
    engine.desk.is_waiting = True
    request = purchase(1)
    await terminal.send(frames.write([request]))
    await take(engine, 1)
    engine.desk.waiting[request.id].cancel()
    assert await receive(terminal) == [Undecided(no=1, code="cancelled")]


async def test_answers_give_credit_back(terminal: ClientConnection) -> None:
    for _ in range(3):
        requests = [purchase(no) for no in range(CREDIT)]
        await terminal.send(frames.write(requests))
        assert await receive_answers(terminal, CREDIT) == [approved(each) for each in requests]


async def test_more_than_the_credit_ends_the_link(
    engine: Campus, terminal: ClientConnection
) -> None:
    engine.desk.is_waiting = True
    requests = [purchase(no) for no in range(CREDIT)]
    await terminal.send(frames.write(requests))
    await take(engine, CREDIT)
    await terminal.send(frames.write([purchase(CREDIT)]))
    assert await closing(terminal) == (4003, "credit_exceeded")
    assert engine.desk.taken.empty()
    for request in requests:
        engine.desk.approve(request)


async def test_a_frame_beyond_the_credit_is_not_taken_in_part(
    engine: Campus, terminal: ClientConnection
) -> None:
    await terminal.send(frames.write([purchase(no) for no in range(CREDIT + 1)]))
    assert await closing(terminal) == (4003, "credit_exceeded")
    assert engine.desk.taken.empty()


@pytest.mark.parametrize(
    ("frame", "end"),
    [
        ("[]", (1003, "text_frame")),
        (b"", (4001, "malformed_frame")),
        (b"\x90", (4001, "malformed_frame")),
        (b"not a frame", (4001, "malformed_frame")),
        (frames.write([purchase()])[:-1], (4001, "malformed_frame")),
        (frames.write([purchase()]) + b"\0", (4001, "malformed_frame")),
        (msgspec.msgpack.encode([[20, 1, "more"]]), (4001, "malformed_frame")),
        (msgspec.msgpack.encode([[20, 1]] * (MESSAGES_MAX + 1)), (4001, "malformed_frame")),
        (msgspec.msgpack.encode([[99, 1]]), (4002, "unknown_message")),
        (frames.write([approved(purchase())]), (4002, "unknown_message")),
    ],
)
async def test_what_is_no_frame_of_requests_ends_the_link(
    terminal: ClientConnection, frame: str | bytes, end: tuple[int, str]
) -> None:
    await terminal.send(frame)
    assert await closing(terminal) == end


async def test_a_frame_over_the_limit_ends_the_link(
    engine: Campus, terminal: ClientConnection
) -> None:
    await terminal.send(bytes(FRAME_BYTES_MAX + 1))
    code, _ = await closing(terminal)
    assert code == 1009
    await engine.link.stop()
    assert engine.figure("campus_terminal_links_ended_total", reason="frame_too_large") == 1


async def test_no_secret_reaches_the_log(engine: Campus) -> None:
    engine.desk.error = KeyError("bug")
    secret = msgspec.structs.replace(purchase(), pin="824193")
    with capture_logs() as events:
        async with admitted(engine.url, engine.enrol()) as terminal:
            await terminal.send(frames.write([secret]))
            await receive(terminal)
            await terminal.send(frames.write([secret])[:-1])
            await closing(terminal)
        await engine.link.stop()
    assert {event["event"] for event in events} >= {"terminal request failed"}
    assert "824193" not in f"{events}{secret!r}"
    assert secret.card not in f"{events}{secret!r}"
