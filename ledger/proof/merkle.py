"""The Merkle tree of RFC 6962, section 2.1: one root over many leaves, short paths to each.

Odd nodes move up unchanged, which is the same as RFC 6962's split at the largest power of two.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from ledger.proof.errors import BadProof

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(row: bytes) -> bytes:
    """Return the hash of one leaf."""
    return sha256(_LEAF + row).digest()


def merkle_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaves that `leaf_hash` made; of none, the hash of nothing."""
    level = leaf_hashes
    while len(level) > 1:
        level = _level_above(level)
    return level[0] if level else sha256().digest()


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the path of one leaf: its siblings from the bottom to below the root.

    Raises IndexError when there is no such leaf.
    """
    if not 0 <= index < len(leaf_hashes):
        raise IndexError(f"a tree of {len(leaf_hashes)} leaves has no leaf {index}")
    path: list[bytes] = []
    level = leaf_hashes
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _level_above(level)
        index >>= 1
    return path


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a leaf has by its path, as leaf number `index` of `size`.

    Raises BadProof when a tree of this size has no such leaf or a path of another length.
    """
    if not 0 <= index < size:
        raise BadProof(f"a tree of {size} leaves has no leaf {index}")
    node = leaf
    last = size - 1  # the last node of the level; a left node there has no sibling
    siblings = iter(path)
    try:
        while last:
            if index & 1:
                node = sha256(_NODE + next(siblings) + node).digest()
            elif index < last:
                node = sha256(_NODE + node + next(siblings)).digest()
            index >>= 1
            last >>= 1
    except StopIteration:
        raise BadProof("the path ends below the root") from None
    if next(siblings, None) is not None:
        raise BadProof("the path is longer than the tree is high")
    return node


def _level_above(level: Sequence[bytes]) -> Sequence[bytes]:
    nodes = iter(level)
    above = [sha256(_NODE + left + right).digest() for left, right in zip(nodes, nodes)]  # noqa: B905  an odd one is left over
    if len(level) & 1:
        above.append(level[-1])
    return above
