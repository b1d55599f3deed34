"""A PostgreSQL to keep a campus in: the embedded one or somebody else's, and the campus in it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg

from engine.chart import open_campus_accounts
from engine.database.campus import create_campus
from engine.database.connections import connect
from engine.database.durability import check_durability
from engine.database.embedded import EmbeddedServer
from engine.database.errors import EmbeddedServerFailed
from engine.database.target import Role, Target
from engine.settings import Settings
from ledger.book import make_months
from ledger.time import wall_clock

if TYPE_CHECKING:
    from asyncpg.connection import Connection

_MONTHS: Final = 3
_MIGRATION_TIMEOUT_S: Final = 3_600.0
"""A migration may rewrite a large table; waiting for locks has a limit of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running server, and how to reach it in each role."""

    app: Target
    owner: Target
    embedded: EmbeddedServer | None


@contextmanager
def open_postgres(settings: Settings) -> Iterator[Postgres]:
    """Have a server while inside: start the embedded one, or share the one that runs already.

    Blocks for as long as that takes; nothing is asked of an external server yet. Raises
    EmbeddedServerFailed.
    """
    external = settings.database.external
    if external is not None:
        yield Postgres(app=external.app, owner=external.owner, embedded=None)
        return
    folder = settings.data_dir / "postgres"
    buffers_mib = settings.database.shared_buffers_mib
    server = EmbeddedServer(folder, shared_buffers_mib=buffers_mib)
    try:
        server.start()
    except OSError as error:
        raise EmbeddedServerFailed(f"{error.filename}: {error.strerror}") from error
    try:
        yield Postgres(
            app=server.target(Role.APP), owner=server.target(Role.OWNER), embedded=server
        )
    finally:
        server.stop()


async def prepare_campus(postgres: Postgres, campus: str, *, command_timeout_s: float) -> list[str]:
    """Make a campus or bring it up to date, on a server that may keep money.

    Returns the migrations that were applied; also opens the campus's own accounts and the months
    ahead. Raises UnsafeDatabase with every setting that is wrong, DatabaseUnavailable, and what
    `create_campus` raises.
    """
    app_connection = connected(postgres.app, campus, command_timeout_s=command_timeout_s)
    async with app_connection as app:
        await check_durability(app)
        async with connected(
            postgres.owner, campus, command_timeout_s=_MIGRATION_TIMEOUT_S
        ) as owner:
            applied = await create_campus(owner, campus)
        await open_campus_accounts(app)
        await make_months(app, months_ahead(wall_clock()))
    return applied


def months_ahead(at: datetime) -> list[datetime]:
    """Return a moment in the month of `at` and in each of the next two."""
    first = at.astimezone(UTC).replace(day=1)
    return [first + timedelta(days=31 * number) for number in range(_MONTHS)]


@asynccontextmanager
async def connected(
    target: Target, campus: str, *, command_timeout_s: float
) -> "AsyncIterator[Connection[asyncpg.Record]]":
    """Have one connection to a campus while inside. Raises DatabaseUnavailable."""
    connection = await connect(target, campus, command_timeout_s=command_timeout_s)
    try:
        yield connection
    finally:
        await connection.close()
