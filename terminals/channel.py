"""One connection to the engine, from the challenge to its end: requests out, answers in.

Requests that are ready in the same turn of the event loop leave in one frame; answers come in any
order. `Link` opens channels, one after the other.
"""

import asyncio
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from terminals import frames
from terminals.errors import LinkDown, LinkEnded, LinkRefused, MalformedFrame, OutcomeUnknown
from terminals.identity import Identity, Purpose, challenge_text, sign
from terminals.messages import (
    CLOSE_CODES,
    MESSAGES_MAX,
    VERSIONS,
    Answer,
    Challenge,
    CloseReason,
    FromEngine,
    Goodbye,
    Hello,
    Ping,
    Request,
    Session,
    Undecided,
    Welcome,
)

_NUMBERS: Final = 2**32
_REASONS: Final = {code: reason for reason, code in CLOSE_CODES.items()}


class Channel:
    """An admitted connection. `serve` carries what `ask` is given, until the connection ends."""

    def __init__(self, socket: ClientConnection, welcome: Welcome, *, timeout_s: float) -> None:
        self.welcome = welcome
        self._socket = socket
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._credit = asyncio.Semaphore(welcome.credit)
        self._asked: dict[int, tuple[asyncio.Future[Answer], float]] = {}  # and until when
        self._given_up: set[int] = set()  # their answers may still come, with their credit
        self._outbox: list[Request] = []
        self._ready = asyncio.Event()
        self._next_no = 0
        self._is_open = True
        self._reconnect_after_s = 0.0

    async def ask(self, request: Request) -> Answer:
        """Send a request, under a number of its own, and return the answer to it.

        Raises LinkDown if it was not sent, OutcomeUnknown if it was and no answer came in time.
        """
        if self._credit.locked():
            await self._wait_for_credit()
        else:
            await self._credit.acquire()
        if not self._is_open:
            self._credit.release()
            raise LinkDown("the link is ending")
        return await self._post(request)

    async def serve(self) -> LinkEnded:
        """Carry requests and answers, and return why that ended, after telling all who wait."""
        try:
            async with asyncio.TaskGroup() as group:
                others = [
                    group.create_task(work()) for work in (self._write, self._keep_up, self._watch)
                ]
                reason = await self._read()
                for task in others:
                    task.cancel()
        finally:
            self._shut()
        return link_ended(reason, self._reconnect_after_s)

    async def _wait_for_credit(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._credit.acquire()
        except TimeoutError:
            raise LinkDown("no credit in time") from None

    def _post(self, request: Request) -> asyncio.Future[Answer]:
        no = self._next_no
        self._next_no = (no + 1) % _NUMBERS
        answered: asyncio.Future[Answer] = self._loop.create_future()
        self._asked[no] = answered, self._loop.time() + self._timeout_s
        self._outbox.append(msgspec.structs.replace(request, no=no))
        self._ready.set()
        return answered

    async def _write(self) -> None:
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                while self._outbox:
                    batch = self._outbox[:MESSAGES_MAX]
                    del self._outbox[:MESSAGES_MAX]
                    await self._socket.send(frames.write(batch))
        except ConnectionClosed:
            return  # `_read` has the answers that came before, and the reason

    async def _read(self) -> CloseReason:
        try:
            while True:
                for message in await read_frame(self._socket):
                    self._take(message)
        except ConnectionClosed as closed:
            return reason_of(closed)
        except MalformedFrame:
            reason = CloseReason.MALFORMED_FRAME
            await self._socket.close(CLOSE_CODES[reason], reason)
            return reason

    def _take(self, message: FromEngine) -> None:
        if isinstance(message, Challenge | Welcome | Session):
            raise MalformedFrame("this has no place after the handshake")
        if isinstance(message, Goodbye):
            self._is_open = False
            self._reconnect_after_s = message.reconnect_after_ms / 1000
            return
        self._settle(message)

    def _settle(self, answer: Answer) -> None:
        asked = self._asked.pop(answer.no, None)
        if asked is None:
            if answer.no not in self._given_up:
                raise MalformedFrame("an answer to nothing")
            self._given_up.discard(answer.no)
        self._credit.release()
        if asked is None or asked[0].done():
            return  # whoever asked has given up
        if isinstance(answer, Undecided):
            asked[0].set_exception(OutcomeUnknown(f"the engine cannot tell: {answer.code}"))
        else:
            asked[0].set_result(answer)

    async def _watch(self) -> None:
        """Give up on what is not answered in time, at most an eighth of that time late.

        One timer for all costs nothing; `asyncio.timeout` around each request costs more than the
        rest of it.
        """
        while True:
            await asyncio.sleep(self._timeout_s / 8)
            now = self._loop.time()
            for no in [no for no, (_, due_at) in self._asked.items() if due_at <= now]:
                answered, _ = self._asked.pop(no)
                self._given_up.add(no)
                if not answered.done():
                    answered.set_exception(OutcomeUnknown("no answer in time"))

    async def _keep_up(self) -> None:
        """Say something often enough, and notice an engine that no longer answers."""
        try:
            while True:
                await asyncio.sleep(self.welcome.idle_ms / 3000)
                await self.ask(Ping())
        except (LinkDown, OutcomeUnknown):
            if not self._is_open:  # it said goodbye, and closes when it has answered
                await asyncio.sleep(self.welcome.idle_ms / 1000)
            self._socket.transport.abort()

    def _shut(self) -> None:
        self._is_open = False
        self._credit.release()  # wakes those who wait for credit, one by the other
        for answered, _ in self._asked.values():
            if not answered.done():
                answered.set_exception(OutcomeUnknown("the link ended before the answer"))
        self._asked.clear()


async def introduce(
    socket: ClientConnection, identity: Identity, *, software: str, timeout_s: float
) -> Channel:
    """Answer the engine's challenge and return the open channel.

    Requests on it have `timeout_s` each for their credit, and again for their answer. Raises
    LinkEnded, MalformedFrame.
    """
    try:
        match await read_frame(socket):
            case [Challenge() as challenge]:
                await socket.send(frames.write([_hello(challenge, identity, software)]))
            case _:
                raise MalformedFrame("the engine did not begin with a challenge")
        match await read_frame(socket):
            case [Welcome() as welcome]:
                return Channel(socket, welcome, timeout_s=timeout_s)
            case _:
                raise MalformedFrame("the engine did not welcome us")
    except ConnectionClosed as closed:
        raise link_ended(reason_of(closed)) from closed


def _hello(challenge: Challenge, identity: Identity, software: str) -> Hello:
    common = set(challenge.versions).intersection(VERSIONS)
    if not common:
        raise LinkRefused(CloseReason.VERSION_NOT_OFFERED)
    version = max(common)
    text = challenge_text(
        Purpose.LINK,
        campus=identity.campus,
        version=version,
        nonce=challenge.nonce,
        terminal_id=identity.terminal_id,
    )
    return Hello(
        version=version,
        terminal_id=identity.terminal_id,
        nonce=challenge.nonce,
        software=software,
        signature=sign(identity.private_key, text),
    )


async def read_frame(socket: ClientConnection) -> list[FromEngine]:
    """Return the messages of the next frame. Raises MalformedFrame, ConnectionClosed."""
    frame = await socket.recv()
    if isinstance(frame, str):
        raise MalformedFrame("a text frame")
    return frames.read_from_engine(frame)


def reason_of(closed: ConnectionClosed) -> CloseReason:
    """Return what the engine's close code says; LOST for none and for foreign ones."""
    return _REASONS.get(closed.rcvd.code, CloseReason.LOST) if closed.rcvd else CloseReason.LOST


def link_ended(reason: CloseReason, reconnect_after_s: float = 0.0) -> LinkEnded:
    """Return the error for the end of a link by this reason."""
    kind = LinkRefused if reason.needs_a_person else LinkEnded
    return kind(reason, reconnect_after_s=reconnect_after_s)
