"""Settings: defaults for a newcomer, and everything that is wrong told at once."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from engine.settings import InvalidSettings, LogFormat, Settings, read_settings
from tests.sources import ROOT

SECRET = "hunter2"
APP = f"postgresql://campus_app:{SECRET}@db.example/campus"
OWNER = f"postgresql://campus_owner:{SECRET}@db.example/campus"


def problems(environment: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as refused:
        read_settings(environment)
    return refused.value.problems


def test_who_sets_nothing_gets_an_embedded_database_on_this_machine() -> None:
    settings = read_settings({})
    assert settings.database.external is None
    assert settings.web.host == "127.0.0.1"
    assert settings.campus == "campus"
    assert settings.data_dir.is_absolute()


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read_settings({"CAMPUS_PORT": "", "CAMPUS_NAME": " "}) == read_settings({})


def test_variables_of_others_are_not_looked_at() -> None:
    assert read_settings({"PORT": "x", "PGHOST": "y"}) == read_settings({})


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems(
        {
            "CAMPUS_PORT": "http",
            "CAMPUS_NAME": "Big Campus",
            "CAMPUS_LOG_FORMAT": "xml",
            "CAMPUS_DRAIN_TIMEOUT_S": "-1",
            "CAMPUS_DATBASE_URL": APP,
        }
    )
    assert sorted(each.partition(":")[0] for each in found) == [
        "CAMPUS_DATBASE_URL",
        "CAMPUS_DRAIN_TIMEOUT_S",
        "CAMPUS_LOG_FORMAT",
        "CAMPUS_NAME",
        "CAMPUS_PORT",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CAMPUS_PORT", "65536"),
        ("CAMPUS_PORT", "-1"),
        ("CAMPUS_PORT", "1e3"),
        ("CAMPUS_PORT", "８０"),
        ("CAMPUS_POOL_SIZE", "1"),
        ("CAMPUS_COMMAND_TIMEOUT_S", "0"),
        ("CAMPUS_COMMAND_TIMEOUT_S", "inf"),
        ("CAMPUS_COMMAND_TIMEOUT_S", "nan"),
        ("CAMPUS_DATA_DIR", "data"),
        ("CAMPUS_NAME", "pg_catalog"),
        ("CAMPUS_TRUSTED_PROXIES", "10.0.0.0/8,proxy"),
        ("CAMPUS_LOG_LEVEL", "loud"),
        ("CAMPUS_ARGON_WORKERS", "0"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    (problem,) = problems({name: value})
    assert problem.startswith(f"{name}: ")


def test_values_that_can_be_are_taken() -> None:
    settings = read_settings(
        {
            "CAMPUS_PORT": "0",
            "CAMPUS_COMMAND_TIMEOUT_S": "2.5",
            "CAMPUS_LOG_FORMAT": "JSON",
            "CAMPUS_TRUSTED_PROXIES": "10.0.0.1, 192.168.0.0/16",
        }
    )
    assert settings.web.port == 0
    assert settings.database.command_timeout_s == 2.5
    assert settings.log.format is LogFormat.JSON
    assert settings.web.trusted_proxies == ("10.0.0.1/32", "192.168.0.0/16")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"CAMPUS_DATABASE_URL": APP}, "CAMPUS_OWNER_DATABASE_URL"),
        ({"CAMPUS_OWNER_DATABASE_URL": OWNER}, "CAMPUS_DATABASE_URL"),
    ],
)
def test_an_external_database_is_needed_in_both_roles(given: dict[str, str], missing: str) -> None:
    (problem,) = problems(given)
    assert problem.startswith(f"{missing}: missing")


def test_an_address_that_cannot_be_read_is_not_called_missing() -> None:
    (problem,) = problems(
        {"CAMPUS_DATABASE_URL": APP, "CAMPUS_OWNER_DATABASE_URL": f"mysql://u:{SECRET}@h/d"}
    )
    assert problem.startswith("CAMPUS_OWNER_DATABASE_URL: ")
    assert "missing" not in problem


def test_no_complaint_repeats_a_value() -> None:
    names = ["DATABASE_URL", "PORT", "NAME", "LOG_LEVEL", "TRUSTED_PROXIES", "POOL_SIZE", "WHAT"]
    found = problems({f"CAMPUS_{name}": f"x:{SECRET}" for name in names})
    assert SECRET not in "\n".join(found)


def test_settings_do_not_show_the_password_of_the_database() -> None:
    settings = read_settings({"CAMPUS_DATABASE_URL": APP, "CAMPUS_OWNER_DATABASE_URL": OWNER})
    assert settings.database.external is not None
    assert SECRET not in repr(settings)


def test_settings_do_not_change() -> None:
    settings = read_settings({})
    for field in fields(Settings):
        with pytest.raises(AttributeError):
            setattr(settings, field.name, None)


def test_the_program_tells_all_wrong_settings_and_exits_with_2() -> None:
    environment = {"CAMPUS_PORT": "x", "CAMPUS_NAME": "-", "CAMPUS_LIMIT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "engine", "list"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [
        "CAMPUS_NAME",
        "CAMPUS_PORT",
        "CAMPUS_LIMIT",
    ]


def test_the_handbook_lists_every_setting_and_no_other() -> None:
    source = (ROOT / "engine/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'reader\.\w+\(\s*"(\w+)"(?:, "(\w+)")?', source))
    known = {f"CAMPUS_{name}" for names in read for name in names if name}
    handbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in handbook.splitlines() if line.startswith("| `CAMPUS_")]
    assert set(re.findall(r"CAMPUS_\w+", " ".join(rows))) == known
