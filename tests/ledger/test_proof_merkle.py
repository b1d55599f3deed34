import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.errors import BadProof
from ledger.proof.merkle import inclusion_proof, leaf_hash, merkle_root, root_from_inclusion

VECTORS = json.loads(Path("tests/vectors/rfc6962.json").read_text(encoding="utf-8"))
LEAVES = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["leaves"]]
SIZE_MAX = 70

sizes = st.integers(1, SIZE_MAX)


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(size)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_of_two_below(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = largest_power_of_two_below(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def largest_power_of_two_below(n: int) -> int:
    return max(1 << bit for bit in range(n.bit_length()) if 1 << bit < n)


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle_root(LEAVES[:size]).hex() == VECTORS["roots"][size]


@pytest.mark.parametrize("vector", VECTORS["paths"])
def test_paths_are_those_of_certificate_transparency(vector: dict[str, int | list[str]]) -> None:
    index, size, path = vector["index"], vector["size"], vector["path"]
    assert isinstance(index, int)
    assert isinstance(size, int)
    assert [each.hex() for each in inclusion_proof(LEAVES[:size], index)] == path


@pytest.mark.parametrize("size", range(SIZE_MAX))
def test_the_root_is_that_of_the_recursive_definition(size: int) -> None:
    assert merkle_root(leaves_of(size)) == naive_root(leaves_of(size))


@given(size=sizes, data=st.data())
def test_a_path_is_that_of_the_recursive_definition(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    assert inclusion_proof(leaves_of(size), index) == naive_path(index, leaves_of(size))


@given(size=sizes, data=st.data())
def test_a_path_leads_from_its_leaf_to_the_root(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(leaves, index)
    assert root_from_inclusion(leaves[index], index, size, path) == merkle_root(leaves)


@given(size=st.integers(2, SIZE_MAX), data=st.data())
def test_a_path_with_one_bit_changed_leads_elsewhere(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    hashes = [leaves[index], *inclusion_proof(leaves, index)]
    at, bit = data.draw(st.integers(0, len(hashes) - 1)), data.draw(st.integers(0, 255))
    hashes[at] = (int.from_bytes(hashes[at]) ^ (1 << bit)).to_bytes(32)
    assert root_from_inclusion(hashes[0], index, size, hashes[1:]) != merkle_root(leaves)


@given(size=sizes, data=st.data())
def test_a_path_holds_for_its_own_index_alone(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(leaves, index)
    for other in set(range(-1, size + 2)) - {index}:
        assert root_or_none(leaves[index], other, size, path) != merkle_root(leaves)


@given(size=sizes, other=sizes, data=st.data())
def test_another_size_never_gives_another_tree_the_same_root(
    size: int, other: int, data: st.DataObject
) -> None:
    # A path may have the same shape in trees of several sizes; the chain commits to the size.
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(leaves_of(size), index)
    root = root_or_none(leaves_of(size)[index], index, other, path)
    assert (root == merkle_root(leaves_of(other))) == (size == other)


@given(size=sizes, data=st.data())
def test_a_path_of_another_length_is_refused(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(leaves, index)
    with pytest.raises(BadProof, match="longer"):
        root_from_inclusion(leaves[index], index, size, [*path, bytes(32)])
    if path:
        with pytest.raises(BadProof, match="below the root"):
            root_from_inclusion(leaves[index], index, size, path[:-1])


@pytest.mark.parametrize("index", [-1, 3, 4])
def test_a_leaf_that_is_not_there_has_no_path(index: int) -> None:
    with pytest.raises(IndexError):
        inclusion_proof(LEAVES[:3], index)


def root_or_none(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    try:
        return root_from_inclusion(leaf, index, size, path)
    except BadProof:
        return None
