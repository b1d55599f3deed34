"""Any message that the wire allows, made from the declarations of the messages themselves."""

from typing import Final, get_args

from hypothesis import strategies as st
from msgspec import Struct, inspect

from terminals.messages import Answer, FromEngine, FromTerminal, Message, Request

FROM_TERMINAL: Final[tuple[type[Message], ...]] = get_args(FromTerminal)
FROM_ENGINE: Final[tuple[type[Message], ...]] = get_args(FromEngine)
IN_BULK: Final[tuple[type[Message], ...]] = (*get_args(Request), *get_args(Answer))
"""What may fill a frame; the other kinds come alone."""


def any_of(kinds: tuple[type[Message], ...]) -> st.SearchStrategy[Message]:
    """Messages of these kinds, with any content that their fields allow."""
    return st.one_of([any_message(kind) for kind in kinds])


def any_message(kind: type[Message]) -> st.SearchStrategy[Message]:
    """Messages of one kind."""
    return st.builds(kind, **{field.name: any_value(field.type) for field in _fields(kind)})


def any_value(  # noqa: C901, PLR0911  one case for each kind of field
    kind: inspect.Type,
) -> st.SearchStrategy[object]:
    """Values of a field."""
    match kind:
        case inspect.IntType(ge=low, le=high):
            return st.integers(low, high)
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern.replace("$", r"\Z"))
        case inspect.StrType(min_length=low, max_length=high):
            return st.text(min_size=low or 0, max_size=high)
        case inspect.BytesType(min_length=low, max_length=high):
            return st.binary(min_size=low or 0, max_size=high)
        case inspect.VarTupleType(item_type=item, min_length=low, max_length=high):
            values = any_value(item)
            return st.lists(values, min_size=low or 0, max_size=high).map(tuple)
        case inspect.EnumType(cls=enum):
            return st.sampled_from(enum)
        case inspect.UnionType(types=kinds):
            return st.one_of([any_value(each) for each in kinds])
        case inspect.UUIDType():
            return st.uuids()
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case _:
            raise TypeError(f"no message has had a field like this before: {kind}")


def bytes_max(kind: type[Message]) -> int:
    """How long a message of a kind can be, in MessagePack."""
    return 2 + sum(_value_bytes_max(field.type) for field in _fields(kind))


def _value_bytes_max(kind: inspect.Type) -> int:
    match kind:
        case inspect.StrType(max_length=int(most)):
            return 3 + 4 * most  # UTF-8 has four bytes at most for a character
        case inspect.EnumType(cls=enum):
            return 3 + max(len(member.value) for member in enum)
        case inspect.UnionType(types=kinds):
            return max(_value_bytes_max(each) for each in kinds)
        case inspect.IntType():
            return 9
        case inspect.UUIDType():
            return 18
        case inspect.BoolType() | inspect.NoneType():
            return 1
        case _:
            raise TypeError(f"no message that comes in bulk has had a field like this: {kind}")


def _fields(kind: type[Struct]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return described.fields
