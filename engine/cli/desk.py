"""Where a command works: the settings, and a connection to the campus they name."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import typer

from engine.audit_trail import Actor, ActorKind
from engine.cli.output import Output
from engine.database.campus import list_campuses
from engine.database.os_user import current_user
from engine.errors import PersonNotFound
from engine.people import Person, find_person
from engine.postgres import Postgres, connected, open_postgres
from engine.settings import Settings
from ledger.book import LedgerConnection
from ledger.errors import CampusError

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

T = TypeVar("T")


class CampusNotFound(CampusError):
    """The database has no campus of this name."""

    code = "campus_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What one command works with."""

    settings: Settings
    output: Output

    @property
    def actor(self) -> Actor:
        """As the audit trail names who types commands: the user of this machine."""
        return Actor(kind=ActorKind.SYSTEM, id=None, name=f"{current_user().name} (command line)")

    def at_server(self, work: Callable[[Postgres], Awaitable[T]]) -> T:
        """Return what comes of some work at the database server, which is started if need be.

        Prints an error of ours and exits.
        """
        try:
            with open_postgres(self.settings) as postgres:
                return asyncio.run(_awaited(work(postgres)))
        except CampusError as error:
            self.output.fail(error)

    def in_campus(
        self,
        work: "Callable[[Connection[Record]], Awaitable[T]]",
        *,
        limit_s: float | None = None,
    ) -> T:
        """Return what comes of some work in the campus, over one connection.

        `limit_s` is for one statement, where the settings' own is too short. Prints an error of
        ours and exits.
        """
        limit_s = limit_s or self.settings.database.command_timeout_s

        async def connect_and_work(postgres: Postgres) -> T:
            campus = self.settings.campus
            async with connected(postgres.app, campus, command_timeout_s=limit_s) as connection:
                if campus not in await list_campuses(connection):
                    raise CampusNotFound(f"make it first: campus create {campus}")
                return await work(connection)

        return self.at_server(connect_and_work)


def open_desk(context: typer.Context, *, as_json: bool) -> Desk:
    """Return where the command of this context works."""
    settings = context.find_object(Settings)
    assert settings is not None, "main hands them in"
    return Desk(settings=settings, output=Output(as_json=as_json))


async def person_of(connection: LedgerConnection, number: str) -> Person:
    """Return the person with a number. Raises PersonNotFound."""
    found = await find_person(connection, number)
    if found is None:
        raise PersonNotFound("nobody has this number")
    return found


async def _awaited(work: Awaitable[T]) -> T:
    return await work
