"""The program `campus` with all its commands."""

import typer

from engine.cli.running import run

HELP = "The campus card and payment engine. Its settings are variables CAMPUS_…"

cli = typer.Typer(
    name="campus",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would show local variables
)
cli.command()(run)


@cli.callback(help=HELP)
def main() -> None:
    """Make `run` and its like commands of a program that has several."""
