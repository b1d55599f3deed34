"""Subsidies, at the command line."""

from pathlib import Path

import pytest

from tests.engine.cli.conftest import Terminal


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "subsidies.csv"
    file.write_text("学号,金额\n20230001,150\n20230002,99.50\n", encoding="utf-8")
    return file


@pytest.fixture
def finance(campus: Terminal) -> Terminal:
    for name in ("li.na", "zhang.wei"):
        campus.ask("staff", "create", name, "--role", "finance")
    campus.ask("staff", "create", "wang.fang", "--role", "auditor")
    return campus


@pytest.fixture
def batch(finance: Terminal, table: Path) -> str:
    words = ("subsidy", "import", table, "--title", "三月补助", "--as", "li.na")
    return str(finance.ask(*words)["id"])


def subsidy_of(terminal: Terminal, number: str) -> object:
    return terminal.ask("person", "show", number)["subsidy_fen"]


def test_a_file_can_be_checked_first(finance: Terminal, table: Path) -> None:
    assert finance.ask("subsidy", "check", table) == {"people": 2, "total_fen": 24950}
    assert finance.ask("subsidy", "list") == {"batches": []}


def test_nothing_is_handed_out_before_another_approves(finance: Terminal, batch: str) -> None:
    alone = finance.type("subsidy", "approve", batch, "--as", "li.na", "--json")
    assert (alone.code, alone.document["code"]) == (1, "subsidy_needs_another")
    assert subsidy_of(finance, "20230002") == 0
    finance.ask("subsidy", "approve", batch, "--as", "zhang.wei")
    assert subsidy_of(finance, "20230002") == 9950


def test_a_batch_is_undone(finance: Terminal, batch: str) -> None:
    finance.ask("subsidy", "approve", batch, "--as", "zhang.wei")
    undone = finance.ask("subsidy", "undo", batch, "--as", "zhang.wei")
    assert undone == {"people": 2, "total_fen": 24950, "left_out": []}
    assert subsidy_of(finance, "20230001") == 0


def test_a_batch_is_cancelled(finance: Terminal, batch: str) -> None:
    assert finance.ask("subsidy", "cancel", batch, "--as", "li.na")["state"] == "cancelled"
    typed = finance.type("subsidy", "approve", batch, "--as", "zhang.wei", "--json")
    assert typed.document["code"] == "illegal_transition"


@pytest.mark.parametrize(
    ("name", "code"), [("wang.fang", "not_allowed"), ("nobody", "staff_not_found")]
)
def test_only_finance_may(finance: Terminal, batch: str, name: str, code: str) -> None:
    typed = finance.type("subsidy", "approve", batch, "--as", name, "--json")
    assert (typed.code, typed.document["code"]) == (1, code)


def test_bad_cells_are_told_by_row(finance: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("学号,金额\n20239999,150\n20230001,1.005\n", encoding="utf-8")
    typed = finance.type("subsidy", "check", file, "--json")
    assert typed.code == 1
    cells = typed.document["cells"]
    assert isinstance(cells, list)
    assert [(each["row"], each["problem"]) for each in cells] == [(2, "unknown"), (3, "malformed")]
