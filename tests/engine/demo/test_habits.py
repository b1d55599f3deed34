from collections import Counter

import pytest

from engine.demo.habits import CLOSES_S, OPENS_S, Customer, Visit, habit_of, visits_of
from engine.demo.places import SHOPS, Meal
from engine.demo.population import make_up_people, monthly_purchases
from ledger.money import Fen
from terminals.fleet import Aftermath

SHOP_OF_TILL = [shop for shop in SHOPS for _ in shop.tills]


def customer(number: str = "2023010123", purchases: int = 73, pin: str | None = None) -> Customer:
    return Customer(number=number, card="6217000000000001", purchases_per_month=purchases, pin=pin)


def visits(who: Customer, days: range, seed: int = 1) -> list[Visit]:
    habit = habit_of(seed, who)
    return [visit for day in days for visit in visits_of(who, habit, seed=seed, day=day)]


@pytest.fixture(scope="module")
def a_day() -> list[Visit]:
    """One day of the whole campus."""
    people = [person.number for person in make_up_people(1)]
    customers = [customer(number, monthly_purchases(1, number)) for number in people]
    return [visit for who in customers for visit in visits(who, range(1))]


def test_the_same_seed_and_day_give_the_same_visits() -> None:
    assert visits(customer(), range(9)) == visits(customer(), range(9))
    assert visits(customer(), range(9)) != visits(customer(), range(9), seed=2)


@pytest.mark.parametrize("purchases", [0, 1, 29, 73, 321, 1500])
@pytest.mark.parametrize("first_day", [0, 1, 17])
def test_thirty_days_bring_exactly_the_purchases_of_a_month(purchases: int, first_day: int) -> None:
    days = range(first_day, first_day + 30)
    assert len(visits(customer(purchases=purchases), days)) == purchases


def test_a_campus_day_has_its_share_of_the_month(a_day: list[Visit]) -> None:
    assert 0.95 <= len(a_day) / (5000 * 0.74 * 72.7 / 30) <= 1.05


def test_lunch_is_the_peak_and_nobody_comes_at_night(a_day: list[Visit]) -> None:
    hours = Counter(int(visit.at_s // 3600) for visit in a_day)
    assert hours.most_common(1)[0][0] == 11 or hours.most_common(1)[0][0] == 12
    assert hours[11] + hours[12] > 0.33 * len(a_day)
    assert hours[7] > 3 * hours[9]
    assert hours[17] > 3 * hours[15]
    assert all(OPENS_S <= visit.at_s <= CLOSES_S for visit in a_day)


def test_every_till_sells(a_day: list[Visit]) -> None:
    assert {visit.till for visit in a_day} == set(range(40))


def test_prices_are_those_of_a_canteen(a_day: list[Visit]) -> None:
    amounts = sorted(visit.amount for visit in a_day)
    assert Fen(700) <= amounts[len(amounts) // 2] <= Fen(1100)
    assert amounts[0] >= Fen(20)
    assert amounts[-1] <= Fen(5000), "nobody here has a PIN"


def test_some_purchases_are_taken_back_refunded_or_given_up(a_day: list[Visit]) -> None:
    aftermaths = Counter(visit.aftermath for visit in a_day)
    assert set(aftermaths) == set(Aftermath)
    assert aftermaths[Aftermath.NONE] > 0.98 * len(a_day)


def test_a_table_for_friends_is_paid_with_the_pin_and_nothing_small_is() -> None:
    ordered = [visit.order("card") for visit in visits(customer(pin="246810"), range(300))]
    feasts = [order for order in ordered if order.amount > Fen(5000)]
    assert feasts
    assert {order.pin for order in feasts} == {"246810"}
    assert {order.pin for order in ordered if order.amount <= Fen(5000)} == {None}


def test_a_customer_has_favourite_tills() -> None:
    tills = {visit.till for visit in visits(customer(), range(300))}
    assert len(tills) <= 3 * 5


def test_the_restless_buy_small_things_all_day_long() -> None:
    restless = Customer(number="2023010123", card="c", purchases_per_month=1500, is_restless=True)
    bought = visits(restless, range(30))
    assert all(Meal.ERRAND in SHOP_OF_TILL[visit.till].menus for visit in bought)
    assert {int(visit.at_s // 3600) for visit in bought} >= set(range(9, 21))


def test_an_order_is_for_the_card_that_the_customer_has_now() -> None:
    visit = visits(customer(), range(30))[0]
    assert visit.order("new").card == "new"
    assert "new" not in repr(visit.order("new"))
