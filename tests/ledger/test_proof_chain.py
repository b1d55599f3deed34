from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.chain import (
    START,
    Chain,
    Link,
    Step,
    batch_digest,
    follow,
    link_hash,
    route,
    skip,
    skips,
)
from ledger.proof.errors import BadProof

LENGTH = 300
BATCHES = [batch_digest(number, 7, sha256(b"%d" % number).digest()) for number in range(LENGTH + 1)]

positions = st.integers(1, LENGTH)


def naive_links() -> list[bytes]:
    """Every link made from all links before it."""
    links = [START]
    for position in range(1, LENGTH + 1):
        links.append(link_hash(position, links[-1], links[naive_skip(position)], BATCHES[position]))
    return links


def naive_skip(position: int) -> int:
    """Myers's rule: two jumps of the same length behind us are joined to one."""
    jumps = [0]
    for at in range(1, position + 1):
        before = at - 1
        first, second = jumps[before], jumps[jumps[before]]
        jumps.append(second if before and before - first == first - second else before)
    return jumps[position]


LINKS = naive_links()


def steps_between(older: int, newer: int) -> list[Step]:
    way = [older, *route(older, newer)]
    return [
        Step(BATCHES[at], LINKS[skip(at) if before == at - 1 else at - 1])
        for before, at in pairwise(way)
    ]


def test_skips_follow_the_rule_of_myers() -> None:
    assert [skip(at) for at in range(1, LENGTH)] == [naive_skip(at) for at in range(1, LENGTH)]


def test_the_chain_makes_each_link_from_the_two_that_it_names() -> None:
    chain = Chain()
    made = [chain.append(batch).hash for batch in BATCHES[1:]]
    assert made == LINKS[1:]


@given(position=positions)
def test_a_chain_is_taken_up_from_its_skips_alone(position: int) -> None:
    chain = Chain(Link(at, LINKS[at]) for at in skips(position))
    rest = [chain.append(batch).hash for batch in BATCHES[position + 1 :]]
    assert rest == LINKS[position + 1 :]


@given(older=positions, newer=positions)
def test_each_position_on_the_way_names_the_one_before(older: int, newer: int) -> None:
    older, newer = sorted((older, newer))
    way = [older, *route(older, newer)]
    assert way[-1] == newer
    for before, at in pairwise(way):
        assert before in {at - 1, skip(at)}


@given(newer=st.integers(1, 10**9), data=st.data())
def test_the_way_is_short(newer: int, data: st.DataObject) -> None:
    older = data.draw(st.integers(0, newer))
    assert len(route(older, newer)) <= 3 * newer.bit_length()


@given(older=positions, newer=positions)
def test_the_steps_of_a_way_lead_to_the_newer_link(older: int, newer: int) -> None:
    older, newer = sorted((older, newer))
    link = Link(older, LINKS[older])
    assert follow(link, newer, steps_between(older, newer)) == LINKS[newer]


@given(older=positions, newer=positions, data=st.data())
def test_one_changed_bit_leads_elsewhere(older: int, newer: int, data: st.DataObject) -> None:
    older, newer = sorted((older, newer))
    flat = [LINKS[older], *(each for step in steps_between(older, newer) for each in step)]
    at, bit = data.draw(st.integers(0, len(flat) - 1)), data.draw(st.integers(0, 255))
    flat[at] = (int.from_bytes(flat[at]) ^ (1 << bit)).to_bytes(32)
    steps = [Step(*pair) for pair in zip(flat[1::2], flat[2::2], strict=True)]
    assert follow(Link(older, flat[0]), newer, steps) != LINKS[newer]


@given(older=positions, newer=positions, shift=st.integers(-3, 3).filter(bool))
def test_a_link_at_another_position_does_not_lead_there(older: int, newer: int, shift: int) -> None:
    older, newer = sorted((older, newer))
    steps = steps_between(older, newer)
    try:
        reached = follow(Link(older + shift, LINKS[older]), newer, steps)
    except BadProof:
        return
    assert reached != LINKS[newer]


@pytest.mark.parametrize("missing", [1, -1])
def test_another_number_of_steps_is_refused(missing: int) -> None:
    steps = steps_between(3, LENGTH)
    wrong = steps[:-1] if missing == 1 else [*steps, steps[-1]]
    with pytest.raises(BadProof, match="steps"):
        follow(Link(3, LINKS[3]), LENGTH, wrong)


@pytest.mark.parametrize(("older", "newer"), [(5, 4), (-1, 4)])
def test_no_way_leads_back(older: int, newer: int) -> None:
    with pytest.raises(BadProof, match="no link leads"):
        route(older, newer)


@given(
    one=st.tuples(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99)),
    other=st.tuples(st.integers(1, 99), st.integers(1, 99), st.integers(1, 99)),
)
def test_a_digest_depends_on_number_count_and_root(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    digests = {
        batch_digest(number, transfers, bytes([root]) * 32)
        for number, transfers, root in (one, other)
    }
    assert len(digests) == len({one, other})
