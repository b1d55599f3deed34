"""Changing a JSON document in one place."""

import json
from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[str | int, ...]


def places(value: object, place: Place = ()) -> Iterator[Place]:
    """The place of every single value in a document."""
    match value:
        case dict():
            for name in value:
                yield from places(value[name], (*place, name))
        case list():
            for index, each in enumerate(value):
                yield from places(each, (*place, index))
        case _:
            yield place


def name_of(place: Place) -> str:
    return "-".join(map(str, place)) or "all"


def changed(document: str, place: Place, change: Callable[[Any], object]) -> str:
    """The document with the value at a place changed."""
    whole: Any = json.loads(document)
    *way, last = place
    within = whole
    for step in way:
        within = within[step]
    within[last] = change(within[last])
    return json.dumps(whole)


def slightly_other(value: object) -> object:
    """A value that has the right form and is not the same."""
    match value:
        case None:
            return "00000000-0000-0000-0000-000000000000"
        case int():
            return value + 1
        case str() if value.endswith("Z"):
            return value.replace("2026", "2025")
        case str():
            return value[:-1] + ("1" if value[-1] == "0" else "0")
    raise AssertionError(value)
