from collections import Counter
from statistics import mean, quantiles

import pytest

from engine.demo.places import DOORS, MAJORS, SHOPS
from engine.demo.population import PEOPLE, make_up_people, monthly_purchases
from engine.people import NewPerson, PersonKind


@pytest.fixture(scope="module")
def people() -> tuple[NewPerson, ...]:
    return make_up_people(1)


def test_the_same_seed_gives_the_same_people(people: tuple[NewPerson, ...]) -> None:
    assert make_up_people(1) == people
    assert make_up_people(2) != people


def test_there_are_as_many_as_on_a_campus_of_five_thousand(people: tuple[NewPerson, ...]) -> None:
    kinds = Counter(person.kind for person in people)
    assert kinds == {
        PersonKind.STUDENT: 4500,
        PersonKind.TEACHER: 400,
        PersonKind.TEMPORARY: 100,
    }
    assert len(people) == PEOPLE


def test_numbers_are_unique(people: tuple[NewPerson, ...]) -> None:
    assert len({person.number for person in people}) == len(people)


def test_a_students_number_tells_year_major_class_and_seat(people: tuple[NewPerson, ...]) -> None:
    colleges = {major.code: major.college for major in MAJORS}
    students = [person for person in people if person.kind is PersonKind.STUDENT]
    assert all(len(each.number) == 10 for each in students)
    assert all(each.college == colleges[each.number[4:6]] for each in students)
    assert {each.number[:4] for each in students} == {"2022", "2023", "2024", "2025"}
    assert all(1 <= int(each.number[8:]) <= 35 for each in students)


def test_classes_are_filled_before_the_next_begins(people: tuple[NewPerson, ...]) -> None:
    seats = Counter(person.number[:8] for person in people if len(person.number) == 10)
    full = [group for group in seats if f"{group[:6]}{int(group[6:]) + 1:02}" in seats]
    assert full
    assert {seats[group] for group in full} == {35}


def test_names_are_of_two_to_four_characters_and_rarely_shared(
    people: tuple[NewPerson, ...],
) -> None:
    names = Counter(person.name for person in people)
    assert {len(name) for name in names} <= {2, 3, 4}
    assert all("\u4e00" <= letter <= "\u9fff" for name in names for letter in name)
    assert max(names.values()) <= 12


def test_purchases_have_the_shape_of_the_sample_month(people: tuple[NewPerson, ...]) -> None:
    """The sample: 74 % buy; mean 72.7, tenths 23, 70 and 123, twentieth at the top 143."""
    drawn = [monthly_purchases(1, person.number) for person in people]
    buyers = sorted(number for number in drawn if number)
    twentieths = quantiles(buyers, n=20)
    assert 0.72 <= len(buyers) / len(drawn) <= 0.76
    assert 70 <= mean(buyers) <= 76
    assert 20 <= twentieths[1] <= 29
    assert 65 <= twentieths[9] <= 72
    assert 118 <= twentieths[17] <= 131
    assert 136 <= twentieths[18] <= 151
    assert buyers[-1] >= 200


def test_the_campus_has_forty_tills_and_ten_doors() -> None:
    places = [(shop.name, till) for shop in SHOPS for till in shop.tills]
    assert (len(places), len(set(places)), len(DOORS), len(set(DOORS))) == (40, 40, 10, 10)
