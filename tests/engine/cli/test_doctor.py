"""The doctor: a healthy installation, and each thing that can be wrong with one."""

import asyncio
import shutil
from pathlib import Path

import pytest

from engine.database.target import Role
from engine.settings import read_settings
from tests.databases import CAMPUS, Database, open_connection
from tests.engine.cli.conftest import Terminal


def wrong(terminal: Terminal) -> dict[str, str]:
    """Return what the doctor finds wrong, with its advice."""
    typed = terminal.type("doctor", "--json")
    examined = typed.document["examined"]
    assert isinstance(examined, list)
    found = {each["name"]: each["advice"] for each in examined if not each["is_well"]}
    assert typed.code == (1 if found else 0)
    return found


def test_a_healthy_installation_is_well(terminal: Terminal) -> None:
    assert wrong(terminal) == {}


def test_keys_that_others_may_read_are_found(terminal: Terminal) -> None:
    (terminal.settings.keys_of(CAMPUS) / "pin-1.key").chmod(0o644)
    assert wrong(terminal).keys() == {"keys"}


def test_a_database_that_is_away_hides_nothing_else(tmp_path: Path) -> None:
    away = f"postgresql:///campus?host={tmp_path}"
    settings = read_settings(
        {
            "CAMPUS_DATABASE_URL": away,
            "CAMPUS_OWNER_DATABASE_URL": away,
            "CAMPUS_DATA_DIR": str(tmp_path),
            "CAMPUS_LINKS_MAX": "999999999",
        }
    )
    assert wrong(Terminal(settings=settings)).keys() == {"database", "open files"}


def test_a_campus_that_is_not_there_is_told_how_to_make(database: Database, tmp_path: Path) -> None:
    settings = read_settings(
        {
            "CAMPUS_NAME": "elsewhere",
            "CAMPUS_DATABASE_URL": database.target().url,
            "CAMPUS_OWNER_DATABASE_URL": database.target().url,
            "CAMPUS_DATA_DIR": str(tmp_path),
        }
    )
    assert wrong(Terminal(settings=settings)) == {"campus": "make it: campus create elsewhere"}


async def test_unsafe_settings_are_found(terminal: Terminal, database: Database) -> None:
    async with open_connection(database.target(Role.SUPERUSER)) as superuser:
        text = "alter role campus_app in database {} set synchronous_commit = off"
        await superuser.execute(text.format(database.name))
    assert (await asyncio.to_thread(wrong, terminal)).keys() == {"durability"}


async def test_an_engine_that_may_do_all_is_found(database: Database, tmp_path: Path) -> None:
    settings = read_settings(
        {
            "CAMPUS_DATABASE_URL": database.target(Role.SUPERUSER).url,
            "CAMPUS_OWNER_DATABASE_URL": database.target(Role.OWNER).url,
            "CAMPUS_DATA_DIR": str(tmp_path),
        }
    )
    assert (await asyncio.to_thread(wrong, Terminal(settings=settings))).keys() == {"rights"}


async def test_a_lost_pin_key_is_found(campus: Terminal, database: Database) -> None:
    async with database.owner() as owner:
        await owner.execute(
            "insert into pins (person_id, hash, key_id, changed_at) "
            "select id, '$argon2id$', 'gone', now() from people limit 1"
        )
    assert (await asyncio.to_thread(wrong, campus)).keys() == {"PINs"}


async def test_books_that_do_not_balance_are_found(terminal: Terminal, database: Database) -> None:
    async with database.owner() as owner:
        await owner.execute("update accounts set credits_posted = 1 where kind = 'bank'")
    assert (await asyncio.to_thread(wrong, terminal)).keys() == {"books"}


@pytest.mark.parametrize("free_bytes", [0, 1 << 30])
def test_a_disk_that_is_nearly_full_is_found(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, free_bytes: int
) -> None:
    usage = shutil.disk_usage("/")._replace(free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert wrong(terminal).keys() == {"disk"}
