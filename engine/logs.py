"""Logging: one line for each event, JSON for programs and readable on a terminal.

An event is a constant phrase plus fields. What must never be in a log is kept out by those who
write the line; the masks here, and errors told without what they were about, are a second line.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Final, TextIO

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from engine.settings import LogFormat, LogSettings
from ledger.errors import CampusError

MASKED: Final = "[masked]"

_SECRET_FIELDS: Final = frozenset(
    {
        "authorization",
        "card_number",
        "cookie",
        "credentials",
        "device",
        "enrolment_code",
        "key",
        "name",
        "number",
        "one_time_code",
        "pan",
        "password",
        "person_number",
        "phone",
        "pin",
        "private_key",
        "secret",
        "session",
        "signature",
        "token",
        "uid",
    }
)
"""Fields whose value is never written, whoever puts them into an event."""

_LONG_NUMBER: Final = re.compile(r"(?<![\w.:-])\d{11,19}(?![\w-])")
"""What may be a card, phone or citizen number in a text."""
_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)[^\s/@]+@")
_OTHER_LIBRARIES_FROM: Final = logging.WARNING


def configure_logs(settings: LogSettings, stream: TextIO = sys.stderr) -> None:
    """Write every log line of this process to a stream, also those of libraries that matter.

    To be called once, before anything is logged.
    """
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    is_json = settings.format is LogFormat.JSON or (
        settings.format is LogFormat.AUTO and not stream.isatty()
    )
    renderer = _json if is_json else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        tell_error,
        mask_secrets,
        # What we add ourselves needs no mask, and masking costs more than all the rest of a line.
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*steps, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=steps,
            processors=[ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, _OTHER_LIBRARIES_FROM), force=True)


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what looks like a secret or a personal number, at any depth of an event."""
    return {field: _masked(field, value) for field, value in event.items()}


def tell_error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its classes and places.

    Its message is told only if the error is one of ours, which promise to name nobody: that of
    a driver's error may hold the row that it complains of.
    """
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if isinstance(given, tuple):
        error = given[1]
    if error is not None:
        event["error"] = list(_kinds(error))
        event["frames"] = _frames(error.__traceback__)
    return event


def _masked(field: str, value: object) -> object:
    if field in _SECRET_FIELDS:
        return MASKED
    match value:
        case str():
            return _LONG_NUMBER.sub(MASKED, _PASSWORD_IN_URL.sub(f"{MASKED}@", value))
        case dict():
            return {str(inner): _masked(str(inner), each) for inner, each in value.items()}
        case list() | tuple():
            return [_masked("", each) for each in value]
        case _:
            return value


def _kinds(error: BaseException) -> Iterator[str]:
    cause: BaseException | None = error
    while cause is not None:
        kind = type(cause).__qualname__
        yield f"{kind}: {cause}" if isinstance(cause, CampusError) else kind
        if isinstance(cause, BaseExceptionGroup):
            for each in cause.exceptions:
                yield from _kinds(each)
        cause = cause.__cause__ or cause.__context__


def _frames(trace: TracebackType | None) -> list[str]:
    return [
        f"{frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}"
        for frame, line in traceback.walk_tb(trace)
    ]


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
