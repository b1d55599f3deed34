"""Purchases a second over the terminal link, and how long one takes at half that rate.

A purchase counts when its answer says that it is debited, durably. Engine, database and the tills
that buy are processes of their own and share the machine. The echo is for scale: the same web
server, one connection, nothing behind it.
"""

from dataclasses import dataclass, field
from statistics import median
from typing import Final

from benchmarks.bare_server import bare_server
from benchmarks.echo import echo_rate
from benchmarks.engine_process import EngineCampus, engine_campus, running_engine
from benchmarks.percentiles import latency_figures
from benchmarks.report import Goal, Report, Row
from benchmarks.tills import approved, linked, purchases
from engine.garbage import freeze_what_stays
from terminals.link import Link
from terminals.load import Load, LoadReport, put_load

TILLS: Final = 40
OUTSTANDING: Final = 25
"""Purchases of each till under way at once: a link here stands for those of many real tills."""
ROUNDS: Final = 3
ROUND_S: Final = 12.0
WARM_UP_S: Final = 4.0
ECHO_WINDOW: Final = 1_000

_ECHO_S: Final = 4.0
_REQUESTS_MAX: Final = 1_000_000
"""Of a round: more than it can do in its time."""


@dataclass(slots=True, kw_only=True)
class _Runs:
    closed: list[LoadReport] = field(default_factory=list)
    opened: list[LoadReport] = field(default_factory=list)
    echoes: list[float] = field(default_factory=list)


async def measure() -> Report:
    """Run closed loop, open loop and echo in rounds, so that noise meets all alike."""
    async with engine_campus(tills=TILLS) as campus:
        async with running_engine(campus) as engine, linked(engine, campus.tills) as links:
            runs = await _rounds(campus, links)
        found = await campus.findings()
    half = _row("open loop at half that rate", runs.opened)
    closed = _row("closed loop", runs.closed)
    echo = Row(
        name=f"echo, 1 connection, {ECHO_WINDOW} under way",
        per_second=median(runs.echoes),
        runs=tuple(runs.echoes),
    )
    return Report(
        name="link",
        question=__doc__ or "",
        load=f"5,000 people buy at {TILLS} tills, {OUTSTANDING} purchases under way at each. "
        f"Median of {ROUNDS} rounds of {ROUND_S:g} s, also of each percentile. In the open loop a "
        "time counts from the moment at which the purchase was due. What was not approved is "
        "counted, but not in the rate.",
        rows=(closed, half, echo),
        goals=(
            Goal(
                promise="durable purchases a second, closed loop",
                goal=10_000,
                measured=round(closed.per_second),
            ),
            Goal(
                promise="p99 at half that rate, ms",
                goal=25.0,
                measured=round(half.figures["latency_us_p99"] / 1_000, 2),
                is_upper_bound=True,
            ),
        ),
        findings=found,
    )


async def _rounds(campus: EngineCampus, links: list[Link]) -> _Runs:
    requests = purchases(campus, seed=1)
    runs = _Runs()
    await put_load(links, requests, _load(WARM_UP_S))
    freeze_what_stays()
    for _ in range(ROUNDS):
        closed = await put_load(links, requests, _load(ROUND_S))
        runs.closed.append(closed)
        half = approved(closed.answers) / closed.took_s / 2
        runs.opened.append(await put_load(links, requests, _load(ROUND_S, rate_per_s=half)))
        async with bare_server() as port:
            echoes = await echo_rate(port, window=ECHO_WINDOW, duration_s=_ECHO_S)
            runs.echoes.append(echoes)
    return runs


def _load(duration_s: float, rate_per_s: float | None = None) -> Load:
    return Load(
        outstanding=OUTSTANDING,
        requests_max=_REQUESTS_MAX,
        duration_s=duration_s,
        rate_per_s=rate_per_s,
    )


def _row(name: str, reports: list[LoadReport]) -> Row:
    """Return the medians of some runs. Raises LoadVoid."""
    rates = tuple(approved(report.answers) / report.took_s for report in reports)
    figures = [latency_figures(report.latencies) for report in reports]
    others = sum(report.answers.total() - approved(report.answers) for report in reports)
    return Row(
        name=name,
        per_second=median(rates),
        runs=rates,
        figures={
            "not approved": float(others),
            **{key: median(each[key] for each in figures) for key in figures[0]},
        },
    )
