"""What must be true of a list of operations, checked once, before anything is served."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final
from uuid import UUID

import msgspec
from msgspec import inspect

from engine.api.operations import AnyOperation, Method
from engine.api.statuses import codes_of
from engine.api.wire import Nothing

_PATH = re.compile(r"/v1(/([a-z][a-z0-9_.-]*|\{[a-z][a-z0-9_]*\}))+")
_NAME = re.compile(r"\{(\w+)\}")
_WITHOUT_BODY: Final = {Method.GET, Method.DELETE}
_INTENT_IDS: Final = (UUID, UUID | None)


class WronglyDeclared(Exception):
    """Operations that contradict themselves or each other. Lists every fault found."""


def check(operations: Sequence[AnyOperation]) -> None:
    """Raise WronglyDeclared unless every operation is sound and none is in another's way."""
    names = Counter(operation.name for operation in operations)
    places = Counter((operation.method, operation.path) for operation in operations)
    faults = [f"{name}: the name is taken" for name, count in names.items() if count > 1]
    faults += [f"{' '.join(place)}: declared twice" for place, count in places.items() if count > 1]
    for operation in operations:
        faults += [f"{operation.name}: {fault}" for fault in _faults(operation)]
    if faults:
        raise WronglyDeclared("\n".join(faults))


def names_in(path: str) -> tuple[str, ...]:
    """Return the names in braces, in their order."""
    return tuple(_NAME.findall(path))


def _faults(operation: AnyOperation) -> Iterator[str]:
    if not _PATH.fullmatch(operation.path):
        yield f"{operation.path} is not a path"
    fields = {field.name: field for field in msgspec.structs.fields(operation.parameters)}
    for name in names_in(operation.path):
        if name not in fields or not fields[name].required:
            yield f"{name} is not a required field of {operation.parameters.__name__}"
    if operation.method in _WITHOUT_BODY and operation.body is not Nothing:
        yield f"{operation.method} has no body"
    if (operation.status is HTTPStatus.NO_CONTENT) != (operation.response is Nothing):
        yield "204 is the answer that has no content"
    if operation.moves_money:
        yield from _faults_of_intent(operation)
    for kind in operation.errors:
        try:
            codes_of(kind)
        except LookupError as error:
            yield str(error)
    for form in (operation.body, operation.parameters):
        yield from _lax(inspect.type_info(form), form.__name__, set())


def _faults_of_intent(operation: AnyOperation) -> Iterator[str]:
    if operation.method is not Method.POST:
        yield "money is moved by POST"
    for field in msgspec.structs.fields(operation.body):
        if field.name == "id" and field.type not in _INTENT_IDS:
            yield "the body's `id` is the idempotency key, a UUID"


def _lax(kind: inspect.Type, where: str, seen: set[type]) -> Iterator[str]:
    """Find what would let a caller say something that we misunderstand."""
    if isinstance(kind, inspect.StructType):
        if kind.cls in seen:
            return
        seen.add(kind.cls)
    fault = _fault_of_type(kind, where)
    if fault:
        yield fault
    for inner, name in _inside(kind):
        yield from _lax(inner, where + name, seen)


def _inside(kind: inspect.Type) -> Iterator[tuple[inspect.Type, str]]:
    match kind:
        case inspect.Metadata(type=inner):
            yield inner, ""
        case inspect.StructType(fields=fields):
            for field in fields:
                yield field.type, f".{field.name}"
        case inspect.CollectionType(item_type=item) | inspect.DictType(value_type=item):
            yield item, ""
        case inspect.UnionType(types=types):
            for each in types:
                yield each, ""


def _fault_of_type(kind: inspect.Type, where: str) -> str | None:
    match kind:
        case inspect.StructType(forbid_unknown_fields=False):
            return f"{where} tolerates unknown fields"
        case inspect.DateTimeType(tz=None | False):
            return f"{where} takes times without an offset"
        case inspect.IntType(ge=None) | inspect.IntType(le=None) if where.endswith("_fen"):
            return f"{where} is an amount without bounds"
        case inspect.FloatType():
            return f"{where} is a float"
        case inspect.AnyType() | inspect.RawType():
            return f"{where} takes anything"
        case _:
            return None
