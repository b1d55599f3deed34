"""What a process would log, kept in memory."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from engine.logs import configure_logs
from engine.settings import LogFormat, LogLevel, LogSettings


@contextmanager
def captured_logs(
    *, format_: LogFormat = LogFormat.JSON, level: LogLevel = LogLevel.INFO
) -> Iterator[io.StringIO]:
    """Log into a stream, as the engine would, while inside."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, root_level = root.handlers[:], root.level
    structlog_before = structlog.get_config()
    root.handlers = []
    configure_logs(LogSettings(format=format_, level=level), stream)
    # Loggers of modules outlive the test: they must not remember this stream.
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield stream
    finally:
        root.handlers = handlers
        root.setLevel(root_level)
        structlog.configure(**structlog_before)
