"""Reading JSON strictly: every field asked for by its type, and none left over."""

import json
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

_BIGINT_MAX: Final = 2**63 - 1
_HASH_LENGTH: Final = 32


class JsonFields:
    """The fields of one JSON object, taken one by one. Every method raises ValueError."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise ValueError("an object is expected")  # noqa: TRY004  the one error of this class
        self._fields = dict(value)

    @classmethod
    def parse(cls, document: str) -> "JsonFields":
        """Read a whole document."""
        try:
            return cls(json.loads(document))
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def text(self, name: str) -> str:
        """Take a string."""
        value = self._take(name)
        if not isinstance(value, str):
            raise ValueError(f"{name} is not a string")  # noqa: TRY004  as above
        return value

    def integer(self, name: str) -> int:
        """Take a number that fits a PostgreSQL bigint."""
        value = self._take(name)
        if type(value) is not int or not ~_BIGINT_MAX <= value <= _BIGINT_MAX:
            raise ValueError(f"{name} is not an integer of 64 bits")
        return value

    def octets(self, name: str) -> bytes:
        """Take bytes written in lower case hexadecimal."""
        return _octets(name, self._take(name))

    def hash(self, name: str) -> bytes:
        """Take a hash of 32 bytes."""
        return _hash(name, self._take(name))

    def hashes(self, name: str) -> tuple[bytes, ...]:
        """Take a list of hashes."""
        return tuple(_hash(name, each) for each in self._list(name))

    def uuid(self, name: str) -> UUID:
        """Take a UUID."""
        return UUID(self.text(name))

    def moment(self, name: str) -> datetime:
        """Take a time in ISO 8601 with its zone."""
        value = datetime.fromisoformat(self.text(name))
        if value.tzinfo is None:
            raise ValueError(f"{name} has no time zone")
        return value.astimezone(UTC)

    def within(self, name: str) -> "JsonFields":
        """Take an object."""
        return JsonFields(self._take(name))

    def each(self, name: str) -> list["JsonFields"]:
        """Take a list of objects."""
        return [JsonFields(each) for each in self._list(name)]

    def is_null(self, name: str) -> bool:
        """Take a field if it is there and null, and tell so."""
        is_null = name in self._fields and self._fields[name] is None
        if is_null:
            self._take(name)
        return is_null

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self._fields:
            raise ValueError(f"unknown field {min(map(str, self._fields))}")

    def _take(self, name: str) -> object:
        try:
            return self._fields.pop(name)
        except KeyError:
            raise ValueError(f"{name} is missing") from None

    def _list(self, name: str) -> list[object]:
        value = self._take(name)
        if not isinstance(value, list):
            raise ValueError(f"{name} is not a list")  # noqa: TRY004  as above
        return value


def moment_text(moment: datetime) -> str:
    """Return a time as text in UTC, to the microsecond: the one form that heads are signed in."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _hash(name: str, value: object) -> bytes:
    octets = _octets(name, value)
    if len(octets) != _HASH_LENGTH:
        raise ValueError(f"{name} is not a hash of 32 bytes")
    return octets


def _octets(name: str, value: object) -> bytes:
    octets = bytes.fromhex(value) if isinstance(value, str) else b""
    if octets.hex() != value:
        raise ValueError(f"{name} is not lower case hexadecimal")
    return octets
