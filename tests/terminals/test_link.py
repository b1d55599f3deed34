"""The terminal's end of the link, against the engine's real end and against engines gone wrong."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from ledger.errors import LedgerBusy, LedgerUnavailable
from terminals import frames
from terminals.errors import LinkDown, LinkEnded, LinkRefused, OutcomeUnknown
from terminals.identity import Identity
from terminals.link import Link, LinkOptions
from terminals.messages import (
    Approved,
    Challenge,
    CloseReason,
    Declined,
    FromEngine,
    Goodbye,
    Ping,
    Pong,
    Purchase,
    Welcome,
    to_moment,
)
from tests.links import NOW, SETTINGS, Campus, approved, campus, purchase, stranger

WELCOME: Final = Welcome(
    credit=4, server_time=0, frame_bytes_max=65_536, idle_ms=60_000, policy_version=0
)


def options(url: str) -> LinkOptions:
    return LinkOptions(url=url, wait_min_s=0.001, wait_max_s=0.01)


@pytest.fixture
async def engine() -> AsyncIterator[Campus]:
    async with campus(replace(SETTINGS, credit=2, reconnect_after_s=0.001)) as running:
        yield running


@pytest.fixture
def identity(engine: Campus) -> Identity:
    return engine.enrol()


@asynccontextmanager
async def kept_up(identity: Identity, settings: LinkOptions) -> AsyncIterator[Link]:
    link = Link(identity, settings)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(link.run())
        await link.up()
        yield link
        keeping.cancel()


@pytest.fixture
async def link(engine: Campus, identity: Identity) -> AsyncIterator[Link]:
    async with kept_up(identity, options(engine.url)) as up:
        yield up


@asynccontextmanager
async def asked(engine: Campus, link: Link) -> AsyncIterator[tuple[Purchase, asyncio.Task[object]]]:
    """Ask for a purchase that the desk lets wait; yield it as the desk has it, and the question."""
    engine.desk.is_waiting = True
    question = asyncio.create_task(link.request(purchase()))
    taken = await engine.desk.taken.get()
    yield taken, question
    await asyncio.wait([question])


async def test_a_request_gets_its_answer(link: Link) -> None:
    request = purchase()
    answer = await link.request(request)
    assert isinstance(answer, Approved)
    assert (answer.id, answer.amount_fen) == (request.id, request.amount_fen)


async def test_a_ping_tells_the_time(link: Link) -> None:
    answer = await link.request(Ping())
    assert isinstance(answer, Pong)
    assert answer.server_time == to_moment(NOW)


async def test_what_the_engine_granted_is_there_while_the_link_is_up(link: Link) -> None:
    assert link.welcome
    assert link.welcome.credit == 2


async def test_answers_find_their_requests_in_any_order(engine: Campus, link: Link) -> None:
    async with asked(engine, link) as (one, first), asked(engine, link) as (other, second):
        engine.desk.approve(other)
        assert await second == approved(other)
        assert not first.done()
        engine.desk.approve(one)
        assert await first == approved(one)


async def test_more_requests_than_the_credit_wait_for_their_turn(link: Link) -> None:
    requests = [purchase() for _ in range(50)]
    answers = await asyncio.gather(*(link.request(request) for request in requests))
    assert [answer.id for answer in answers if isinstance(answer, Approved)] == [
        request.id for request in requests
    ]


async def test_a_decline_is_an_answer(engine: Campus, link: Link) -> None:
    engine.desk.error = LedgerBusy()
    answer = await link.request(purchase())
    assert isinstance(answer, Declined)
    assert (answer.code, answer.transient) == ("ledger_busy", True)


async def test_what_the_engine_cannot_tell_is_unknown(engine: Campus, link: Link) -> None:
    engine.desk.error = LedgerUnavailable()
    with pytest.raises(OutcomeUnknown, match="ledger_unavailable"):
        await link.request(purchase())


async def test_without_a_link_nothing_is_sent(engine: Campus, identity: Identity) -> None:
    with pytest.raises(LinkDown):
        await Link(identity, options(engine.url)).request(purchase())


async def test_without_credit_nothing_is_sent(engine: Campus, identity: Identity) -> None:
    impatient = replace(options(engine.url), request_timeout_s=0.05)
    async with kept_up(identity, impatient) as link:
        async with asked(engine, link), asked(engine, link):
            with pytest.raises(LinkDown):
                await link.request(purchase())
        assert engine.desk.taken.empty()
        engine.desk.let_all_go()


async def test_a_late_answer_gives_its_credit_back(engine: Campus, identity: Identity) -> None:
    impatient = replace(options(engine.url), request_timeout_s=0.3)
    async with kept_up(identity, impatient) as link:
        async with (
            asked(engine, link) as (one, first),
            asked(engine, link) as (other, second),
        ):
            pass
        assert isinstance(first.exception(), OutcomeUnknown)
        assert isinstance(second.exception(), OutcomeUnknown)
        engine.desk.approve(one)
        engine.desk.approve(other)
        assert isinstance(await link.request(Ping()), Pong)


async def test_a_request_given_up_by_its_caller_gives_its_credit_back(
    engine: Campus, link: Link
) -> None:
    async with asked(engine, link) as (one, first), asked(engine, link) as (other, second):
        first.cancel()
        second.cancel()
    engine.desk.approve(one)
    engine.desk.approve(other)
    assert isinstance(await link.request(Ping()), Pong)


async def test_a_broken_link_leaves_outcomes_unknown_and_comes_back(
    engine: Campus, link: Link
) -> None:
    async with asked(engine, link) as (taken, question):
        break_link(link)
    assert isinstance(question.exception(), OutcomeUnknown)
    await link.up()
    assert isinstance(await link.request(Ping()), Pong)
    engine.desk.approve(taken)


async def test_those_who_wait_for_credit_learn_that_the_link_broke(
    engine: Campus, link: Link
) -> None:
    async with asked(engine, link) as (one, _), asked(engine, link) as (other, _):
        waiting = [asyncio.create_task(link.request(purchase())) for _ in range(3)]
        await asyncio.wait(waiting, timeout=0.01)
        break_link(link)
        await asyncio.wait(waiting)
    assert [repr(each.exception()) for each in waiting] == [
        repr(LinkDown("the link is ending"))
    ] * 3
    engine.desk.approve(one)
    engine.desk.approve(other)


async def test_a_request_on_a_breaking_link_is_unknown_and_does_no_harm(link: Link) -> None:
    break_link(link)
    with pytest.raises(OutcomeUnknown):
        await link.request(purchase())
    await link.up()
    assert isinstance(await link.request(Ping()), Pong)


def break_link(link: Link) -> None:
    assert link._channel
    link._channel._socket.transport.abort()


async def test_a_stopping_engine_answers_first_and_is_asked_nothing_more(
    engine: Campus, link: Link
) -> None:
    async with asked(engine, link) as (taken, question):
        stopping = asyncio.create_task(engine.link.stop())
        await goodbye_heard(link)
        with pytest.raises(LinkDown):
            await link.request(Ping())
        engine.desk.approve(taken)
        assert await question == approved(taken)
    await stopping


async def goodbye_heard(link: Link) -> None:
    while link._channel and link._channel._is_open:  # noqa: ASYNC110  it tells nobody
        await asyncio.sleep(0)


async def test_a_stranger_is_refused_for_good(engine: Campus) -> None:
    with pytest.raises(LinkRefused) as refused:
        await Link(stranger(), options(engine.url)).run()
    assert refused.value.reason is CloseReason.NOT_ADMITTED


async def ending_of(link: Link, end: Callable[[], object]) -> LinkEnded:
    """Run the link, end it once it is up, and return what its keeper learns."""
    keeping = asyncio.create_task(link.run())
    await link.up()
    end()
    await asyncio.wait([keeping])
    error = keeping.exception()
    assert isinstance(error, LinkEnded)
    return error


async def test_a_revoked_terminal_does_not_come_back(engine: Campus, identity: Identity) -> None:
    link = Link(identity, options(engine.url))
    ended = await ending_of(link, lambda: engine.link.revoke(identity.terminal_id))
    assert isinstance(ended, LinkRefused)
    assert ended.reason is CloseReason.REVOKED


async def test_a_replaced_link_does_not_fight_the_newer_one(
    engine: Campus, identity: Identity
) -> None:
    older = Link(identity, options(engine.url))
    keeping = asyncio.create_task(older.run())
    await older.up()
    async with kept_up(identity, options(engine.url)) as newer:
        await asyncio.wait([keeping])
        assert isinstance(await newer.request(Ping()), Pong)
    with pytest.raises(LinkRefused) as refused:
        await keeping
    assert refused.value.reason is CloseReason.REPLACED


async def test_an_engine_that_is_full_is_asked_again_later(engine: Campus) -> None:
    await engine.link.stop()
    with pytest.raises(LinkEnded) as ended:
        await Link(engine.enrol(), options(engine.url)).run_once()
    assert ended.value.reason is CloseReason.UNAVAILABLE


async def test_an_engine_that_is_away_is_sought_again_later() -> None:
    async with campus() as engine:
        identity, url = engine.enrol(), engine.url
    with pytest.raises(LinkEnded) as ended:
        await Link(identity, options(url)).run_once()
    assert ended.value.reason is CloseReason.LOST


def test_waits_between_attempts_grow_to_their_limit() -> None:
    random.seed(1)
    link = Link(stranger(), LinkOptions(url="ws://127.0.0.1", wait_min_s=0.5, wait_max_s=30))
    assert 0.25 <= link._wait_s(0) <= 0.5
    assert 1 <= link._wait_s(2) <= 2
    assert 15 <= link._wait_s(1_000_000) <= 30


Play = Callable[[ServerConnection], Awaitable[object]]


@asynccontextmanager
async def engine_that(play: Play, *, timeout_s: float) -> AsyncIterator[Link]:
    """A terminal's link to something that should be an engine."""

    async def handle(websocket: ServerConnection) -> None:
        await play(websocket)
        await websocket.wait_closed()

    async with serve(handle, "127.0.0.1", 0) as server:
        (socket,) = server.sockets
        url = f"ws://127.0.0.1:{socket.getsockname()[1]}"
        yield Link(stranger(), replace(options(url), request_timeout_s=timeout_s))


