from collections import Counter
from random import Random

from engine.torture.kills import Kill, KillKind, schedule


def kills(seed: int, count: int = 30) -> list[Kill]:
    return schedule(Random(seed), count, workers=2)


def test_a_seed_always_gives_the_same_kills() -> None:
    assert kills(7) == kills(7)
    assert kills(7) != kills(8)


def test_thirty_kills_are_of_every_kind_about_equally_often() -> None:
    counts = Counter(kill.kind for kill in kills(7))
    assert counts.keys() == set(KillKind)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_shorter_schedule_is_as_short_as_asked() -> None:
    assert len(kills(7, 1)) == 1


def test_kills_come_at_different_points_of_the_load() -> None:
    many = kills(7, 300)
    assert len({kill.answers for kill in many}) > 100
    assert {kill.worker for kill in many} == {0, 1}
    assert any(kill.delay_s == 0 for kill in many)
    assert len({kill.delay_s for kill in many}) > 100
