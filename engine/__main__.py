"""The program `campus`: reads the environment, and hands its settings to the command line."""

import os
import sys

from engine.cli.main import cli
from engine.cli.output import ExitCode
from engine.settings import InvalidSettings, read_settings


def main() -> None:
    """Run the command that was typed. Wrong settings are told all at once, with exit code 2."""
    try:
        settings = read_settings(os.environ)
    except InvalidSettings as error:
        sys.exit(_complain(error))
    cli(obj=settings, prog_name="campus")


def _complain(error: InvalidSettings) -> ExitCode:
    for problem in error.problems:
        sys.stderr.write(f"campus: {problem}\n")
    return ExitCode.USAGE


if __name__ == "__main__":
    main()
