"""Memory of the engine's process while 1,000 terminals are linked and millions of transfers pass.

What it holds may depend on who is there, never on what has passed: it must be flat.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from typing import Final, NoReturn

from benchmarks.engine_process import engine_campus, running_engine
from benchmarks.percentiles import latency_figures
from benchmarks.report import Goal, Report, Row
from benchmarks.tills import approved, linked, purchases
from terminals.load import Load, put_load
from terminals.messages import Purchase

TILLS: Final = 1_000
OUTSTANDING: Final = 1
PROMISED_TRANSFERS: Final = 5_000_000
TRANSFERS: Final = 1_000_000
"""Those of `memory-in-short`: the promised number takes many minutes."""

_EVERY_S: Final = 1.0
_SLOWEST_PER_S: Final = 500
"""An engine that is slower than this is not waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    transfers: int
    mib: float


class _Watch:
    """Counts purchases on their way out, and samples the engine's memory beside them."""

    def __init__(self, pid: int, requests: Iterator[Purchase]) -> None:
        self.samples: list[_Sample] = []
        self._pid = pid
        self._requests = requests
        self._asked = 0

    def requests(self) -> Iterator[Purchase]:
        for request in self._requests:
            self._asked += 1
            yield request

    def sample(self) -> None:
        self.samples.append(_Sample(transfers=self._asked, mib=_resident_mib(self._pid)))

    async def run(self) -> NoReturn:
        while True:
            await asyncio.sleep(_EVERY_S)
            self.sample()


async def measure(*, transfers: int = TRANSFERS) -> Report:
    """Sample the engine's memory each second while so many transfers pass."""
    load = Load(
        outstanding=OUTSTANDING, requests_max=transfers, duration_s=transfers / _SLOWEST_PER_S
    )
    async with engine_campus(tills=TILLS) as campus:
        async with running_engine(campus) as engine, linked(engine, campus.tills) as links:
            watch = _Watch(engine.pid, purchases(campus, seed=1))
            watch.sample()
            watching = asyncio.ensure_future(watch.run())
            try:
                done = await put_load(links, watch.requests(), load)
            finally:
                watching.cancel()
            watch.sample()
        found = await campus.findings()
    figures = _figures(watch.samples)
    passed = approved(done.answers)
    return Report(
        name="memory",
        question=__doc__ or "",
        load=f"{passed:,} purchases, of the {PROMISED_TRANSFERS:,} that the promise is about, by "
        f"5,000 people over {TILLS:,} links. Resident set, every {_EVERY_S:g} s.",
        rows=(
            Row(
                name=f"{passed:,} purchases",
                per_second=passed / done.took_s,
                figures={**figures, **latency_figures(done.latencies)},
            ),
        ),
        goals=_goals(figures),
        findings=found,
    )


def _goals(figures: dict[str, float]) -> tuple[Goal, ...]:
    return (
        Goal(
            promise="largest, MiB",
            goal=400,
            measured=round(figures["mib max"], 1),
            is_upper_bound=True,
        ),
        Goal(
            promise="at the end, against after the first tenth",
            goal=1.1,
            measured=round(figures["mib end"] / figures["mib after a tenth"], 3),
            is_upper_bound=True,
        ),
    )


def _figures(samples: list[_Sample]) -> dict[str, float]:
    end = samples[-1].transfers
    later = [sample for sample in samples if sample.transfers >= end / 10]
    slope = linear_regression(
        [sample.transfers / 1e6 for sample in later], [sample.mib for sample in later]
    ).slope
    return {
        "mib start": samples[0].mib,
        "mib after a tenth": later[0].mib,
        "mib max": max(sample.mib for sample in samples),
        "mib end": samples[-1].mib,
        "mib per million": slope,
    }


def _resident_mib(pid: int) -> float:
    """Return the resident set of a process (proc_pid_status(5): VmRSS, in KiB)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the engine has ended")
