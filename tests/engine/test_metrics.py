"""What a running engine tells of itself, and what the alert rules and the dashboard ask for."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.databases import Database
from tests.engine.running import running_engine
from tests.sources import ROOT

NAME = re.compile(r"\b(?:campus|process)_[a-z_]+\b")
DERIVED = re.compile(r"_(bucket|count|sum)$")
UNITS = ("_bytes", "_seconds", "_total", "_info")
COUNTS = {
    "campus_books_in_balance",
    "campus_database_connections",
    "campus_ledger_sealed_batches",
    "campus_ledger_waiting",
    "campus_terminal_links",
    "process_max_fds",
    "process_open_fds",
}


@pytest.fixture
async def exposition(database: Database, tmp_path: Path) -> str:
    """What `/metrics` of a running engine says."""
    async with running_engine(database, tmp_path) as engine:
        await engine.parts.books.run_once()
        await engine.parts.proof.run_once()
        return (await engine.client.get("/metrics")).text


def sample_names(exposition: str) -> set[str]:
    return {
        sample.name
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


async def test_the_figures_of_an_idle_engine(exposition: str) -> None:
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }
    assert values["campus_books_in_balance"] == 1
    assert values["campus_ledger_waiting"] == 0
    assert values["campus_terminal_links"] == 0
    assert values["campus_database_silent_seconds"] < 60
    assert values["campus_ledger_seal_lag_seconds"] == 0


async def test_names_end_in_their_unit(exposition: str) -> None:
    """prometheus.io/docs/practices/naming: base units, and `_total` for what only grows."""
    for family in text_string_to_metric_families(exposition):
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
        elif family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        elif family.name not in COUNTS:
            assert family.name.endswith(UNITS)


@pytest.mark.parametrize("file", ["alerts.yml", "dashboard.json"])
async def test_every_metric_that_is_asked_for_exists(exposition: str, file: str) -> None:
    known = sample_names(exposition) | {"campus_http_request_duration_seconds_count"}
    asked = set(NAME.findall((ROOT / "deploy" / file).read_text(encoding="utf-8")))
    assert asked
    assert asked <= known


async def test_every_metric_of_the_handbook_exists(exposition: str) -> None:
    known = {DERIVED.sub("", name) for name in sample_names(exposition)}
    known.add("campus_http_request_duration_seconds")
    handbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in handbook.splitlines() if line.startswith("| `campus_"))
    asked = set(NAME.findall(rows))
    assert asked
    assert asked <= known
