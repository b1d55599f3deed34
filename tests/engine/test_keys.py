"""Key files: made once, kept private, and known by what they are."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest

from engine.keys import BadKeys, open_keys
from ledger.proof.signing_key import create_key_file

KEY = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "campus"


def test_the_first_start_makes_keys_that_only_the_owner_reads(folder: Path) -> None:
    open_keys(folder)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"heads-1.pem": 0o600, "pin-1.key": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_second_start_finds_the_same_keys(folder: Path) -> None:
    first, second = open_keys(folder), open_keys(folder)
    assert first.trusted == second.trusted
    assert first.pins == second.pins


def test_processes_that_start_at_once_have_the_same_keys(folder: Path) -> None:
    together = Barrier(8)

    def start(_: int) -> tuple[bytes, ...]:
        together.wait()
        keys = open_keys(folder)
        return (*keys.trusted, *keys.pins.keys.values())

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(start, range(8)))
    assert len(found) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["heads-1.pem", "pin-1.key"]


@pytest.mark.parametrize("name", ["heads-1.pem", "pin-1.key"])
def test_a_key_that_others_may_read_is_refused_by_name(folder: Path, name: str) -> None:
    open_keys(folder)
    (folder / name).chmod(0o640)
    with pytest.raises(BadKeys, match=name):
        open_keys(folder)


def test_a_folder_that_others_may_enter_is_refused(folder: Path) -> None:
    open_keys(folder)
    folder.chmod(0o755)
    with pytest.raises(BadKeys, match="chmod 700"):
        open_keys(folder)


@pytest.mark.parametrize("content", ["", "not hexadecimal", "abcd", KEY + "ab"])
def test_a_file_that_is_no_key_is_refused_without_its_content(folder: Path, content: str) -> None:
    open_keys(folder)
    (folder / "pin-1.key").write_text(content)
    with pytest.raises(BadKeys, match=r"pin-1\.key") as refused:
        open_keys(folder)
    assert not content or content not in str(refused.value)


def test_a_newer_key_becomes_current_and_the_older_one_still_counts(folder: Path) -> None:
    before = open_keys(folder)
    newer = folder / "pin-10.key"
    newer.write_text(KEY)
    newer.chmod(0o600)
    create_key_file(folder / "heads-2.pem")
    after = open_keys(folder)
    assert after.pins.keys[after.pins.current] == bytes.fromhex(KEY)
    assert before.pins.current in after.pins.keys
    assert after.trusted[:1] == before.trusted
    assert after.signing.public_key().public_bytes_raw() == after.trusted[1]


def test_a_lost_pin_key_is_not_taken_for_another(folder: Path) -> None:
    before = open_keys(folder).pins
    (folder / "pin-1.key").unlink()
    after = open_keys(folder).pins
    with pytest.raises(RuntimeError, match="not configured"):
        after.blind(before.current, uuid4(), "123456")


def test_keys_do_not_show_themselves(folder: Path) -> None:
    keys = open_keys(folder)
    (secret,) = keys.pins.keys.values()
    assert secret.hex() not in repr(keys)
    assert repr(secret) not in repr(keys)
