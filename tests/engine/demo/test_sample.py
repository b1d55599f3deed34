"""The real month is read from files of made-up rows; `real_data` reads the files themselves."""

import os
from pathlib import Path
from typing import Final

import pytest

from engine.demo.sample import (
    DOOR_EVENTS,
    PURCHASES,
    STUDENTS,
    Sample,
    SampleUnreadable,
    read_sample,
)
from engine.people import PersonKind
from tests.engine.demo.samples import write_sample

SAMPLE_DATA: Final = "CAMPUS_SAMPLE_DATA"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_sample(tmp_path)
    return tmp_path


def test_students_keep_their_numbers_and_get_names(folder: Path) -> None:
    people = read_sample(folder, seed=1).people
    assert [person.number for person in people] == ["900001", "900002", "900003"]
    assert [person.college for person in people] == ["园艺", "园艺", "木工（学徒）"]
    assert {person.kind for person in people} == {PersonKind.STUDENT}
    assert all(person.name for person in people)


def test_the_same_seed_gives_the_same_names(folder: Path) -> None:
    assert read_sample(folder, seed=1) == read_sample(folder, seed=1)
    assert read_sample(folder, seed=1) != read_sample(folder, seed=2)


def test_purchases_are_those_of_the_month(folder: Path) -> None:
    assert read_sample(folder, seed=1).purchases == {"900001": 41, "900003": 7}


def test_each_building_is_a_door_once(folder: Path) -> None:
    assert read_sample(folder, seed=1).doors == ("东楼", "西楼")


@pytest.mark.parametrize("name", [STUDENTS, PURCHASES, DOOR_EVENTS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(SampleUnreadable, match=name):
        read_sample(folder, seed=1)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (STUDENTS, "card_no,sex,major\n", "no students"),
        (STUDENTS, "card_no,sex\n900001,男\n", "no column 'major'"),
        (STUDENTS, "card_no,sex,major\n900001,男,18园艺\n9,男,18园艺\n", "line 3: no student"),
        (STUDENTS, "card_no,sex,major\n900001,x,18园艺\n", "line 2: no student"),
        (STUDENTS, "card_no,sex,major\n900001,男\n", "line 2: no student"),
        (PURCHASES, "card_no,purchases\n900001,-1\n", "line 2: no number of purchases"),
        (PURCHASES, "card_no,purchases\n900001,99999999\n", "line 2: no number of purchases"),
        (PURCHASES, "card_no\n900001\n", "no column 'purchases'"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(folder: Path, name: str, text: str, told: str) -> None:
    (folder / name).write_text(text, "utf-8")
    with pytest.raises(SampleUnreadable, match=told):
        read_sample(folder, seed=1)


def test_a_file_cut_short_is_refused(folder: Path) -> None:
    whole = (folder / DOOR_EVENTS).read_bytes()
    (folder / DOOR_EVENTS).write_bytes(whole[:-12])
    with pytest.raises(SampleUnreadable, match=DOOR_EVENTS):
        read_sample(folder, seed=1)


def test_no_refusal_repeats_what_a_row_says(folder: Path) -> None:
    (folder / STUDENTS).write_text("card_no,sex,major\n+900001,男,18园艺\n", "utf-8")
    with pytest.raises(SampleUnreadable) as refused:
        read_sample(folder, seed=1)
    assert "900001" not in str(refused.value)


@pytest.fixture(scope="module")
def real() -> Sample:
    path = os.environ.get(SAMPLE_DATA)
    if not path:
        pytest.skip(f"{SAMPLE_DATA} does not name the folder of the sample month")
    return read_sample(Path(path), seed=1)


@pytest.mark.real_data
def test_the_real_month_has_its_students_purchases_and_buildings(real: Sample) -> None:
    assert len(real.people) == len({person.number for person in real.people}) == 4341
    assert (len(real.purchases), sum(real.purchases.values())) == (3203, 232_990)
    assert len(real.doors) == 5
    assert real.purchases.keys() <= {person.number for person in real.people}
