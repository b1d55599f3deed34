"""What the demo must remember from its first start: a file that its owner alone may read.

Who may sign in, with passwords that were made then; and what people's habits follow from, so that
they are the same ones after the next start.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from msgspec import DecodeError, Struct, json

from ledger.errors import CampusError

_FILE: Final = "demo.json"
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that looks like something else
_GROUPS: Final = 3
_GROUP: Final = 4


class DemoIncomplete(CampusError):
    """The campus has people, but this folder does not hold what a demo with them needs."""

    code = "demo_incomplete"


class Account(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Somebody who may sign in."""

    login: str
    name: str
    password: str
    pin: str | None = None

    def __repr__(self) -> str:
        """Leave the secrets out: this text may end in a log."""
        return f"Account(login={self.login!r})"


class DemoRecord(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a demo was founded with."""

    seed: int
    people: tuple[Account, ...]
    """The first of them buys something all day long."""
    staff: tuple[Account, ...]
    purchases: dict[str, int] | None
    """In a month, by the number of the person, if they come from a sample."""


def new_password() -> str:
    """Return 59 random bits that can be typed, such as `k7qx-2m4r-9tcd`."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def save(record: DemoRecord, folder: Path) -> None:
    """Write the record whole or not at all, in place of one that may be there."""
    path = folder / _FILE
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.format(json.encode(record), indent=1))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load(folder: Path) -> DemoRecord:
    """Read what `save` wrote. Raises DemoIncomplete."""
    path = folder / _FILE
    try:
        return json.decode(path.read_bytes(), type=DemoRecord)
    except (OSError, DecodeError) as error:
        raise DemoIncomplete(f"{path} is missing, or is not what the demo wrote") from error
