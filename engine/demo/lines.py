"""What the demo and the process with its tills say to each other: one JSON text in each line."""

from typing import Final

from msgspec import Struct, json

from engine.demo.habits import Customer


class _Line(Struct, tag=True, forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class Start(_Line, frozen=True, kw_only=True):
    """The first line to the tills: what they need to sell until their input ends."""

    url: str
    keys: tuple[str, ...]
    """Paths of the key files, in the order of the tills in `engine.demo.places`."""
    seed: int
    speed: float
    customers: tuple[Customer, ...]
    watched: frozenset[str]
    """Numbers of the people whose declines are told one by one."""


class CardReplaced(_Line, frozen=True, kw_only=True):
    """A customer pays with another card from now on."""

    number: str
    card: str


class Sold(_Line, frozen=True, kw_only=True):
    """What the tills have seen since the line before, and how long their purchases took."""

    campus_time: str
    """The time of day there, such as `12:07`."""
    approved: int
    declined: dict[str, int]
    unknown: int
    reversed: int
    refunded: int
    walked_away: int
    p50_us: int
    p99_us: int


class LowOnMoney(_Line, frozen=True, kw_only=True):
    """These people go to the desk and pay something in."""

    numbers: tuple[str, ...]


class WatchedDecline(_Line, frozen=True, kw_only=True):
    """A card of somebody who is watched was declined."""

    number: str
    till: int
    code: str


ToTills = Start | CardReplaced
FromTills = Sold | LowOnMoney | WatchedDecline

_to_tills: Final[json.Decoder[ToTills]] = json.Decoder(ToTills)
_from_tills: Final[json.Decoder[FromTills]] = json.Decoder(FromTills)


def write(line: ToTills | FromTills) -> bytes:
    """Return a line, with its end."""
    return json.encode(line) + b"\n"


def read_to_tills(line: bytes) -> ToTills:
    """Read a line of the demo. Raises msgspec.DecodeError."""
    return _to_tills.decode(line)


def read_from_tills(line: bytes) -> FromTills:
    """Read a line of the tills. Raises msgspec.DecodeError."""
    return _from_tills.decode(line)
