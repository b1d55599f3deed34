"""A worker: a process that posts what it is asked, answers after the commit, and gets killed.

`python -m engine.torture.worker DESCRIPTOR` speaks over a socket that it inherits, and ends when
the other side is gone. It seals and signs as well, as an engine does.
"""

import asyncio
import socket
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from engine.database.connections import open_pool
from engine.database.errors import DatabaseUnavailable
from engine.database.target import Target
from engine.torture.frames import Asked, Orders, Replied, read_frame, to_frame
from engine.torture.journal import Refused
from engine.torture.questions import Condition, Question
from ledger.errors import (
    EffectRefused,
    LedgerBusy,
    LedgerUnavailable,
    TransferConflict,
    TransferRefused,
)
from ledger.poster import Poster, PosterSettings
from ledger.proof.heads import Signer
from ledger.proof.signing_key import load_key_file
from ledger.queries import load
from ledger.sealer import Sealer, SealerSettings
from ledger.time import wall_clock
from ledger.transfers import Effect

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_POOL_SIZE: Final = 4
_COMMAND_TIMEOUT_S: Final = 10.0
_RECOVERY_MAX_S: Final = 60.0
_RETRY_WAIT_S: Final = 0.02
# A head every 200 ms, so that there is an earlier one to every kill.
_PACE: Final = SealerSettings(seal_every_s=0.05, sign_every_s=0.2)
_ADD_NOTES: Final = load("engine.sql", "torture").get("add_notes")


async def work(descriptor: int) -> None:
    """Answer questions over a connected socket until its other side is gone."""
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor))
    orders = await read_frame(reader, Orders)
    if orders is None:
        return
    async with _reached(orders) as pool, asyncio.TaskGroup() as parts:
        poster = Poster(pool, PosterSettings(give_up_after_s=orders.give_up_after_s))
        stopping = asyncio.Event()
        posting = parts.create_task(poster.run())
        parts.create_task(_sealer(pool, orders).run(stopping))
        await _answer_all(poster, reader, writer)
        poster.close()
        await posting
        stopping.set()


async def _answer_all(poster: Poster, reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(to_frame(Replied(0)))
    async with asyncio.TaskGroup() as answers:
        while (asked := await read_frame(reader, Asked)) is not None:
            answers.create_task(_answer(poster, asked, writer))


async def _answer(poster: Poster, asked: Asked, writer: StreamWriter) -> None:
    try:
        replied = await _replied(poster, asked)
    except (LedgerBusy, LedgerUnavailable):
        replied = Replied(asked.number)
    if not writer.is_closing():
        writer.write(to_frame(replied))


async def _replied(poster: Poster, asked: Asked) -> Replied:
    question = asked.question
    try:
        posted = await poster.post(question.intent, *_effects(question))
    except TransferRefused as error:
        refused = Refused(error.code, error.needed_fen, error.available_fen)
    except (EffectRefused, TransferConflict) as error:
        refused = Refused(error.code)
    else:
        return Replied(asked.number, posted=posted)
    return Replied(asked.number, refused=refused)


def _effects(question: Question) -> tuple[Effect, ...]:
    if question.condition is Condition.NONE:
        return ()
    return (Effect(_ADD_NOTES, (question.id, question.condition is Condition.HOLDS)),)


def _sealer(pool: "Pool[Record]", orders: Orders) -> Sealer:
    signer = Signer(orders.campus, load_key_file(Path(orders.key_file)))
    head_file = Path(orders.head_file)
    return Sealer(pool, signer, clock=wall_clock, head_file=head_file, settings=_PACE)


@asynccontextmanager
async def _reached(orders: Orders) -> "AsyncIterator[Pool[Record]]":
    """Have connections while inside."""
    async with asyncio.timeout(_RECOVERY_MAX_S):
        pool = await _pool_when_possible(orders)
    try:
        yield pool
    finally:
        pool.terminate()


async def _pool_when_possible(orders: Orders) -> "Pool[Record]":
    """Open connections, to a database that may be recovering."""
    target = Target(orders.database_url)
    while True:
        try:
            return await open_pool(
                target, orders.campus, size=_POOL_SIZE, command_timeout_s=_COMMAND_TIMEOUT_S
            )
        except DatabaseUnavailable:
            await asyncio.sleep(_RETRY_WAIT_S)


if __name__ == "__main__":
    uvloop.run(work(int(sys.argv[1])))
