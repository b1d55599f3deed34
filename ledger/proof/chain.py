"""The hash chain over batches, in which every link also names one far behind it.

Link n commits to link n - 1, as in any hash chain, and to link `skip(n)`. So each link commits to
all of history, and yet from any link to any older one there is a path of about 2 log2(n) steps:
a binary linking scheme (A. Buldas, P. Laud, H. Lipmaa, J. Villemson, "Time-Stamping with Binary
Linking Schemes", CRYPTO '98), with the skips of E. W. Myers ("An applicative random-access
stack", Information Processing Letters 17, 1983). A receipt stays short, and nothing is stored
but one hash for each batch.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

from ledger.proof.errors import BadProof

START: Final = bytes(32)
"""What stands in for the link before the first, at position 0."""

_BATCH: Final = b"\x02"
_LINK: Final = b"\x03"
_NUMBER_AND_TRANSFERS: Final = Struct(">qq").pack
_POSITION: Final = Struct(">q").pack


class Link(NamedTuple):
    """The hash that the chain has at a position; positions count sealed batches from 1."""

    position: int
    hash: bytes


class Step(NamedTuple):
    """What it takes to get from a link to a newer one that names it."""

    batch: bytes
    """The digest of the newer link's batch."""
    other: bytes
    """The other link that the newer one names."""


def batch_digest(number: int, transfers: int, root: bytes) -> bytes:
    """Return what the chain commits to of a batch."""
    return sha256(_BATCH + _NUMBER_AND_TRANSFERS(number, transfers) + root).digest()


def link_hash(position: int, previous: bytes, skipped: bytes, batch: bytes) -> bytes:
    """Return the link of a batch digest, after the links at `position - 1` and `skip(position)`."""
    return sha256(_LINK + _POSITION(position) + previous + skipped + batch).digest()


def skip(position: int) -> int:
    """Return the position of the older link that a link names beside its predecessor.

    A position is a sum of numbers 2^k - 1, taken greedily from the largest; the last one is the
    distance. Positions 1, 2, 3 ... skip to 0, 1, 0, 3, 4, 3, 0, 7 ...
    """
    rest, distance = position, 0
    while rest:
        distance = (1 << ((rest + 1).bit_length() - 1)) - 1
        rest -= distance
    return position - distance


def skips(position: int) -> list[int]:
    """Return the position and all that is reached from it by skips alone, oldest first: from 0.

    Of these links alone the next links are made.
    """
    reached = [position]
    while reached[-1]:
        reached.append(skip(reached[-1]))
    return reached[::-1]


def route(older: int, newer: int) -> list[int]:
    """Return the positions on the shortest way from one link to a newer one, which ends the list.

    Each names the one before it. Raises BadProof when `newer` is not newer nor the same.
    """
    if not 0 <= older <= newer:
        raise BadProof(f"no link leads from position {newer} to {older}")
    way: list[int] = []
    while newer != older:
        way.append(newer)
        target = skip(newer)
        newer = target if target >= older else newer - 1
    return way[::-1]


def follow(link: Link, newer: int, steps: Sequence[Step]) -> bytes:
    """Return the hash at position `newer` that follows from a link by the steps of their route.

    Raises BadProof when the steps are not as many as the route has.
    """
    way = route(link.position, newer)
    if len(steps) != len(way):
        raise BadProof(f"the chain needs {len(way)} steps, not {len(steps)}")
    for position, step in zip(way, steps, strict=True):
        previous, skipped = link.hash, step.other
        if link.position != position - 1:
            previous, skipped = step.other, link.hash
        link = Link(position, link_hash(position, previous, skipped, step.batch))
    return link.hash


class Chain:
    """The growing end of the chain."""

    def __init__(self, links: Iterable[Link] = (Link(0, START),)) -> None:
        """Take the chain up at its end: `links` are those at `skips(position)`, oldest first."""
        self._links = list(links)

    @property
    def end(self) -> Link:
        """The newest link."""
        return self._links[-1]

    def append(self, batch: bytes) -> Link:
        """Link a batch's digest to the end, and return the link."""
        previous = self.end
        position = previous.position + 1
        target = skip(position)
        while self.end.position > target:
            self._links.pop()
        link = Link(position, link_hash(position, previous.hash, self.end.hash, batch))
        self._links.append(link)
        return link
