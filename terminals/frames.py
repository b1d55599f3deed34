"""Frames: arrays of messages, as MessagePack on the link and in either coding over HTTP.

A frame is taken or refused as a whole. Reading one raises MalformedFrame, or UnknownMessage for a
tag that has no place there, and nothing else, whatever the bytes are.
"""

from collections.abc import Callable, Sequence
from types import UnionType
from typing import Annotated, Final, TypeVar, get_args

from msgspec import DecodeError, Meta, Raw, Struct, json, msgpack

from terminals.errors import MalformedFrame, UnknownMessage
from terminals.messages import (
    FRAME_BYTES_MAX,
    MESSAGES_MAX,
    FromEngine,
    FromTerminal,
    Message,
    Request,
)

T = TypeVar("T")
_Frame = Annotated[list[T], Meta(min_length=1, max_length=MESSAGES_MAX)]
Reader = Callable[[bytes], list[T]]

_msgpack = msgpack.Encoder(uuid_format="bytes")
_json = json.Encoder()


def write(messages: Sequence[Message]) -> bytes:
    """Return one MessagePack frame; at most MESSAGES_MAX messages belong in one."""
    return _msgpack.encode(messages)


def write_json(messages: Sequence[Message]) -> bytes:
    """Return the same frame as JSON: ids as text, bytes as base64."""
    return _json.encode(messages)


# What msgspec raises: for text that is not UTF-8 and for arrays in arrays in arrays, Python's own.
_NOT_A_FRAME: Final = (DecodeError, UnicodeDecodeError, RecursionError)


def _reader(kinds: UnionType, decode: Reader[T], read_tags: Reader[int]) -> Reader[T]:
    tags = {_tag(kind) for kind in get_args(kinds)}

    def read(frame: bytes) -> list[T]:
        if len(frame) > FRAME_BYTES_MAX:
            raise MalformedFrame(f"longer than {FRAME_BYTES_MAX} bytes")
        try:
            return decode(frame)
        except _NOT_A_FRAME as error:
            if not tags.issuperset(read_tags(frame)):
                raise UnknownMessage("a tag that has no place here") from error
            raise MalformedFrame("not a frame, or a field out of its bounds") from error

    return read


def _tag(kind: type[Struct]) -> int:
    tag = kind.__struct_config__.tag
    assert isinstance(tag, int)
    return tag


def _msgpack_tags(frame: bytes) -> list[int]:
    return _tags(frame, _msgpack_skim.decode, _msgpack_int.decode)


def _json_tags(frame: bytes) -> list[int]:
    return _tags(frame, _json_skim.decode, _json_int.decode)


def _tags(frame: bytes, skim: Reader[list[Raw]], to_int: Callable[[Raw], int]) -> list[int]:
    """Return the tags of a frame that is an array of arrays, or nothing when it is not one."""
    try:
        return [to_int(message[0]) for message in skim(frame) if message]
    except _NOT_A_FRAME:
        return []


_msgpack_skim: Final = msgpack.Decoder(list[list[Raw]])
_msgpack_int: Final = msgpack.Decoder(int)
_json_skim: Final = json.Decoder(list[list[Raw]])
_json_int: Final = json.Decoder(int)

_from_terminal: msgpack.Decoder[list[FromTerminal]] = msgpack.Decoder(_Frame[FromTerminal])
_from_terminal_json: json.Decoder[list[FromTerminal]] = json.Decoder(_Frame[FromTerminal])
_requests: msgpack.Decoder[list[Request]] = msgpack.Decoder(_Frame[Request])
_requests_json: json.Decoder[list[Request]] = json.Decoder(_Frame[Request])
_from_engine: msgpack.Decoder[list[FromEngine]] = msgpack.Decoder(_Frame[FromEngine])
_from_engine_json: json.Decoder[list[FromEngine]] = json.Decoder(_Frame[FromEngine])

read_requests: Final = _reader(Request, _requests.decode, _msgpack_tags)
read_requests_json: Final = _reader(Request, _requests_json.decode, _json_tags)
read_from_terminal: Final = _reader(FromTerminal, _from_terminal.decode, _msgpack_tags)
read_from_terminal_json: Final = _reader(FromTerminal, _from_terminal_json.decode, _json_tags)
read_from_engine: Final = _reader(FromEngine, _from_engine.decode, _msgpack_tags)
read_from_engine_json: Final = _reader(FromEngine, _from_engine_json.decode, _json_tags)
