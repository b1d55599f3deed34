"""Log lines: JSON that parses, and nothing in them that must not be there."""

import io
import json
import logging
from collections.abc import Iterator
from typing import NoReturn

import asyncpg
import pytest
import structlog

from engine.keys import BadKeys
from engine.logs import MASKED
from engine.settings import LogFormat, LogLevel
from tests.databases import Database
from tests.logs import captured_logs

log = structlog.get_logger()

SECRET = "hunter2"
CARD = "6228480402564890"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    with captured_logs() as stream:
        yield stream


def fail(error: Exception) -> NoReturn:
    raise error


def last_line(stream: io.StringIO) -> dict[str, object]:
    line: dict[str, object] = json.loads(stream.getvalue().splitlines()[-1])
    return line


def test_a_line_has_its_event_fields_level_and_time(stream: io.StringIO) -> None:
    log.info("purchase posted", amount_fen=1250)
    line = last_line(stream)
    assert line.pop("timestamp")
    assert line == {"event": "purchase posted", "amount_fen": 1250, "level": "info"}


def test_what_the_context_knows_is_in_every_line(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        log.info("one")
    log.info("two")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["request_id"] == "r-1"
    assert "request_id" not in second


@pytest.mark.parametrize("field", ["password", "pin", "token", "card_number", "number", "name"])
def test_a_secret_field_is_masked(stream: io.StringIO, field: str) -> None:
    log.info("sign-in", **{field: SECRET})
    assert last_line(stream)[field] == MASKED


@pytest.mark.parametrize(
    "value",
    [
        f"card {CARD} is unknown",
        {"inner": {"token": SECRET}},
        [f"postgresql://campus:{SECRET}@db/campus"],
        ({"pin": SECRET},),
        CARD,
    ],
)
def test_a_secret_inside_a_value_is_masked(stream: io.StringIO, value: object) -> None:
    log.warning("odd", detail=value)
    assert SECRET not in stream.getvalue()
    assert CARD not in stream.getvalue()


@pytest.mark.parametrize(
    "harmless",
    [
        "0198c2a4-1f2e-7c3a-9d4b-123456789012",
        "http://127.0.0.1:8018",
        "2026-03-02T04:05:06.789012Z",
        "1234567890 fen",
    ],
)
def test_ids_times_and_amounts_stay_readable(stream: io.StringIO, harmless: str) -> None:
    log.info("seen", what=harmless)
    assert last_line(stream)["what"] == harmless


def test_an_error_of_ours_is_told_with_its_message(stream: io.StringIO) -> None:
    try:
        fail(BadKeys("pin-1.key: others may read it"))
    except BadKeys:
        log.exception("no start")
    line = last_line(stream)
    assert line["error"] == ["BadKeys: pin-1.key: others may read it"]
    assert "test_logs.py" in str(line["frames"])


def test_any_other_error_is_told_without_its_message(stream: io.StringIO) -> None:
    try:
        try:
            fail(KeyError(SECRET))
        except KeyError as error:
            raise ValueError(SECRET) from error
    except ValueError:
        log.exception("broken")
    assert SECRET not in stream.getvalue()
    assert last_line(stream)["error"] == ["ValueError", "KeyError"]


def test_each_error_of_a_group_is_told(stream: io.StringIO) -> None:
    group = ExceptionGroup("parts", [OSError(SECRET), BadKeys("no key")])
    log.error("crashed", exc_info=group)
    assert last_line(stream)["error"] == ["ExceptionGroup", "OSError", "BadKeys: no key"]


def test_libraries_log_in_the_same_form(stream: io.StringIO) -> None:
    try:
        fail(RuntimeError(SECRET))
    except RuntimeError:
        logging.getLogger("asyncio").exception("task of card %s failed", CARD)
    line = last_line(stream)
    assert line["event"] == f"task of card {MASKED} failed"
    assert line["error"] == ["RuntimeError"]
    assert SECRET not in stream.getvalue()


def test_chatter_of_libraries_is_left_out(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Started server process")
    assert stream.getvalue() == ""


def test_lines_below_the_level_are_left_out() -> None:
    with captured_logs(level=LogLevel.WARNING) as stream:
        log.info("small")
        log.warning("large")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["large"]


def test_on_request_lines_are_for_people() -> None:
    with captured_logs(format_=LogFormat.TEXT) as stream:
        log.info("engine ready", url="http://127.0.0.1:8018")
    assert "engine ready" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


async def test_a_driver_error_does_not_tell_the_row(
    database: Database, stream: io.StringIO
) -> None:
    """asyncpg puts the row into its message: `DETAIL: Key (number)=(…) already exists`."""
    async with database.owner() as owner:
        add = "insert into people (id, number, name, kind) values (uuidv7(), $1, 'x', 'temporary')"
        await owner.execute(add, "20190001")
        with pytest.raises(asyncpg.UniqueViolationError) as refused:
            await owner.execute(add, "20190001")
    assert "20190001" in str(refused.value)
    log.error("not added", exc_info=refused.value)
    assert last_line(stream)["error"] == ["UniqueViolationError"]
    assert "20190001" not in stream.getvalue()


def test_a_stream_that_is_no_terminal_gets_json() -> None:
    with captured_logs(format_=LogFormat.AUTO) as stream:
        log.info("one")
    assert last_line(stream)["event"] == "one"
