"""Purchases counted by outcome and by how long they took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from engine.purchase_figures import APPROVED, BOUNDS_S, PurchaseFigures, PurchasePace


def test_purchases_are_counted_by_outcome() -> None:
    figures, registry = PurchaseFigures(), CollectorRegistry()
    registry.register(figures)
    for outcome in (APPROVED, APPROVED, "insufficient_funds"):
        figures.took(outcome, 0.002)
    sample = registry.get_sample_value
    assert sample("campus_purchases_total", {"outcome": "approved"}) == 2
    assert sample("campus_purchases_total", {"outcome": "insufficient_funds"}) == 1
    assert sample("campus_purchase_seconds_count") == 3


def test_outcomes_cannot_flood_the_metrics() -> None:
    figures, registry = PurchaseFigures(), CollectorRegistry()
    registry.register(figures)
    for number in range(1000):
        figures.took(f"code_{number}", 0.001)
    (family,) = (each for each in registry.collect() if each.name == "campus_purchases")
    assert len(family.samples) == 64
    assert sum(sample.value for sample in family.samples) == 1000


@given(st.lists(st.floats(min_value=0, max_value=20), min_size=1))
def test_the_buckets_grow_and_end_with_all(seconds: list[float]) -> None:
    figures, registry = PurchaseFigures(), CollectorRegistry()
    registry.register(figures)
    for each in seconds:
        figures.took(APPROVED, each)
    buckets = [
        registry.get_sample_value("campus_purchase_seconds_bucket", {"le": str(bound)})
        for bound in (*BOUNDS_S, "+Inf")
    ]
    assert buckets == [
        sum(each <= bound for each in seconds) for bound in (*BOUNDS_S, float("inf"))
    ]


def test_each_second_shows_its_own_purchases() -> None:
    figures = PurchaseFigures()
    pace = PurchasePace(figures, seconds=3)
    for count in (5, 0, 2, 4):
        for _ in range(count):
            figures.took(APPROVED, 0.001)
        pace.tick()
    assert pace.per_second() == [0, 2, 4]


def test_without_purchases_there_is_no_latency() -> None:
    pace = PurchasePace(PurchaseFigures(), seconds=10)
    pace.tick()
    assert pace.quantile_s(0.5) is None


def test_old_latencies_are_forgotten() -> None:
    figures = PurchaseFigures()
    pace = PurchasePace(figures, seconds=2)
    figures.took(APPROVED, 4.0)
    for _ in range(2):
        pace.tick()
    assert pace.quantile_s(0.99) is not None
    pace.tick()
    assert pace.quantile_s(0.99) is None


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.5, 0.001, 0.002), (0.99, 0.08, 0.1), (1.0, 0.08, 0.1)]
)
def test_a_quantile_lies_in_the_class_of_its_rank(share: float, low: float, high: float) -> None:
    figures = PurchaseFigures()
    pace = PurchasePace(figures, seconds=10)
    for _ in range(98):
        figures.took(APPROVED, 0.0015)
    for _ in range(2):
        figures.took(APPROVED, 0.09)
    pace.tick()
    found = pace.quantile_s(share)
    assert found is not None
    assert low < found <= high


def test_what_took_longest_counts_as_the_last_bound() -> None:
    figures = PurchaseFigures()
    pace = PurchasePace(figures, seconds=10)
    figures.took(APPROVED, 60.0)
    pace.tick()
    assert pace.quantile_s(0.5) == BOUNDS_S[-1]
