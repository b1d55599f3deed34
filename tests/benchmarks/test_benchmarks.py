"""Every benchmark runs, with figures too small to mean anything, and leaves books in balance."""

import gc
from collections.abc import Iterator
from typing import Final

import pytest

from benchmarks import growth, http, ledger, link, memory
from benchmarks.campus import embedded_server, findings, open_campus
from benchmarks.report import Report, markdown

SMALL: Final[dict[object, dict[str, object]]] = {
    growth: {
        "PEOPLE": 60,
        "MONTH_TRANSFERS": 200,
        "STEPS": (0, 300),
        "PAGES": 5,
        "_FILL_BATCH": 50,
        "_ROUNDS": 1,
        "_MEASURED": 200,
        "_MEASURED_BATCH": 50,
    },
    http: {"TILLS": 2, "CONNECTIONS": 4, "ROUNDS": 1, "ROUND_S": 0.3, "WARM_UP_S": 0.1},
    link: {"TILLS": 2, "OUTSTANDING": 4, "ROUNDS": 1, "ROUND_S": 0.3, "WARM_UP_S": 0.1},
    memory: {"TILLS": 3, "TRANSFERS": 300, "_EVERY_S": 0.05},
}


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def make_small(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    for name, value in SMALL[module].items():
        monkeypatch.setattr(module, name, value)


def assert_is_whole(report: Report) -> None:
    assert report.findings == ()
    assert all(row.per_second > 0 for row in report.rows)
    assert all(goal.measured > 0 for goal in report.goals)
    assert all(goal.promise in markdown(report) for goal in report.goals)


async def test_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch, growth)
    assert_is_whole(await growth.measure())


async def test_http(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch, http)
    assert_is_whole(await http.measure())


async def test_link(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch, link)
    assert_is_whole(await link.measure())


async def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch, memory)
    assert_is_whole(await memory.measure(transfers=300))


async def test_ledger_without_its_yardsticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "ROUNDS", 1)
    monkeypatch.setattr(ledger, "_COUNTS", {1: 20, 10: 100, 8_000: 200})
    monkeypatch.setattr(ledger, "_SINGLE_COUNT", 200)
    with embedded_server() as server:
        async with open_campus(server, people=60, merchants=3) as campus:
            rates = await ledger.rounds(campus)
            assert await findings(campus) == ()
    assert len(rates) == 2 * 5
    assert all(len(runs) == 1 and runs[0] > 0 for runs in rates.values())
