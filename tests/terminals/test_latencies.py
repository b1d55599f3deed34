from hypothesis import given
from hypothesis import strategies as st

from terminals.latencies import Latencies


def latencies(*times_us: int) -> Latencies:
    counted = Latencies()
    for time_us in times_us:
        counted.add(time_us / 1_000_000)
    return counted


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=200), st.integers(1, 100))
def test_a_percentile_is_the_truth_or_up_to_a_thirty_second_more(
    times_us: list[int], percent: int
) -> None:
    rank = -(-len(times_us) * percent // 100)
    truth = sorted(times_us)[rank - 1]
    assert truth <= latencies(*times_us).percentile_us(percent) <= truth + truth / 32


@given(st.integers(0, 63))
def test_below_64_microseconds_it_is_exact(time_us: int) -> None:
    assert latencies(0, time_us, 10_000).percentile_us(66) == time_us


def test_the_longest_time_is_kept_exactly() -> None:
    counted = latencies(5, 1_234_567, 80)
    assert (counted.longest_us, counted.percentile_us(100)) == (1_234_567, 1_234_567)


def test_nothing_counted_has_no_time() -> None:
    assert latencies().percentile_us(99) == 0


def test_times_beyond_the_last_class_count_as_the_last() -> None:
    assert latencies(2**40).percentile_us(50) == 2**32 - 1
