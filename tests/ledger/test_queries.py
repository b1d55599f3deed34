from pathlib import Path

import pytest

from ledger import queries
from tests.sources import Source, sources

TWO = """-- What people are asked.

-- name: find_person
-- One person by id ($1 uuid).
select id, name
from people
where id = $1;

-- name: count_people
-- How many there are.
select count(*) from people
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python imports as the package `asked`."""
    folder = tmp_path / "asked"
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_statement_is_found_by_name_with_its_comment_and_without_its_semicolon(
    package: Path,
) -> None:
    (package / "people.sql").write_text(TWO)
    found = queries.load("asked", "people")
    assert found.get("find_person") == (
        "-- One person by id ($1 uuid).\nselect id, name\nfrom people\nwhere id = $1"
    )
    assert found.get("count_people") == "-- How many there are.\nselect count(*) from people"
    assert len(found.statements) == 2


def test_a_name_that_is_missing_is_said_with_its_file(package: Path) -> None:
    (package / "people.sql").write_text(TWO)
    with pytest.raises(KeyError, match=r"people\.sql has no statement 'find_card'"):
        queries.load("asked", "people").get("find_card")


def test_a_name_that_is_there_twice_is_refused(package: Path) -> None:
    (package / "people.sql").write_text(TWO + TWO)
    with pytest.raises(ValueError, match="'find_person' twice"):
        queries.load("asked", "people")


def test_a_file_that_is_missing_is_an_error(package: Path) -> None:
    (package / "people.sql").write_text(TWO)
    with pytest.raises(FileNotFoundError):
        queries.load("asked", "cards")


def named_files() -> list[Source]:
    return [
        source
        for source in sources()
        if source.suffix == ".sql" and "/migrations/" not in source.path
    ]


@pytest.mark.parametrize("source", named_files(), ids=lambda source: source.path)
def test_every_statement_of_the_project_is_loaded(source: Source) -> None:
    folder, _, name = source.path.removesuffix(".sql").rpartition("/")
    loaded = queries.load(folder.replace("/", "."), name)
    assert len(loaded.statements) == source.text.count("-- name:") > 0
