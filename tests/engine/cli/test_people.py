"""People, cards and staff, at the command line."""

import asyncio
from pathlib import Path

import pytest

from tests.databases import Database
from tests.engine.cli.conftest import Terminal

BAD = """\
学号,姓名,类别,学院
20230001,李雷,学生,数学学院
20230001,韩梅梅,学生,
T1,,校长,数学学院
"""


def card(shown: dict[str, object]) -> dict[str, object]:
    """Return what a document says of a card, without its number."""
    return {field: value for field, value in shown.items() if field != "number"}


def test_an_import_tells_what_it_did(terminal: Terminal, people_file: Path) -> None:
    first = terminal.ask("people", "import", people_file)
    assert first == {"is_rehearsal": False, "added": 3, "changed": 0, "unchanged": 0}
    assert terminal.ask("people", "import", people_file)["unchanged"] == 3


def test_a_dry_run_changes_nothing(terminal: Terminal, people_file: Path) -> None:
    rehearsed = terminal.ask("people", "import", people_file, "--dry-run")
    assert (rehearsed["is_rehearsal"], rehearsed["added"]) == (True, 3)
    assert terminal.type("person", "show", "20230001").code == 1


def test_every_bad_cell_is_told_by_row(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(BAD, encoding="utf-8")
    typed = terminal.type("people", "import", file, "--json")
    assert typed.code == 1
    assert typed.document["cells"] == [
        {"row": 3, "column": "学号", "problem": "repeated", "first_row": 2},
        {"row": 3, "column": "学院", "problem": "missing", "first_row": None},
        {"row": 4, "column": "学号", "problem": "malformed", "first_row": None},
        {"row": 4, "column": "姓名", "problem": "missing", "first_row": None},
        {"row": 4, "column": "类别", "problem": "unknown", "first_row": None},
    ]
    assert "学院" in terminal.type("people", "import", file).stderr


def test_whoever_is_imported_can_be_paid_in_for(campus: Terminal) -> None:
    receipt = campus.ask("recharge", "20230002", "100.29")
    assert (receipt["amount_fen"], receipt["cash_after_fen"]) == (10029, 10029)
    assert campus.ask("person", "show", "20230002")["cash_fen"] == 10029
    balance = campus.ask("ledger", "trial-balance")
    assert (balance["debits_fen"], balance["credits_fen"]) == (10029, 10029)


async def looked_at(database: Database) -> list[str]:
    async with database.app() as connection:
        rows = await connection.fetch(
            "select actor_name from audit_events where action = 'person.read'"
        )
    return [row["actor_name"] for row in rows]


async def test_who_looks_at_a_person_is_on_record(campus: Terminal, database: Database) -> None:
    await asyncio.to_thread(campus.ask, "person", "show", "20230001")
    (name,) = await looked_at(database)
    assert name.endswith("(command line)")


def test_a_card_goes_its_way(campus: Terminal) -> None:
    issued = campus.ask("card", "issue", "20230001", "--expires", "2099-07-31")
    assert card(issued) == {"state": "issued", "expires_on": "2099-07-31"}
    states = [
        campus.ask("card", verb, "20230001")["state"]
        for verb in ("activate", "report-lost", "found", "report-lost", "replace", "close")
    ]
    assert states == ["active", "lost", "active", "lost", "active", "closed"]


def test_a_replacement_has_another_number_and_keeps_the_money(campus: Terminal) -> None:
    first = campus.ask("card", "issue", "20230001")
    campus.ask("recharge", "20230001", "5")
    second = campus.ask("card", "replace", "20230001")
    assert first["number"] != second["number"]
    shown = campus.ask("person", "show", "20230001")
    assert shown["cash_fen"] == 500
    assert isinstance(shown["cards"], list)
    assert [each["state"] for each in shown["cards"]] == ["active", "replaced"]


@pytest.mark.parametrize("verb", ["found", "activate"])
def test_a_step_that_the_card_cannot_take_is_refused(campus: Terminal, verb: str) -> None:
    campus.ask("card", "issue", "20230001")
    campus.ask("card", "activate", "20230001")
    typed = campus.type("card", verb, "20230001", "--json")
    assert (typed.code, typed.document["code"]) == (1, "illegal_transition")


def test_staff_are_appointed_changed_and_shut_out(terminal: Terminal) -> None:
    code = terminal.ask("staff", "create", "zhang.wei", "--role", "finance", "--role", "auditor")
    assert str(code["code"]).count("-") == 2
    terminal.ask("staff", "roles", "zhang.wei", "--role", "operator")
    terminal.ask("staff", "disable", "zhang.wei")
    assert terminal.ask("staff", "list") == {
        "staff": [{"name": "zhang.wei", "roles": ["operator"], "state": "disabled"}]
    }


def test_a_new_code_replaces_the_one_before(terminal: Terminal) -> None:
    first = terminal.ask("staff", "create", "li.na", "--role", "finance")
    assert terminal.ask("staff", "code", "li.na")["code"] != first["code"]
