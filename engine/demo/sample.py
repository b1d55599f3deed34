"""A real month of a campus card, as three files of a folder, instead of made-up people.

    students.csv            card_no, sex, major, ...
    monthly_purchases.csv   card_no, purchases, ...
    door_events.csv.gz      ..., door, ...

The people are anonymous: their names are made up, and as the files know no colleges, the major
stands in the place of one. Other columns are ignored.
"""

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from engine.demo.chance import chance
from engine.demo.names import Sex, make_up_name
from engine.errors import InvalidPerson
from engine.people import NewPerson, PersonKind
from ledger.errors import CampusError

STUDENTS: Final = "students.csv"
PURCHASES: Final = "monthly_purchases.csv"
DOOR_EVENTS: Final = "door_events.csv.gz"

_PURCHASES_MAX: Final = 10_000


class SampleUnreadable(CampusError):
    """A file of the sample is missing or not what it should be; says which, and the line."""

    code = "sample_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is taken from the month."""

    people: tuple[NewPerson, ...]
    purchases: Mapping[str, int]
    """By the number of the person, of those who bought at all."""
    doors: tuple[str, ...]


def read_sample(folder: Path, *, seed: int) -> Sample:
    """Return the people of a folder under names made up from the seed. Raises SampleUnreadable."""
    people = tuple(_people(folder / STUDENTS, seed))
    if not people:
        raise SampleUnreadable(f"{STUDENTS} has no students")
    return Sample(
        people=people,
        purchases=dict(_purchases(folder / PURCHASES)),
        doors=tuple(sorted(set(_doors(folder / DOOR_EVENTS)))),
    )


def _people(path: Path, seed: int) -> Iterator[NewPerson]:
    random = chance("names", seed)
    for line, row in _rows(path, "card_no", "sex", "major"):
        number, sex, major = row
        try:
            yield NewPerson(
                number=number,
                name=make_up_name(random, Sex(sex)),
                kind=PersonKind.STUDENT,
                college=major.lstrip("0123456789"),  # the year of entry stands before it
            )
        except (InvalidPerson, ValueError) as error:
            raise SampleUnreadable(f"{path.name}, line {line}: no student") from error


def _purchases(path: Path) -> Iterator[tuple[str, int]]:
    for line, (number, purchases) in _rows(path, "card_no", "purchases"):
        if not purchases.isdecimal() or int(purchases) > _PURCHASES_MAX:
            raise SampleUnreadable(f"{path.name}, line {line}: no number of purchases")
        yield number, int(purchases)


def _doors(path: Path) -> Iterator[str]:
    for _, (door,) in _rows(path, "door"):
        yield door


def _rows(path: Path, *columns: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield these columns of each row, with the number of its line."""
    try:
        with _opened(path) as file:
            reader = csv.DictReader(file, restval="", strict=True)
            for row in reader:
                yield reader.line_num, tuple(row[column] for column in columns)
    except KeyError as error:
        raise SampleUnreadable(f"{path.name} has no column {error}") from error
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
        raise SampleUnreadable(f"{path.name}: {error}") from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
