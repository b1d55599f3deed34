"""`campus doctor`: whether this installation is well."""

import asyncio
from collections.abc import Iterator

import msgspec
import typer
from rich.console import RenderableType
from rich.table import Table

from engine.cli.desk import open_desk
from engine.cli.output import AsJson, ExitCode
from engine.doctor import Diagnosis, examine_database, examine_machine
from engine.postgres import open_postgres
from engine.settings import Settings
from ledger.errors import CampusError
from ledger.time import wall_clock


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    is_well: bool
    detail: str
    advice: str | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that was looked at."""

    is_well: bool
    examined: list[Examined]


def doctor(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Look the installation over and say what to do. Exit code 1 if anything is wrong."""
    desk = open_desk(context, as_json=as_json)
    examined = [
        Examined(name=each.name, is_well=each.is_well, detail=each.detail, advice=each.advice)
        for each in _examine(desk.settings)
    ]
    report = Report(is_well=all(each.is_well for each in examined), examined=examined)
    desk.output.show(report, _draw)
    if not report.is_well:
        raise typer.Exit(ExitCode.REFUSED)


def _examine(settings: Settings) -> Iterator[Diagnosis]:
    yield from examine_machine(settings)
    try:
        with open_postgres(settings) as postgres:
            yield from asyncio.run(examine_database(settings, postgres, wall_clock))
    except CampusError as error:
        advice = "see that the server runs and lets both roles in"
        yield Diagnosis(name="database", detail=str(error), advice=advice)


def _draw(report: Report) -> RenderableType:
    drawn = Table(box=None, pad_edge=False, show_header=False)
    for each in report.examined:
        mark = "[green]OK[/]" if each.is_well else "[bold red]wrong[/]"
        drawn.add_row(mark, each.name, each.detail)
        if each.advice:
            drawn.add_row("", "", f"[yellow]→ {each.advice}[/]")
    return drawn