async def say(websocket: ServerConnection, *messages: FromEngine) -> None:
    await websocket.send(frames.write(messages))


async def welcome(websocket: ServerConnection, grant: Welcome = WELCOME) -> None:
    await say(websocket, Challenge(nonce=bytes(32), server_time=0, versions=(1,)))
    await websocket.recv()
    await say(websocket, grant)


async def end_of(play: Play, *, timeout_s: float = 5.0) -> LinkEnded:
    async with engine_that(play, timeout_s=timeout_s) as link:
        with pytest.raises(LinkEnded) as ended:
            await link.run_once()
        return ended.value


async def test_only_versions_that_both_speak_are_used() -> None:
    async def offer_the_future(websocket: ServerConnection) -> None:
        await say(websocket, Challenge(nonce=bytes(32), server_time=0, versions=(7, 8)))

    ended = await end_of(offer_the_future)
    assert isinstance(ended, LinkRefused)
    assert ended.reason is CloseReason.VERSION_NOT_OFFERED


async def begin_with_a_welcome(websocket: ServerConnection) -> None:
    await say(websocket, WELCOME)


async def answer_nothing(websocket: ServerConnection) -> None:
    await welcome(websocket)
    await say(websocket, Pong(no=9, server_time=0))


async def challenge_again(websocket: ServerConnection) -> None:
    await welcome(websocket)
    await say(websocket, Challenge(nonce=bytes(32), server_time=0, versions=(1,)))


