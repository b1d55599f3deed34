"""Reports: one JSON, one Markdown and one SVG plot for each benchmark, in `results/`."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.machine import Machine, describe

RESULTS: Final = Path(__file__).parent / "results"

_WIDTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement: what was done, how fast, and further figures by name."""

    name: str
    per_second: float
    runs: tuple[float, ...] = ()
    """The rate of each run, of which `per_second` is the median."""
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure that was promised, and what came of it."""

    promise: str
    goal: float
    measured: float
    is_upper_bound: bool = False

    @property
    def is_met(self) -> bool:
        """Tell whether the measured figure keeps the promise."""
        if self.is_upper_bound:
            return self.measured <= self.goal
        return self.measured >= self.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer to one question, with everything needed to judge it."""

    name: str
    question: str
    load: str
    rows: tuple[Row, ...]
    goals: tuple[Goal, ...]
    findings: tuple[str, ...]
    """What the audit of the books found afterwards: nothing, or the report is void."""
    machine: Machine = field(default_factory=describe)
    measured_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat("T", "seconds"))


def write(report: Report) -> Path:
    """Write the three files of a report and return the folder."""
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / report.name
    content = json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n"
    stem.with_suffix(".json").write_text(content, encoding="utf-8")
    stem.with_suffix(".md").write_text(markdown(report), encoding="utf-8")
    _plot(report, stem.with_suffix(".svg"))
    return RESULTS


def markdown(report: Report) -> str:
    """Return a report as a page to read."""
    machine = report.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    described = (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, Linux {machine.kernel}, "
        f"Python {machine.python}, {packages}; {report.measured_at}."
    )
    lines = [
        f"# {report.name}",
        "",
        report.question.strip(),
        "",
        fill(report.load, _WIDTH),
        "",
        fill(described, _WIDTH),
        "",
        *_table(report.rows),
        "",
        "| goal | wanted | measured | met |",
        "| --- | ---: | ---: | --- |",
        *(
            f"| {goal.promise} | {goal.goal:g} | {goal.measured:g} | "
            f"{'yes' if goal.is_met else 'no'} |"
            for goal in report.goals
        ),
        "",
        "The audit of the books afterwards found "
        + ("nothing." if not report.findings else "; ".join(report.findings)),
        "",
    ]
    return "\n".join(lines)


def _table(rows: tuple[Row, ...]) -> list[str]:
    names = sorted({name for row in rows for name in row.figures})
    head = "| | per second | runs | " + "".join(f"{name} | " for name in names)
    rule = "| --- | ---: | --- | " + "---: | " * len(names)
    body = [
        f"| {row.name} | {row.per_second:,.0f} | "
        + ", ".join(f"{run:,.0f}" for run in row.runs)
        + " | "
        + "".join(f"{row.figures.get(name, float('nan')):,.1f} | " for name in names)
        for row in rows
    ]
    return [line.rstrip().replace("nan", "") for line in (head, rule, *body)]


def _plot(report: Report, path: Path) -> None:
    """Draw the rates as bars, the longest name setting the margin."""
    mpl.rcParams["svg.hashsalt"] = report.name
    figure = Figure(figsize=(9, 0.6 + 0.38 * len(report.rows)), layout="constrained")
    axes = figure.subplots()
    names = [row.name for row in report.rows][::-1]
    rates = [row.per_second for row in report.rows][::-1]
    bars = axes.barh(names, rates, color="#2f6f9f")
    axes.bar_label(bars, labels=[f"{rate:,.0f}" for rate in rates], padding=4, fontsize=8)
    axes.set_xlabel("per second")
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
