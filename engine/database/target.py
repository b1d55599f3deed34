"""Where a PostgreSQL is, and as whom we go there."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from engine.database.errors import InvalidDatabaseUrl


class Role(StrEnum):
    """The roles of a campus database."""

    SUPERUSER = "postgres"
    """Made the embedded cluster. The engine never connects as this role."""
    OWNER = "campus_owner"
    """Owns schemas, tables and partitions; runs the migrations."""
    APP = "campus_app"
    """The engine at run time, with no more rights than the migrations grant."""


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a database and the role to use, as a `postgresql://` URL.

    Neither repr nor errors show the URL, which may hold a password. Raises InvalidDatabaseUrl.
    """

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            readable = parts.scheme in {"postgresql", "postgres"} and parts.port != 0
        except ValueError:
            readable = False
        else:
            # An @ after the first / ? or # means that one of these stands in the password.
            readable &= "@" not in parts.path + parts.query + parts.fragment
        if not readable:
            raise InvalidDatabaseUrl(
                "the database URL is not of the form postgresql://user:password@host:port/database "
                "(in a password, @ : / ? # are written %40 %3A %2F %3F %23)"
            )

    @classmethod
    def by_socket(cls, folder: Path, role: Role, database: str) -> "Target":
        """Return the target behind the Unix socket in a folder; the system says who we are."""
        query = urlencode({"host": str(folder), "user": role.value})
        return cls(f"postgresql:///{quote(database)}?{query}")
