"""`campus run`: the engine in the foreground."""

import signal
import sys
from types import FrameType

import structlog
import typer
import uvloop

from engine.cli.output import ExitCode, Output
from engine.keys import open_keys
from engine.logs import configure_logs
from engine.postgres import open_postgres
from engine.process import Beside, run_engine
from engine.settings import Settings
from ledger.errors import CampusError

log = structlog.get_logger()


def run(context: typer.Context) -> None:
    """Run the engine until SIGTERM or SIGINT; a second signal ends it at once."""
    settings = context.find_object(Settings)
    assert settings is not None, "main hands them in"
    run_in_foreground(settings)


def run_in_foreground(settings: Settings, beside: Beside | None = None) -> None:
    """Run the engine, with something beside it, until a signal; exit with what became of it."""
    configure_logs(settings.log)
    # Until the event loop takes the signals over, they end the start in order.
    signal.signal(signal.SIGTERM, _exit)
    try:
        keys = open_keys(settings.keys_of(settings.campus))
        with open_postgres(settings) as postgres:
            uvloop.run(run_engine(settings, keys, postgres, beside))
    except CampusError as error:
        _end(error)
    except ExceptionGroup as group:
        expected, bugs = group.split(CampusError)
        if expected is None or bugs is not None:
            log.exception("engine crashed")
            raise typer.Exit(ExitCode.REFUSED) from None
        _end(_first(expected))
    except Exception:
        log.exception("engine crashed")
        raise typer.Exit(ExitCode.REFUSED) from None


def _end(error: CampusError) -> None:
    log.error("engine ended", code=error.code, reason=str(error))
    Output(as_json=False).fail(error)


def _first(group: ExceptionGroup[CampusError]) -> CampusError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(ExitCode.REFUSED)