async def speak_text(websocket: ServerConnection) -> None:
    await welcome(websocket)
    await websocket.send("[]")


async def speak_of_the_future(websocket: ServerConnection) -> None:
    await welcome(websocket)
    await websocket.send(msgspec.msgpack.encode([[99, 1]]))


@pytest.mark.parametrize(
    "play",
    [begin_with_a_welcome, answer_nothing, challenge_again, speak_text, speak_of_the_future],
)
async def test_an_engine_that_breaks_the_protocol_is_left(play: Play) -> None:
    assert (await end_of(play)).reason is CloseReason.MALFORMED_FRAME


async def test_a_link_is_kept_up_by_pings() -> None:
    heard: list[object] = []

    async def listen(websocket: ServerConnection) -> None:
        await welcome(websocket, msgspec.structs.replace(WELCOME, idle_ms=3))
        for no in range(3):
            heard.append(await websocket.recv())
            await say(websocket, Pong(no=no, server_time=0))
        await websocket.close(1012)

    assert (await end_of(listen)).reason is CloseReason.STOPPING
    assert heard == [frames.write([Ping(no=no)]) for no in range(3)]


async def test_answers_are_heard_long_after_the_goodbye() -> None:
    asked = purchase(no=0)

    async def say_goodbye_and_take_time(websocket: ServerConnection) -> None:
        await welcome(websocket, msgspec.structs.replace(WELCOME, idle_ms=300))
        assert await websocket.recv() == frames.write([asked])
        await say(websocket, Goodbye(reason=CloseReason.STOPPING, reconnect_after_ms=0))
        await asyncio.wait([asyncio.create_task(websocket.wait_closed())], timeout=0.2)
        await say(websocket, approved(asked))
        await websocket.close(1012)

    async with engine_that(say_goodbye_and_take_time, timeout_s=5) as link:
        keeping = asyncio.create_task(link.run_once())
        await link.up()
        assert await link.request(asked) == approved(asked)
        await asyncio.wait([keeping])
        assert isinstance(keeping.exception(), LinkEnded)


async def test_an_engine_that_says_goodbye_and_stays_is_left() -> None:
    async def say_goodbye(websocket: ServerConnection) -> None:
        await welcome(websocket, msgspec.structs.replace(WELCOME, idle_ms=3))
        await say(websocket, Goodbye(reason=CloseReason.STOPPING, reconnect_after_ms=0))

    assert (await end_of(say_goodbye)).reason is CloseReason.LOST


async def test_an_engine_that_does_not_answer_pings_is_left() -> None:
    async def stay_silent(websocket: ServerConnection) -> None:
        await welcome(websocket, msgspec.structs.replace(WELCOME, idle_ms=3))

    assert (await end_of(stay_silent, timeout_s=0.05)).reason is CloseReason.LOST
