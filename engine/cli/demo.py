"""`campus demo`: an engine with a campus that sells all day, until it is stopped."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from engine.cli.running import run_in_foreground
from engine.demo import run as demo
from engine.demo.ground import Ground, Options
from engine.keys import Keys
from engine.parts import Parts
from engine.settings import LogLevel, Settings

_OPTIONS: Final = Options()


def demo_run(
    context: typer.Context,
    *,
    sample: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", exists=True, file_okay=False, help="A real month."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.01, help="How much faster than ours its clock runs.")
    ] = _OPTIONS.speed,
    people: Annotated[
        int, typer.Option(min=1, help="How many are made up at the first start.")
    ] = _OPTIONS.people,
    verbose: Annotated[bool, typer.Option("--verbose", help="Write the engine's log too.")] = False,
) -> None:
    """Run the engine with a campus to try things on; stop it with Ctrl-C, start it again later."""
    settings = context.find_object(Settings)
    assert settings is not None, "main hands them in"
    if not verbose:
        settings = replace(settings, log=replace(settings.log, level=LogLevel.WARNING))
    options = Options(speed=speed, people=people, sample=sample)

    async def beside(parts: Parts, keys: Keys, url: str) -> None:
        await demo.run(_ground(settings, parts, keys, url), options, Console(highlight=False))

    run_in_foreground(settings, beside)


def _ground(settings: Settings, parts: Parts, keys: Keys, url: str) -> Ground:
    def is_in_balance() -> bool | None:
        return None if parts.books.books is None else not parts.books.books.findings

    return Ground(
        campus=parts.campus,
        pool=parts.pool,
        pin_keys=keys.pins,
        clock=parts.clock,
        url=url,
        folder=settings.data_dir / "demo" / settings.campus,
        is_in_balance=is_in_balance,
    )
