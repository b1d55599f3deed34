"""The people of the demo campus, made up from a seed: the same seed gives the same people."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Final

from engine.demo.chance import chance
from engine.demo.names import Sex, make_up_name
from engine.demo.places import MAJORS
from engine.people import NewPerson, PersonKind

PEOPLE: Final = 5_000

_STUDENT_SHARE: Final = 0.90
_TEACHER_SHARE: Final = 0.08
_YEARS: Final = (2025, 2024, 2023, 2022)
_YEAR_WEIGHTS: Final = (28, 26, 25, 21)
_CLASS_SIZE: Final = 35
_FEMALE_SHARE: Final = 0.52

_BUYER_SHARE: Final = 0.74
_MONTHLY_SCALE: Final = 82.0
_MONTHLY_SHAPE: Final = 1.93
"""Weibull: its mean of 73 and its median of 68 purchases a month, and its tenths within a few per
cent, are those of the sample month of a real campus card, where 74 % of the students bought."""


def make_up_people(seed: int, *, count: int = PEOPLE) -> tuple[NewPerson, ...]:
    """Return students of four years, teachers and temporary card holders."""
    random = chance("people", seed)
    students = round(count * _STUDENT_SHARE)
    teachers = round(count * _TEACHER_SHARE)
    return (
        *_students(random, students),
        *_teachers(random, teachers),
        *_guests(random, count - students - teachers),
    )


def monthly_purchases(seed: int, number: str) -> int:
    """Return how often this person buys in a month; 0 for a quarter of all."""
    random = chance("purchases", seed, number)
    if random.random() >= _BUYER_SHARE:
        return 0
    return max(1, round(random.weibullvariate(_MONTHLY_SCALE, _MONTHLY_SHAPE)))


def _students(random: Random, count: int) -> Iterator[NewPerson]:
    weights = [major.weight for major in MAJORS]
    places: Counter[tuple[int, str]] = Counter()
    for _ in range(count):
        year = random.choices(_YEARS, _YEAR_WEIGHTS)[0]
        major = random.choices(MAJORS, weights)[0]
        place = places[year, major.code]
        places[year, major.code] += 1
        yield NewPerson(
            # 年级, 专业, 班, 座号: two digits each but for the year.
            number=f"{year}{major.code}{place // _CLASS_SIZE + 1:02}{place % _CLASS_SIZE + 1:02}",
            name=_name(random),
            kind=PersonKind.STUDENT,
            college=major.college,
        )


def _teachers(random: Random, count: int) -> Iterator[NewPerson]:
    colleges = [major.college for major in MAJORS]
    for place in range(count):
        yield NewPerson(
            number=f"{100_001 + place}",
            name=_name(random),
            kind=PersonKind.TEACHER,
            college=random.choice(colleges),
        )


def _guests(random: Random, count: int) -> Iterator[NewPerson]:
    for place in range(count):
        yield NewPerson(number=f"L{place + 1:05}", name=_name(random), kind=PersonKind.TEMPORARY)


def _name(random: Random) -> str:
    return make_up_name(random, Sex.FEMALE if random.random() < _FEMALE_SHARE else Sex.MALE)
