"""What each customer of the demo campus is used to, and what follows for one day.

All of it comes from a seed. The number of purchases is exact: whatever day one begins with, thirty
days bring each customer as many as their month has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import floor
from random import Random
from typing import Final

from engine.demo.chance import chance
from engine.demo.places import TILLS, Meal, Menu
from ledger.money import Fen
from terminals.fleet import Aftermath, Order

OPENS_S: Final = 6.5 * 3600
CLOSES_S: Final = 22.5 * 3600
"""Seconds after midnight between which the campus eats."""

_DAYS_OF_MONTH: Final = 30
_SELLING: Final[dict[Meal, tuple[int, ...]]] = {
    meal: tuple(number for number, (shop, _) in enumerate(TILLS) if meal in shop.menus)
    for meal in Meal
}
_MEAL_WEIGHTS: Final = {
    Meal.BREAKFAST: 18,
    Meal.LUNCH: 38,
    Meal.DINNER: 27,
    Meal.NIGHT: 9,
    Meal.ERRAND: 8,
}
_WAVES: Final = {
    Meal.BREAKFAST: ((7.6, 0.4),),
    Meal.LUNCH: ((11.8, 0.15), (11.8, 0.2), (12.4, 0.2)),  # after the fourth and the fifth lesson
    Meal.DINNER: ((17.75, 0.5),),
    Meal.NIGHT: ((21.0, 0.7),),
    Meal.ERRAND: ((14.5, 4.0),),
    Meal.FEAST: ((18.3, 0.4),),
}
"""When they come: hour of the day and standard deviation, one of them at random."""
_FEAST_WEIGHT: Final = 2
"""Only with a PIN: a table costs more than may be paid without."""
_FAVOURITES_WEIGHTS: Final = (6, 3, 1)
_AFTERMATHS: Final = (
    Aftermath.NONE,
    Aftermath.TAKE_BACK,
    Aftermath.REFUND,
    Aftermath.GIVE_UP,
)
_AFTERMATH_WEIGHTS: Final = (990, 4, 3, 3)
_NO_PIN_LIMIT: Final = Fen(5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Somebody with a card."""

    number: str
    card: str = field(repr=False)
    purchases_per_month: int
    pin: str | None = field(default=None, repr=False)
    is_restless: bool = False
    """Buys little things all day long, so that there is always somebody to watch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A customer who comes to a till at a time of the day, in seconds after midnight."""

    at_s: float
    customer: Customer
    till: int
    """The place of the till in `TILLS`."""
    amount: Fen
    aftermath: Aftermath

    def order(self, card: str) -> Order:
        """Return what the till is asked, when the customer has this card."""
        return Order(
            till=self.till,
            card=card,
            amount=self.amount,
            pin=self.customer.pin if self.amount > _NO_PIN_LIMIT else None,
            aftermath=self.aftermath,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What one customer is used to."""

    meals: tuple[Meal, ...]
    weights: tuple[float, ...]
    tills: dict[Meal, list[int]]
    """The places in the fleet of the favourite tills for each meal, the dearest first."""
    appetite: int
    """The most that is taken beside the first dish."""
    phase: float


def habit_of(seed: int, customer: Customer) -> Habit:
    """Return what a customer is used to: always the same."""
    random = chance("habit", seed, customer.number)
    weights = {meal: weight * random.uniform(0.4, 1.6) for meal, weight in _MEAL_WEIGHTS.items()}
    if customer.pin is not None:
        weights[Meal.FEAST] = _FEAST_WEIGHT
    if customer.is_restless:
        weights = {Meal.ERRAND: 1.0}
    return Habit(
        meals=tuple(weights),
        weights=tuple(weights.values()),
        tills={
            meal: random.choices(_SELLING[meal], k=len(_FAVOURITES_WEIGHTS)) for meal in weights
        },
        appetite=random.choice((0, 1, 1, 2, 2, 3)),
        phase=random.random(),
    )


def visits_of(customer: Customer, habit: Habit, *, seed: int, day: int) -> Iterator[Visit]:
    """Yield where a customer goes on a day, in no order."""
    random = chance("day", seed, day, customer.number)
    share = customer.purchases_per_month / _DAYS_OF_MONTH
    count = floor((day + 1) * share + habit.phase) - floor(day * share + habit.phase)
    for meal in random.choices(habit.meals, habit.weights, k=count):
        till = random.choices(habit.tills[meal], _FAVOURITES_WEIGHTS)[0]
        yield Visit(
            at_s=_time_of(random, meal),
            customer=customer,
            till=till,
            amount=_price(random, TILLS[till][0].menus[meal], habit.appetite),
            aftermath=random.choices(_AFTERMATHS, _AFTERMATH_WEIGHTS)[0],
        )


def _price(random: Random, menu: Menu, appetite: int) -> Fen:
    more = random.choices(menu.more, k=random.randint(0, appetite))
    return Fen(random.choice(menu.first) + sum(more))


def _time_of(random: Random, meal: Meal) -> float:
    mean_h, spread_h = random.choice(_WAVES[meal])
    return min(max(random.gauss(mean_h, spread_h) * 3600, OPENS_S), CLOSES_S)
