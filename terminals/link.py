"""The terminal's link to the engine: connects, proves who it is, and comes back when it broke.

    link = Link(identity, LinkOptions(url="wss://campus.example/v1/terminals/link"))
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())
        await link.up()
        answer = await link.request(Purchase(id=uuid7(), card=..., amount_fen=1250, event_at=...))

A request ends in one of three ways: an answer; LinkDown, when it was not sent; or OutcomeUnknown,
when it was sent and nobody can say what became of it. After the last, send the reversal.
"""

import asyncio
import random
import ssl
from dataclasses import dataclass
from typing import NoReturn

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from terminals.channel import Channel, introduce
from terminals.errors import LinkDown, LinkEnded, LinkRefused, MalformedFrame
from terminals.identity import Identity
from terminals.messages import FRAME_BYTES_MAX, Answer, CloseReason, Request, Welcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """Where the engine is and how long to wait for it."""

    url: str
    software: str = "campus-engine"
    tls: ssl.SSLContext | None = None
    """Whom to trust behind wss; None for the system's certificates."""
    connect_timeout_s: float = 10.0
    request_timeout_s: float = 5.0
    """For the answer to a request; and before that, for the credit to send it."""
    wait_min_s: float = 0.5
    wait_max_s: float = 30.0
    """Between two attempts to connect; doubles from the first to the second, less up to half."""


class Link:
    """The link of one terminal. Requests may be made by any number of tasks at once."""

    def __init__(self, identity: Identity, options: LinkOptions) -> None:
        self._identity = identity
        self._options = options
        self._channel: Channel | None = None
        self._up = asyncio.Event()

    async def run(self) -> NoReturn:
        """Keep the link up for ever.

        Raises LinkRefused when the engine will not have this terminal, or has it elsewhere.
        """
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started_at = loop.time()
            try:
                await self.run_once()
            except LinkRefused:
                raise
            except LinkEnded as ended:
                stood_s = loop.time() - started_at
                failures = 0 if stood_s > self._options.wait_max_s else failures + 1
                await asyncio.sleep(ended.reconnect_after_s + self._wait_s(failures))

    async def run_once(self) -> NoReturn:
        """Connect and serve one connection. Raises LinkEnded when it ended, or did not begin."""
        options = self._options
        try:
            async with self._connecting() as socket:
                async with asyncio.timeout(options.connect_timeout_s):
                    channel = await introduce(
                        socket,
                        self._identity,
                        software=options.software,
                        timeout_s=options.request_timeout_s,
                    )
                raise await self._serve(channel)
        except InvalidStatus as error:
            raise LinkEnded(CloseReason.UNAVAILABLE) from error
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise LinkEnded(CloseReason.LOST) from error
        except MalformedFrame as error:
            raise LinkEnded(CloseReason.MALFORMED_FRAME) from error

    async def up(self) -> None:
        """Wait until the terminal is admitted."""
        await self._up.wait()

    @property
    def welcome(self) -> Welcome | None:
        """What the engine granted when it admitted the terminal; None while the link is down."""
        return None if self._channel is None else self._channel.welcome

    async def request(self, request: Request) -> Answer:
        """Return the engine's answer. The request's `no` is overwritten.

        Raises LinkDown if the request was not sent, OutcomeUnknown if it was and the outcome is
        open. A cancelled call is like the latter.
        """
        if self._channel is None:
            raise LinkDown("there is no link")
        return await self._channel.ask(request)

    def _connecting(self) -> connect:
        is_secure = self._options.url.startswith("wss:")
        return connect(
            self._options.url,
            ssl=(self._options.tls or ssl.create_default_context()) if is_secure else None,
            proxy=None,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            ping_interval=None,  # the protocol has its own, which also asks the engine
            open_timeout=self._options.connect_timeout_s,
            close_timeout=self._options.connect_timeout_s,
        )

    async def _serve(self, channel: Channel) -> LinkEnded:
        self._channel = channel
        self._up.set()
        try:
            return await channel.serve()
        finally:
            self._channel = None
            self._up.clear()

    def _wait_s(self, failures: int) -> float:
        longest = min(self._options.wait_max_s, self._options.wait_min_s * 2.0 ** min(failures, 32))
        return random.uniform(longest / 2, longest)  # noqa: S311  spreads terminals, no secret
