"""What can be wrong with a database before the first query of the engine.

CampusError
├── EmbeddedServerFailed   the embedded server cannot be made, started or stopped; says why
├── DatabaseUnavailable    no connection: nobody answers, or the role is not let in
├── UnsafeDatabase         settings under which an acknowledged transfer could be lost; names all
├── InvalidDatabaseUrl     not of the form postgresql://…; never repeats the text
├── InvalidCampusName      a name that cannot be a campus
├── MigrationChanged       an applied migration is no longer the file that was applied
├── MigrationUnknown       the database is newer than the program
├── MigrationGap           the files of a component are not numbered 1 to n
└── MigrationFailed        PostgreSQL refused a migration; nothing of it remains
"""

from ledger.errors import CampusError


class EmbeddedServerFailed(CampusError):
    """The embedded server could not be made, started or stopped; the message says why."""

    code = "embedded_server_failed"


class DatabaseUnavailable(CampusError):
    """PostgreSQL did not answer in time, or did not let the role in."""

    code = "database_unavailable"
    transient = True


class UnsafeDatabase(CampusError):
    """The server would acknowledge what it can still lose; `wrong` has one text per setting."""

    code = "unsafe_database"

    def __init__(self, wrong: tuple[str, ...]) -> None:
        super().__init__("this PostgreSQL may not keep money: " + "; ".join(wrong))
        self.wrong = wrong


class InvalidDatabaseUrl(CampusError):
    """The address of the database cannot be read. Its text is kept out: it may hold a password."""

    code = "invalid_database_url"


class InvalidCampusName(CampusError):
    """The name of a campus cannot be the name of its schema; `field` is the field at fault."""

    code = "invalid_campus_name"
    field = "name"


class MigrationChanged(CampusError):
    """The file of an applied migration, or its name, is not what was applied."""

    code = "migration_changed"

    def __init__(self, file: str) -> None:
        super().__init__(f"{file} was changed after it was applied; write a new migration instead")
        self.file = file


class MigrationUnknown(CampusError):
    """The database has a migration that this program does not know: the program is too old."""

    code = "migration_unknown"

    def __init__(self, file: str) -> None:
        super().__init__(f"the database has {file}, which this program does not know; upgrade it")
        self.file = file


class MigrationGap(CampusError):
    """The files of a component are not numbered 1, 2, 3 and so on."""

    code = "migration_gap"

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file


class MigrationFailed(CampusError):
    """PostgreSQL refused a migration, which left no trace; `sqlstate` is its reason."""

    code = "migration_failed"

    def __init__(self, file: str, sqlstate: str, reason: str) -> None:
        super().__init__(f"{file}: {reason} (SQLSTATE {sqlstate})")
        self.file = file
        self.sqlstate = sqlstate
