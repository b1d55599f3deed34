from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.errors import RateLimited
from engine.api.rate_limits import Buckets, RateLimit
from tests.engine.api.serving import ALICE, BOB, Served, serving

LIMIT = RateLimit(name="example", burst=3, per_second=0.5)


@dataclass(slots=True)
class ManualClock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def buckets(clock: ManualClock, callers_max: int = 100) -> Buckets:
    return Buckets(LIMIT, callers_max=callers_max, clock=clock)


def take_all(buckets: Buckets, caller: str) -> None:
    for _ in range(LIMIT.burst):
        buckets.take(caller)


def is_let_through(buckets: Buckets, caller: str) -> bool:
    try:
        buckets.take(caller)
    except RateLimited:
        return False
    return True


def test_a_burst_passes_and_the_next_is_told_when_to_come_back() -> None:
    limited = buckets(ManualClock())
    take_all(limited, "alice")
    with pytest.raises(RateLimited) as refused:
        limited.take("alice")
    assert refused.value.retry_after_s == 2


def test_whoever_comes_back_when_told_is_let_through_once() -> None:
    clock = ManualClock()
    limited = buckets(clock)
    take_all(limited, "alice")
    clock.now += 2
    assert is_let_through(limited, "alice")
    assert not is_let_through(limited, "alice")


def test_asking_in_vain_costs_nothing() -> None:
    clock = ManualClock()
    limited = buckets(clock)
    take_all(limited, "alice")
    for _ in range(50):
        assert not is_let_through(limited, "alice")
    clock.now += 2
    assert is_let_through(limited, "alice")


def test_one_callers_limit_is_not_anothers() -> None:
    limited = buckets(ManualClock())
    take_all(limited, "alice")
    assert is_let_through(limited, "bob")


def test_a_flood_of_callers_wins_nobody_his_tokens_back() -> None:
    limited = buckets(ManualClock(), callers_max=10)
    take_all(limited, "alice")
    for number in range(1000):
        is_let_through(limited, f"stranger {number}")
    assert not is_let_through(limited, "alice")


def test_the_table_does_not_grow_past_its_bound() -> None:
    limited = buckets(ManualClock(), callers_max=10)
    for number in range(1000):
        is_let_through(limited, f"stranger {number}")
    assert len(limited) == 10


def test_when_the_table_is_full_newcomers_share_one_bucket() -> None:
    limited = buckets(ManualClock(), callers_max=10)
    for number in range(10):
        limited.take(f"stranger {number}")
    let_through = [is_let_through(limited, f"newcomer {number}") for number in range(5)]
    assert let_through == [True, True, True, False, False]
    assert is_let_through(limited, "stranger 0")


def test_full_buckets_make_room_for_newcomers() -> None:
    clock = ManualClock()
    limited = buckets(clock, callers_max=10)
    for number in range(10):
        limited.take(f"early {number}")
    clock.now += LIMIT.burst / LIMIT.per_second
    for number in range(10):
        limited.take(f"late {number}")
    take_all(limited, "one more")
    assert len(limited) == 10


@given(quarters=st.lists(st.integers(min_value=0, max_value=20), max_size=50))
def test_it_lets_through_what_a_bucket_of_tokens_would(quarters: list[int]) -> None:
    clock = ManualClock()
    limited = buckets(clock)
    tokens = float(LIMIT.burst)
    for quarter in quarters:  # of a second, so that all floats here are exact
        clock.now += quarter / 4
        tokens = min(LIMIT.burst, tokens + quarter / 4 * LIMIT.per_second)
        assert is_let_through(limited, "alice") == (tokens >= 1)
        tokens -= tokens >= 1


@pytest.mark.parametrize(("burst", "per_second"), [(0, 1.0), (1, 0.0), (1, -1.0)])
def test_a_limit_that_lets_nothing_through_is_refused(burst: int, per_second: float) -> None:
    with pytest.raises(ValueError, match="lets something through"):
        RateLimit(name="shut", burst=burst, per_second=per_second)


async def test_too_many_requests_are_answered_with_429_and_when_to_come_back(
    served: Served,
) -> None:
    answers = [await served.client.post("/v1/greetings", headers=ALICE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "rate_limited"
    assert answers[2].headers["retry-after"] == "1"


async def test_one_member_cannot_use_up_anothers_requests(served: Served) -> None:
    for _ in range(4):
        await served.client.post("/v1/greetings", headers=ALICE)
    assert (await served.client.post("/v1/greetings", headers=BOB)).status_code == 200


async def test_strangers_cannot_use_up_the_requests_of_members(served: Served) -> None:
    for _ in range(4):
        await served.client.post("/v1/visits")
        await served.client.post("/v1/greetings")
    assert (await served.client.post("/v1/visits")).status_code == 429
    assert (await served.client.post("/v1/greetings", headers=ALICE)).status_code == 200


async def test_an_address_that_a_stranger_claims_is_not_believed(served: Served) -> None:
    answers = [
        await served.client.post("/v1/visits", headers={"x-forwarded-for": f"10.0.0.{number}"})
        for number in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_an_address_that_a_trusted_proxy_names_is_the_callers() -> None:
    async with serving(trusted_proxies=["127.0.0.1"]) as served:
        answers = [
            await served.client.post("/v1/visits", headers={"x-forwarded-for": f"10.0.0.{number}"})
            for number in (1, 1, 1, 2)
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
