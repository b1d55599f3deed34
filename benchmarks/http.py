"""Purchases a second by single POSTs, against greetings by the same web server.

A greeting is what the server and its routing cost by themselves: nothing is authenticated, read,
decided, stored or logged.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import httpx
import msgspec

from benchmarks.bare_server import bare_server
from benchmarks.campus import PRICE
from benchmarks.engine_process import EngineCampus, RunningEngine, engine_campus, running_engine
from benchmarks.percentiles import latency_figures
from benchmarks.posting import PostReport, post, put_posts
from benchmarks.report import Goal, Report, Row
from benchmarks.tills import LoadVoid
from engine.api.terminals.forms import NewPurchase
from engine.garbage import freeze_what_stays
from ledger.ids import uuid7
from ledger.time import wall_clock
from terminals import frames
from terminals.identity import Identity, Purpose, challenge_text, sign
from terminals.messages import VERSIONS, Challenge, FromEngine, FromTerminal, Hello, Session

TILLS: Final = 40
CONNECTIONS: Final = 128
ROUNDS: Final = 3
ROUND_S: Final = 10.0
WARM_UP_S: Final = 3.0

_HELLO_S: Final = 5.0
_OTHERS_MAX: Final = 0.01


@dataclass(slots=True, kw_only=True)
class _Runs:
    purchases: list[PostReport] = field(default_factory=list)
    hellos: list[PostReport] = field(default_factory=list)


async def measure() -> Report:
    """Run purchases and greetings in rounds, so that noise meets both alike."""
    async with engine_campus(tills=TILLS) as campus:
        async with running_engine(campus) as engine:
            runs = await _rounds(campus, engine)
        found = await campus.findings()
    purchases, hellos = _row("purchases", runs.purchases), _row("hello, world", runs.hellos)
    return Report(
        name="http",
        question=__doc__ or "",
        load=f"{CONNECTIONS} connections that stay open, one request at a time on each, of {TILLS} "
        f"tills and 5,000 people. Median of {ROUNDS} rounds, also of each percentile.",
        rows=(purchases, hellos),
        goals=(
            Goal(
                promise="purchases, share of the greetings",
                goal=0.40,
                measured=round(purchases.per_second / hellos.per_second, 3),
            ),
        ),
        findings=found,
    )


async def _rounds(campus: EngineCampus, engine: RunningEngine) -> _Runs:
    runs = _Runs()
    sources = await _purchase_sources(campus, engine)
    greeting = post("/hello", next(_bodies(campus, seed=0)))
    await put_posts(engine.port, sources, duration_s=WARM_UP_S)
    freeze_what_stays()
    for _ in range(ROUNDS):
        runs.purchases.append(await put_posts(engine.port, sources, duration_s=ROUND_S))
        async with bare_server() as port:
            greetings = [_again(greeting) for _ in range(CONNECTIONS)]
            runs.hellos.append(await put_posts(port, greetings, duration_s=_HELLO_S))
    return runs


async def _purchase_sources(campus: EngineCampus, engine: RunningEngine) -> list[Iterator[bytes]]:
    """Return requests for each connection; the tills open their sessions now."""
    async with httpx.AsyncClient(base_url=engine.http_url) as client:
        tokens = [await _open_session(client, till) for till in campus.tills]
    return [
        _requests(tokens[number % len(tokens)], _bodies(campus, seed=number))
        for number in range(CONNECTIONS)
    ]


def _requests(token: str, bodies: Iterator[bytes]) -> Iterator[bytes]:
    headers = (f"Authorization: Bearer {token}",)
    for body in bodies:
        yield post("/v1/terminals/purchases", body, headers=headers)


def _bodies(campus: EngineCampus, seed: int) -> Iterator[bytes]:
    dice = random.Random(seed)
    while True:
        purchase = NewPurchase(
            id=uuid7(),
            card=dice.choice(campus.cards),
            amount_fen=PRICE.value,
            event_at=wall_clock(),
        )
        yield msgspec.json.encode(purchase)


def _again(request: bytes) -> Iterator[bytes]:
    while True:
        yield request


async def _open_session(client: httpx.AsyncClient, till: Identity) -> str:
    """Prove the till's key; return the token of its session."""
    challenge = await _say(client, "/v1/terminals/challenge", [])
    assert isinstance(challenge, Challenge)
    text = challenge_text(
        Purpose.SESSION,
        campus=till.campus,
        version=VERSIONS[-1],
        nonce=challenge.nonce,
        terminal_id=till.terminal_id,
    )
    hello = Hello(
        version=VERSIONS[-1],
        terminal_id=till.terminal_id,
        nonce=challenge.nonce,
        software="benchmark",
        signature=sign(till.private_key, text),
    )
    session = await _say(client, "/v1/terminals/session", [hello])
    assert isinstance(session, Session)
    return session.token


async def _say(client: httpx.AsyncClient, path: str, messages: list[FromTerminal]) -> FromEngine:
    answer = await client.post(
        path,
        content=frames.write(messages),
        headers={"Content-Type": "application/msgpack"},
    )
    (message,) = frames.read_from_engine(answer.raise_for_status().content)
    return message


def _row(name: str, reports: list[PostReport]) -> Row:
    """Return the medians of some runs. Raises LoadVoid."""
    for report in reports:
        if report.succeeded < report.statuses.total() * (1 - _OTHERS_MAX):
            raise LoadVoid(f"{name}: answers by status: {dict(report.statuses)}")
    rates = tuple(report.succeeded / report.took_s for report in reports)
    figures = [latency_figures(report.latencies) for report in reports]
    others = sum(report.statuses.total() - report.succeeded for report in reports)
    return Row(
        name=name,
        per_second=median(rates),
        runs=rates,
        figures={
            "not 2xx": float(others),
            **{key: median(each[key] for each in figures) for key in figures[0]},
        },
    )
