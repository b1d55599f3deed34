"""What bodies and answers are made of: strict structs, amounts in fen, times with an offset."""

from datetime import datetime
from typing import Annotated, NewType

import msgspec

from ledger.money import AMOUNT_MAX_FEN
from ledger.time import CAMPUS_ZONE

AmountFen = Annotated[
    int,
    msgspec.Meta(ge=1, le=AMOUNT_MAX_FEN, description="An amount of money in fen, a whole number."),
]
"""An amount that a caller hands in. Fields of this type are named `…_fen`."""

Moment = Annotated[
    datetime,
    msgspec.Meta(tz=True, description="A time by RFC 3339, with its offset."),
]
"""A time that a caller hands in: always aware."""

CampusTime = NewType("CampusTime", datetime)
"""A time as answers show it: with the campus's own offset, +08:00."""


def campus_time(at: datetime) -> CampusTime:
    """Return a moment with the campus's offset. Raises ValueError for a naive datetime."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return CampusTime(at.astimezone(CAMPUS_ZONE))


class Received(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a caller sends: a field that we do not know is an error."""


class Confidential(Received, frozen=True, kw_only=True):
    """Base of what carries a secret: shows no field in a text that may end in a log."""

    def __repr__(self) -> str:
        """Return the name of the form alone."""
        return f"{type(self).__name__}(…)"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything we answer with."""


class Nothing(Received, frozen=True, kw_only=True):
    """No body, no parameters or no answer."""
