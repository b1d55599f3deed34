"""What docs/terminal-protocol.md says, held against what the code does."""

import re
from typing import Final
from uuid import UUID

import pytest
from msgspec import Struct, inspect

from terminals import frames
from terminals.errors import UnknownMessage
from terminals.identity import Purpose, challenge_text, sign
from terminals.messages import (
    CLOSE_CODES,
    CloseReason,
    Hello,
    Message,
    PurchaseState,
    ReversalState,
)
from tests.sources import ROOT
from tests.terminals.wire import FROM_ENGINE, FROM_TERMINAL

TEXT: Final = (ROOT / "docs/terminal-protocol.md").read_text("utf-8")
HEX: Final = re.compile(r"[0-9a-f]{2}( [0-9a-f]{2})*")
RFC_8032_KEY: Final = bytes.fromhex(
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def rows(*header: str) -> list[list[str]]:
    """The rows, cell by cell, of all tables whose header begins with these words."""
    start = re.escape("| " + " | ".join(header) + " |")
    tables = re.findall(rf"^{start}.*\n\|[ -|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def split(example: str) -> tuple[bytes, bytes]:
    """An example's JSON, and its bytes."""
    lines = example.splitlines()
    hexadecimal = [line for line in lines if HEX.fullmatch(line)]
    rest = [line for line in lines if line not in hexadecimal]
    return "".join(rest).encode(), bytes.fromhex(" ".join(hexadecimal))


EXAMPLES: Final = [split(example) for example in blocks("frame")]


def read(frame: bytes) -> list[Message]:
    """Read a frame of whichever side."""
    try:
        return [*frames.read_from_terminal(frame)]
    except UnknownMessage:
        return [*frames.read_from_engine(frame)]


@pytest.mark.parametrize(("json", "frame"), EXAMPLES)
def test_an_example_is_what_we_read_and_write(json: bytes, frame: bytes) -> None:
    messages = read(frame)
    assert frames.write(messages) == frame
    assert frames.write_json(messages) == json


def test_every_kind_of_message_has_its_example() -> None:
    shown = {type(message) for _, frame in EXAMPLES for message in read(frame)}
    assert shown == {*FROM_TERMINAL, *FROM_ENGINE}


def declared(kind: type[Struct]) -> list[str]:
    """A kind of message as the tables have it: tag, name, fields."""
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    fields = [
        field.encode_name + ("?" if isinstance(field.type, inspect.UnionType) else "")
        for field in described.fields
    ]
    return [str(described.tag), kind.__name__, ", ".join(fields)]


def test_the_tables_list_every_message_with_its_fields() -> None:
    described = [[*row[:2], row[3]] for row in rows("tag", "message")]
    described += [row[:3] for row in [*rows("tag", "request"), *rows("tag", "answer")]]
    assert sorted(described) == sorted(declared(kind) for kind in (*FROM_TERMINAL, *FROM_ENGINE))


def test_the_table_of_ends_lists_every_reason() -> None:
    described = {row[1]: (int(row[0]), row[2]) for row in rows("code", "reason")}
    assert described == {
        reason.value: (CLOSE_CODES[reason], "no" if reason.needs_a_person else "yes")
        for reason in CloseReason
    }


def test_the_tables_of_states_list_every_state() -> None:
    assert [row[0] for row in rows("state", "means")] == [*ReversalState, *PurchaseState]


def test_the_example_of_a_proof_is_right() -> None:
    (written,) = blocks("challenge")
    (hello,) = (
        message for _, frame in EXAMPLES for message in read(frame) if isinstance(message, Hello)
    )
    text = challenge_text(
        Purpose.LINK,
        campus="nau",
        version=1,
        nonce=bytes(range(32)),
        terminal_id=UUID("019ca1b0-7c00-7a3e-8f21-5b6c7d8e9f10"),
    )
    assert bytes.fromhex(written) == text
    assert hello.signature == sign(RFC_8032_KEY, text)
    assert hello.nonce == bytes(range(32))
