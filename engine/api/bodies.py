"""Reading what a request carries: body, path and query, each into its strict struct."""

import json
import re
from collections.abc import Sequence
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from engine.api.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType

T = TypeVar("T", bound=msgspec.Struct)

_PARAMETERS_MAX: Final = 32
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# The parts of msgspec's messages. What a caller made up stands in the last group of the second,
# and after the first of the third.
_AT = re.compile(r" - at `\$\.?([\w.\[\]]*)`\Z")
_NAMED_FIELD = re.compile(r"(Object (?:contains unknown|missing required) field) `(.*)`", re.DOTALL)
_ECHOING = re.compile(r"((?:Invalid (?:enum )?value|Object \w+ \w+ field)) .*", re.DOTALL)


def headers(scope: Scope, name: bytes) -> list[bytes]:
    """Return the values of a header, by its name in lower case, as they came."""
    return [value for key, value in scope["headers"] if key == name]


async def read(scope: Scope, receive: Receive, *, bytes_max: int) -> bytes:
    """Return a body that is declared as JSON, as it came.

    Raises UnsupportedMediaType before anything is read, and what `read_all` raises.
    """
    media_type = b"".join(headers(scope, b"content-type")).partition(b";")[0]
    if media_type.strip().lower() != b"application/json":
        raise UnsupportedMediaType
    return await read_all(scope, receive, bytes_max=bytes_max)


async def read_all(scope: Scope, receive: Receive, *, bytes_max: int) -> bytes:
    """Return the body as it came, whatever it is.

    Raises BodyTooLarge as soon as that is known, and ClientDisconnect when the caller is gone.
    """
    # The server has checked that a content-length is a number, and that there is only one.
    if any(int(length) > bytes_max for length in headers(scope, b"content-length")):
        raise BodyTooLarge(bytes_max)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > bytes_max:
            raise BodyTooLarge(bytes_max)
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decode(body: bytes, form: type[T]) -> T:
    """Return the body as a struct.

    Stricter than JSON asks: a name given twice, and the character NUL, which PostgreSQL cannot
    store, are refused too. Raises InvalidRequest, which never repeats a value.
    """
    try:
        value = msgspec.json.decode(body, type=form)
        if rb"\u0000" in body:
            raise InvalidRequest("body", "contains the character NUL")
        _DISTINCT.raw_decode(body.decode().lstrip())
    except msgspec.ValidationError as error:
        raise _invalid(error, whole="body") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest("body", "not JSON") from None
    except RecursionError:
        raise InvalidRequest("body", "nested too deeply") from None
    return value


def parameters(path: dict[str, str], query: bytes, form: type[T]) -> T:
    """Return path and query together as a struct. Raises InvalidRequest."""
    values = _with_query(path, query) if query else path
    if any("\0" in text for text in values.values()):
        raise InvalidRequest("query", "contains the character NUL")
    try:
        return msgspec.convert(values, form, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error, whole="query") from None


def _with_query(path: dict[str, str], query: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_PARAMETERS_MAX,
        )
    except ValueError:  # a wrong encoding is one, too
        raise InvalidRequest("query", "not a query of names and values") from None
    values = dict(path)
    for name, text in pairs:
        if name in values:
            raise InvalidRequest(_shown(name), "given twice")
        values[name] = text
    return values


def _invalid(error: msgspec.ValidationError, *, whole: str) -> InvalidRequest:
    """Turn msgspec's message, `reason - at $.path`, into ours without any value of the caller."""
    reason, path = str(error), ""
    at = _AT.search(reason)
    if at:
        reason, path = reason[: at.start()], at[1]
    named = _NAMED_FIELD.fullmatch(reason)
    if named:
        path = f"{path}.{_shown(named[2])}" if path else _shown(named[2])
    return InvalidRequest(path or whole, _ECHOING.sub(r"\1", reason))


def _shown(name: str) -> str:
    """Return a name that a caller made up if it is harmless, else a placeholder."""
    return name if _NAME.fullmatch(name) else "(unprintable)"


def _distinct(pairs: Sequence[tuple[str, object]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidRequest(_shown(name), "given twice")
        seen.add(name)


# Numbers stay text here: msgspec has judged them already.
_DISTINCT = json.JSONDecoder(object_pairs_hook=_distinct, parse_int=str, parse_float=str)
