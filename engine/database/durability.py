"""The settings that an acknowledged transfer rests on."""

from collections.abc import Mapping
from typing import Final

from engine.database.errors import UnsafeDatabase
from ledger import queries
from ledger.book import LedgerConnection

_SQL = queries.load("engine.database", "durability")

_SAFE: Final = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
    "data_checksums": ("on",),
}
"""The accepted values, the usual one first. `local` and `remote_write` lose what a failover to a
synchronous standby should keep, `off` what a crash should."""

_VERSION: Final = "server_version_num"
_VERSION_MIN: Final = 16_00_00  # PostgreSQL 16


async def check_durability(connection: LedgerConnection) -> None:
    """Raise UnsafeDatabase, naming each setting that is wrong, its value and the one needed.

    A role or database may have settings of its own, so this asks as the role that posts.
    """
    rows = await connection.fetch(_SQL.get("list_settings"), [*_SAFE, _VERSION])
    wrong = wrong_settings({row["name"]: row["value"] for row in rows})
    if wrong:
        raise UnsafeDatabase(wrong)


def wrong_settings(found: Mapping[str, str]) -> tuple[str, ...]:
    """Return a text for each of a server's settings under which a transfer could be lost."""
    wrong = [
        f"{name} is {found[name]}, needed is {' or '.join(safe)}"
        for name, safe in _SAFE.items()
        if found[name] not in safe
    ]
    if int(found[_VERSION]) < _VERSION_MIN:
        wrong.append(f"{_VERSION} is {found[_VERSION]}, needed is {_VERSION_MIN} or later")
    return tuple(wrong)
