"""What a client and a worker say to each other: MessagePack behind four bytes of length."""

from asyncio import IncompleteReadError, StreamReader
from typing import Final, TypeVar

import msgspec

from engine.torture.journal import Answer, Refused
from engine.torture.questions import Condition, Question
from ledger.answers import Posted
from ledger.money import Fen
from ledger.transfers import Draw, Entry, Intent, Refuse

T = TypeVar("T")

_LENGTH_BYTES: Final = 4


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame to a worker: where it works, and how."""

    database_url: str
    campus: str
    key_file: str
    head_file: str
    give_up_after_s: float


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A question with a number; one of the three intents is there."""

    number: int
    condition: Condition
    entry: Entry | None = None
    draw: Draw | None = None
    refuse: Refuse | None = None

    @property
    def question(self) -> Question:
        """The question that was sent."""
        intent = self.entry or self.draw or self.refuse
        assert intent is not None, "the client sends one"
        return Question(intent=intent, condition=self.condition)


class Replied(msgspec.Struct, frozen=True, array_like=True):
    """What a worker says to a question: one of two answers, or neither when it does not know.

    Number 0 comes first, when the worker is ready.
    """

    number: int
    posted: Posted | None = None
    refused: Refused | None = None

    @property
    def answer(self) -> Answer | None:
        """The answer; None when the outcome is not known."""
        return self.posted or self.refused


def asked(number: int, question: Question) -> Asked:
    """Return the frame of a question."""
    intent: Intent = question.intent
    return Asked(
        number,
        question.condition,
        entry=intent if isinstance(intent, Entry) else None,
        draw=intent if isinstance(intent, Draw) else None,
        refuse=intent if isinstance(intent, Refuse) else None,
    )


def to_frame(message: Orders | Asked | Replied) -> bytes:
    """Return a message as it is sent."""
    body = _encoder.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES) + body


async def read_frame(reader: StreamReader, kind: type[T]) -> T | None:
    """Read one message; return None where the other side has ended, orderly or not."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES))
        body = await reader.readexactly(length)
    except (IncompleteReadError, ConnectionError):
        return None
    return msgspec.msgpack.decode(body, type=kind, dec_hook=_decode)


def _encode(value: object) -> int:
    assert isinstance(value, Fen), "every other type is known to msgspec"
    return value.value


def _decode(kind: type, value: object) -> Fen:
    assert kind is Fen
    assert isinstance(value, int)
    return Fen(value)


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode, uuid_format="bytes")
