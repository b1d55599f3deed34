"""Pages of a listing, and the opaque cursors that lead from one to the next."""

from base64 import b64decode, urlsafe_b64encode
from typing import Annotated, Final, Generic, TypeVar

import msgspec

from engine.api.errors import InvalidCursor
from engine.api.wire import Answer, Received

T = TypeVar("T")

_VERSION: Final = 1


class Page(Answer, Generic[T], frozen=True, kw_only=True):
    """One page of a listing. There are more while `next_cursor` is not null."""

    items: list[T]
    next_cursor: str | None


class PageParameters(Received, frozen=True, kw_only=True):
    """Which page: the first without a cursor, else the one after the page that gave it out."""

    cursor: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class Cursors(Generic[T]):
    """Writes and reads the cursors of one listing.

    A cursor says where a page ended and grants nothing: it is not signed, and an operation shows
    only what its caller may see, whatever the cursor says. `position` is the tuple type of the
    sort key of a listing.
    """

    def __init__(self, listing: str, position: type[T]) -> None:
        self._listing = listing
        self._form = msgspec.msgpack.Decoder(tuple[int, str, position])  # type: ignore[valid-type]

    def write(self, position: T) -> str:
        """Return the cursor of what follows a position."""
        packed = msgspec.msgpack.encode((_VERSION, self._listing, position))
        return urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")

    def read(self, cursor: str) -> T:
        """Return the position inside. Raises InvalidCursor for anything we did not write."""
        try:
            packed = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            version, listing, position = self._form.decode(packed)
        except (ValueError, msgspec.DecodeError):
            raise InvalidCursor from None
        if version != _VERSION or listing != self._listing:
            raise InvalidCursor
        return position
