"""Frames: what is written is read again, and nothing else is ever read from them."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals import frames
from terminals.errors import MalformedFrame, UnknownMessage
from terminals.messages import FRAME_BYTES_MAX, MESSAGES_MAX, Message, Ping
from tests.links import approved, purchase
from tests.terminals.wire import FROM_ENGINE, FROM_TERMINAL, IN_BULK, any_of, bytes_max

Read = Callable[[bytes], Sequence[Message]]

MSGPACK: Final = [frames.read_requests, frames.read_from_terminal, frames.read_from_engine]
JSON: Final = [
    frames.read_requests_json,
    frames.read_from_terminal_json,
    frames.read_from_engine_json,
]


def frames_of(kinds: tuple[type[Message], ...]) -> st.SearchStrategy[list[Message]]:
    return st.lists(any_of(kinds), min_size=1, max_size=5)


@given(frames_of(FROM_TERMINAL))
def test_what_a_terminal_writes_is_read_again(messages: list[Message]) -> None:
    assert frames.read_from_terminal(frames.write(messages)) == messages
    assert frames.read_from_terminal_json(frames.write_json(messages)) == messages


@given(frames_of(FROM_ENGINE))
def test_what_the_engine_writes_is_read_again(messages: list[Message]) -> None:
    assert frames.read_from_engine(frames.write(messages)) == messages
    assert frames.read_from_engine_json(frames.write_json(messages)) == messages


def holds_or_refuses(read: Read, write: Callable[[Sequence[Message]], bytes], frame: bytes) -> None:
    """Ask that a frame is refused by the one error, or is a frame of the messages it is read as."""
    try:
        messages = read(frame)
    except MalformedFrame:
        return
    assert read(write(messages)) == messages


def damaged(frame: bytes, cut: int, bit: int) -> bytes:
    """Cut a frame to a length and turn one bit over."""
    altered = bytearray(frame[: cut % len(frame) + 1])
    altered[bit // 8 % len(altered)] ^= 1 << bit % 8
    return bytes(altered)


@given(frames_of((*FROM_TERMINAL, *FROM_ENGINE)), st.integers(0), st.integers(0))
@pytest.mark.parametrize("read", MSGPACK)
def test_a_damaged_frame_is_refused_or_still_a_frame(
    read: Read, messages: list[Message], cut: int, bit: int
) -> None:
    holds_or_refuses(read, frames.write, damaged(frames.write(messages), cut, bit))


@given(frames_of((*FROM_TERMINAL, *FROM_ENGINE)), st.integers(0), st.integers(0))
@pytest.mark.parametrize("read", JSON)
def test_a_damaged_json_frame_is_refused_or_still_a_frame(
    read: Read, messages: list[Message], cut: int, bit: int
) -> None:
    holds_or_refuses(read, frames.write_json, damaged(frames.write_json(messages), cut, bit))


@given(st.binary())
@pytest.mark.parametrize("read", MSGPACK)
def test_any_bytes_are_refused_or_a_frame(read: Read, frame: bytes) -> None:
    holds_or_refuses(read, frames.write, frame)


@pytest.mark.parametrize("read", [*MSGPACK, *JSON])
@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x91" * FRAME_BYTES_MAX,  # arrays in arrays in arrays
        b"[" * FRAME_BYTES_MAX,
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
        b"\xdf\xff\xff\xff\xff",
        b"\x91\x92\x10\xd6\xff\xff\xff\xff\xff",  # a time of MessagePack's own
        b"\x91\x94\x20\x01\xc4\x10" + bytes(16) + b"\xa2\xff\xff",  # text that is not UTF-8
        b'[[16,1,"\xff"]]',
        b"[[1e999]]",
    ],
)
def test_what_breaks_decoders_is_refused(read: Read, frame: bytes) -> None:
    with pytest.raises(MalformedFrame):
        read(frame)


def refused_as(frame: object) -> type[Exception]:
    with pytest.raises(MalformedFrame) as refused:
        frames.read_requests(msgspec.msgpack.encode(frame))
    return refused.type


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ([[99, 1]], UnknownMessage),
        ([[20, 1], [99, 1]], UnknownMessage),
        ([[32, 1]], UnknownMessage),  # an answer is no request
        ([[1, 1]], UnknownMessage),  # nor is the proof
        ([[19, 1]], MalformedFrame),
        ([[20, 1, 1]], MalformedFrame),
        ([[20, -1]], MalformedFrame),
        ([[20, 2**32]], MalformedFrame),
        ([[20, 1.0]], MalformedFrame),
        ([[20, True]], MalformedFrame),
        ([["20", 1]], MalformedFrame),
        ([[None, 1]], MalformedFrame),
        ([[]], MalformedFrame),
        ([], MalformedFrame),
        ([20, 1], MalformedFrame),
        ({}, MalformedFrame),
        ([{}], MalformedFrame),
        ([[20, 1]] * (MESSAGES_MAX + 1), MalformedFrame),
    ],
)
def test_a_refusal_tells_unknown_messages_from_broken_ones(
    frame: object, error: type[Exception]
) -> None:
    assert refused_as(frame) is error


@pytest.mark.parametrize(
    "pin", ["", "12345", "1234567", "12345x", "12345\n", "１２３４５６", 123456]
)
def test_a_pin_is_six_digits(pin: str | int) -> None:
    frame = msgspec.to_builtins([purchase()], builtin_types=[bytes])
    frame[0][-1] = pin
    assert refused_as(frame) is MalformedFrame


def test_as_many_messages_as_a_frame_may_have_always_fit() -> None:
    assert max(bytes_max(kind) for kind in IN_BULK) * MESSAGES_MAX + 3 <= FRAME_BYTES_MAX


def test_the_bound_on_a_message_is_above_what_messages_take() -> None:
    message = approved(purchase())
    assert len(frames.write([message])) <= bytes_max(type(message))


def test_a_frame_over_the_limit_is_refused() -> None:
    whole = frames.write([Ping(no=1)])
    with pytest.raises(MalformedFrame):
        frames.read_requests(whole + bytes(FRAME_BYTES_MAX))
