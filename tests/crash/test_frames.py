"""What a client asks and a worker answers arrives as it was sent."""

import asyncio
from datetime import UTC, datetime
from random import Random

from engine.torture.frames import Asked, Replied, asked, read_frame, to_frame
from engine.torture.journal import Refused
from engine.torture.questions import Questions, accounts, wallets
from ledger.answers import Posted
from ledger.decide import decide
from ledger.transfers import Draw, Entry, Refuse

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def questions() -> Questions:
    return Questions(wallets(0), random=Random(5), clock=lambda: NOON)


def reading(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_every_kind_of_question_arrives_as_it_was_asked() -> None:
    source = questions()
    asking = [source.next() for _ in range(300)]
    asking += [each.reversal() for each in asking[:5]] + [source.next_failing()]
    reader = reading(b"".join(to_frame(asked(no, each)) for no, each in enumerate(asking)))
    for number, question in enumerate(asking):
        arrived = await read_frame(reader, Asked)
        assert arrived is not None
        assert (arrived.number, arrived.question) == (number, question)
    assert {type(each.intent) for each in asking} == {Entry, Draw, Refuse}


async def test_an_answer_arrives_as_it_was_given() -> None:
    books = {each.id: each for each in accounts(1)}
    entry = next(
        each.intent for each in iter(questions().next, None) if isinstance(each.intent, Entry)
    )
    given = (
        Replied(1, posted=Posted(decide(books, {}, entry).lines, NOON)),
        Replied(2, refused=Refused("insufficient_funds", 5, 3)),
        Replied(3),
    )
    reader = reading(b"".join(map(to_frame, given)))
    for reply in given:
        assert await read_frame(reader, Replied) == reply


async def test_a_frame_that_was_cut_short_is_none() -> None:
    frame = to_frame(Replied(1, refused=Refused("insufficient_funds")))
    assert await read_frame(reading(frame[:-1]), Replied) is None
    assert await read_frame(reading(frame[:2]), Replied) is None
