"""What every command promises: one JSON document on request, and an exit code to rely on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from engine.cli.main import cli
from engine.cli.values import Amount
from engine.settings import read_settings
from tests.databases import CAMPUS
from tests.engine.cli.conftest import Terminal
from tests.sources import ROOT

QUIET = (
    ("list",),
    ("create", CAMPUS),
    ("doctor",),
    ("person", "show", "20230001"),
    ("person", "code", "20230001"),
    ("staff", "list"),
    ("staff", "create", "zhang.wei", "--role", "finance"),
    ("card", "issue", "20230001"),
    ("recharge", "20230001", "12.50"),
    ("merchant", "create", "第一食堂"),
    ("merchant", "list"),
    ("terminal", "create", "东门"),
    ("terminal", "list"),
    ("subsidy", "list"),
    ("ledger", "trial-balance"),
    ("ledger", "audit"),
    ("ledger", "verify"),
    ("ledger", "public-keys"),
)


@pytest.mark.parametrize("command", QUIET, ids=" ".join)
def test_json_is_one_document_and_nothing_else(campus: Terminal, command: tuple[str, ...]) -> None:
    typed = campus.type(*command, "--json")
    assert typed.code == 0
    assert typed.document
    assert typed.stdout.count("\n") == 1
    assert typed.stderr == ""


@pytest.mark.parametrize("command", QUIET[::4], ids=" ".join)
def test_people_get_words_instead(campus: Terminal, command: tuple[str, ...]) -> None:
    typed = campus.type(*command)
    assert typed.code == 0
    assert "{" not in typed.stdout


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("person", "show", "20239999"), "person_not_found"),
        (("card", "report-lost", "20230001"), "card_not_found"),
        (("staff", "disable", "nobody"), "staff_not_found"),
        (("merchant", "close", "无"), "merchant_not_found"),
        (("ledger", "head"), "not_yet_sealed"),
    ],
)
def test_a_refusal_is_told_with_code_1(
    campus: Terminal, command: tuple[str, ...], code: str
) -> None:
    typed = campus.type(*command, "--json")
    assert (typed.code, typed.document["code"]) == (1, code)
    in_words = campus.type(*command)
    assert (in_words.code, in_words.stdout) == (1, "")
    assert in_words.stderr.startswith(f"{code}: ")


def test_a_campus_that_is_not_there_is_named(terminal: Terminal) -> None:
    other = read_settings({"CAMPUS_NAME": "elsewhere"})
    moved = Terminal(
        settings=type(other)(
            campus=other.campus,
            data_dir=terminal.settings.data_dir,
            database=terminal.settings.database,
            web=other.web,
            limits=other.limits,
            log=other.log,
        )
    )
    typed = moved.type("staff", "list", "--json")
    assert (typed.code, typed.document["code"]) == (1, "campus_not_found")


def test_a_database_that_is_away_is_code_3(tmp_path: Path) -> None:
    away = f"postgresql:///campus?host={tmp_path}"
    settings = read_settings({"CAMPUS_DATABASE_URL": away, "CAMPUS_OWNER_DATABASE_URL": away})
    typed = Terminal(settings=settings).type("staff", "list", "--json")
    assert (typed.code, typed.document["code"]) == (3, "database_unavailable")


@pytest.mark.parametrize(
    "command",
    [
        ("recharge", "20230001", "12.505"),
        ("recharge", "20230001", "1e3"),
        ("recharge", "20230001"),
        ("people", "import", "no-such-file.csv"),
        ("staff", "create", "zhang.wei", "--role", "king"),
        ("terminal", "revoke", "not-an-id"),
        ("card", "issue", "20230001", "--expires", "tomorrow"),
        ("create", "Big Campus"),
        ("dance",),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_code_2(campus: Terminal, command: tuple[str, ...]) -> None:
    assert campus.type(*command).code == 2


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0.01", 1),
        ("12", 1200),
        ("12.5", 1250),
        ("12.50", 1250),
        ("0.29", 29),
        ("1234567.89", 123456789),
    ],
)
def test_yuan_are_read_exactly(text: str, fen: int) -> None:
    """0.29 is the classic: as a float it is 28.999999999999996 fen."""
    read = []
    app = typer.Typer()

    @app.command()
    def pay(yuan: Amount) -> None:
        read.append(yuan.value)

    assert CliRunner().invoke(app, [text]).exit_code == 0
    assert read == [fen]


def leaves(command: object, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Return every command below this one, as it is typed."""
    if not isinstance(command, TyperGroup):
        yield " ".join(words)
        return
    for name, each in command.commands.items():
        yield from leaves(each, (*words, name))


def test_the_handbook_lists_every_command_and_no_other() -> None:
    handbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in handbook.splitlines() if line.startswith("| `campus ")]
    listed = {each for row in rows for each in commands_in(row)}
    assert listed == set(leaves(get_command(cli)))


def commands_in(row: str) -> Iterator[str]:
    """Return the commands of a row, such as `campus card issue NUMBER`, `activate`."""
    group = ""
    for span in re.findall(r"`([^`]+)`", row):
        words = [word for word in span.split() if re.fullmatch(r"[a-z][a-z-]*", word)]
        if words[0] == "campus":
            group = " ".join(words[1:-1])
            yield " ".join(words[1:])
        else:
            yield f"{group} {words[0]}".strip()
