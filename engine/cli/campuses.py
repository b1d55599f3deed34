"""`campus create` and `campus list`."""

from typing import Annotated

import msgspec
import typer

from engine.cli.desk import Desk, open_desk
from engine.cli.output import AsJson, table
from engine.database.campus import check_name, list_campuses
from engine.keys import open_keys
from engine.postgres import Postgres, connected, prepare_campus


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A campus that is there now."""

    campus: str
    migrations: list[str]
    """Applied now; none when it was up to date."""


class Campuses(msgspec.Struct, frozen=True, kw_only=True):
    """The campuses of the database."""

    campuses: list[str]


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 41 of a-z, 0-9 and _.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a campus, or bring it up to date."""
    desk = open_desk(context, as_json=as_json)
    created = desk.at_server(lambda postgres: _create(desk, postgres, name))
    desk.output.show(created, _draw_created)


def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the campuses of the database."""
    desk = open_desk(context, as_json=as_json)
    found = desk.at_server(lambda postgres: _list(desk, postgres))
    desk.output.show(found, lambda each: table("campus", rows=[(name,) for name in each.campuses]))


async def _create(desk: Desk, postgres: Postgres, name: str) -> Created:
    check_name(name)
    open_keys(desk.settings.keys_of(name))
    limit_s = desk.settings.database.command_timeout_s
    applied = await prepare_campus(postgres, name, command_timeout_s=limit_s)
    return Created(campus=name, migrations=applied)


async def _list(desk: Desk, postgres: Postgres) -> Campuses:
    limit_s = desk.settings.database.command_timeout_s
    async with connected(
        postgres.app, desk.settings.campus, command_timeout_s=limit_s
    ) as connection:
        return Campuses(campuses=await list_campuses(connection))


def _draw_created(created: Created) -> str:
    if not created.migrations:
        return f"{created.campus} is up to date"
    applied = "\n".join(f"  applied {migration}" for migration in created.migrations)
    return f"{created.campus} is ready\n{applied}"
