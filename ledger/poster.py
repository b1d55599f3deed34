"""The poster: many callers, one database transaction for all that is waiting (group commit).

While one batch is being written, what arrives is decided into the next, over accounts that are
kept in memory. Memory is a guess: the write names the version of each account that it was based
on, and when one differs nothing is written and the batch is decided again under locks. The same
slow way is taken for an id that is on record already, for an effect that does not hold, and after
a lost connection, when it is not known whether the commit came through: it looks on record first,
so a caller always gets the truth.

Any number of posters may work on one database, in one process or many.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from asyncpg import Pool, Record

from ledger.accounts import Account
from ledger.answers import Outcome, Posted, answer
from ledger.batch import Batch
from ledger.book import Asked
from ledger.decide import Hold, Line
from ledger.errors import CampusError, LedgerBusy, LedgerUnavailable
from ledger.rows import BATCH_MAX
from ledger.transfers import Draw, Effect, Intent
from ledger.writer import Writer

_DECIDED_AT_A_TIME: Final = 64
"""Entries decided before the event loop gets a turn: about half a millisecond of work."""
_ALWAYS_ROOM: Final = 64
"""Entries that a batch may take however few are under way."""
_SETTLED_AT_A_TIME: Final = 512
"""Callers told before the event loop gets a turn: enough for answers to one terminal to share a
frame, and few enough for the next batch not to wait long."""
_ANSWERS: Final = (Posted, CampusError)
_tuple = tuple.__new__  # makes a named tuple in half the time that its own constructor takes


@dataclass(frozen=True, slots=True, kw_only=True)
class PosterSettings:
    """The bounds of a poster."""

    batch_max: int = 8_192
    """Entries in one database transaction."""
    queue_max: int = 32_768
    """Entries that may wait; past it a caller is refused at the door."""
    accounts_kept: int = 200_000
    """Accounts kept in memory."""
    give_up_after_s: float = 30.0
    """How long callers wait through a database that cannot be reached."""


@dataclass(slots=True)
class PosterStats:
    """What a poster has done since it started."""

    entries: int = 0
    """Entries that were answered."""
    batches: int = 0
    """Transactions that went the fast way."""
    slow_batches: int = 0
    """Batches that had to be decided again under locks."""
    turned_away: int = 0
    """Entries refused at the door."""


class Poster:
    """Posts entries in group commits. Made by `open_poster`."""

    def __init__(self, pool: "Pool[Record]", settings: PosterSettings) -> None:
        self.stats = PosterStats()
        self._settings = settings
        self._writer = Writer(pool, give_up_after_s=settings.give_up_after_s)
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._is_closing = False
        # Replaced by a new map when a write failed, which voids what was decided on the old one.
        self._accounts: dict[UUID, Account] = {}
        self._gathered: _Draft | None = None
        self._writing: _Draft | None = None
        self._unanswered: list[_Draft] = []

    async def post(self, intent: Intent, *effects: Effect) -> Posted:
        """Post an entry with its effects; return when it is on disk.

        The same intent again returns the first answer. Raises TransferRefused, TransferConflict
        or EffectRefused when it is not posted; LedgerBusy when it was not taken in;
        LedgerUnavailable when the outcome is not known: ask again under the same id.
        """
        posted, _ = await self.draw(intent, *effects)
        return posted

    async def draw(self, intent: Intent, *effects: Effect) -> tuple[Posted, Sequence[Account]]:
        """Post as `post` does; return as well how the accounts of a draw stood right after it.

        Those it may take from, in its order, also where it took nothing. It is none where that is
        not known without reading, as when the same was asked before.
        """
        self._check_room(1)
        caller = _One(asyncio.get_running_loop().create_future())
        self._queue.append(_Waiting(Asked(intent, effects), caller, 0))
        self._wake.set()
        outcome = await caller.done
        if isinstance(outcome, CampusError):
            raise outcome
        return outcome, caller.stood

    async def post_many(self, asked: Sequence[Asked]) -> list[Outcome]:
        """Post entries, each for itself, and return their answers in order.

        Raises LedgerBusy when there is no room for all of them; then none was taken in.
        """
        self._check_room(len(asked))
        if not asked:
            return []
        caller = _Group(len(asked), asyncio.get_running_loop().create_future())
        self._queue.extend(
            [_tuple(_Waiting, (each, caller, place)) for place, each in enumerate(asked)]
        )
        self._wake.set()
        return await caller.done

    @property
    def waiting(self) -> int:
        """How many entries wait to be decided."""
        return len(self._queue)

    async def run(self) -> None:
        """Write batch after batch until `close`; then finish what was taken in."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while (draft := await self._gather()) is not None:
                    self._writing = draft
                    self._unanswered.append(draft)
                    tasks.create_task(self._write(draft))
        finally:
            self._abandon()
            await self._writer.disconnect()

    def close(self) -> None:
        """Take nothing more in, and let `run` return when the rest is written."""
        self._is_closing = True
        self._wake.set()

    def _check_room(self, count: int) -> None:
        if self._is_closing or len(self._queue) + count > self._settings.queue_max:
            self.stats.turned_away += count
            raise LedgerBusy("too many entries are waiting")

    async def _gather(self) -> "_Draft | None":
        """Decide what arrives until the writer is free; return None when all is done."""
        draft = self._new_draft()
        while True:
            self._wake.clear()
            if draft.batch.accounts is not self._accounts:
                self._queue.extendleft(reversed(draft.waiting))
                draft = self._new_draft()
            if draft.waiting and self._writing is None:
                return draft
            room = self._room(draft)
            if self._queue and room > 0 and draft.takes(self._queue[0].asked.intent):
                await self._decide_some(draft, room)
                await asyncio.sleep(0)
            elif self._is_closing and self._writing is None:
                return None
            else:
                await self._wake.wait()

    def _room(self, draft: "_Draft") -> int:
        """Return how many more entries a draft should take.

        No batch takes much more than half of what is under way: else callers that wait for each
        answer end up all in one batch, and deciding and writing take turns instead of overlapping.
        """
        under_way = len(self._queue) + len(draft.waiting)
        if self._writing is not None:
            under_way += len(self._writing.waiting)
        fair = max(_ALWAYS_ROOM, under_way // 2)
        return min(self._settings.batch_max, fair) - len(draft.waiting)

    async def _decide_some(self, draft: "_Draft", room: int) -> None:
        """Decide what waits, up to a bound, as far as what it rests on is in memory."""
        queue = self._queue
        count = min(room, _DECIDED_AT_A_TIME, len(queue))
        for done in range(count):
            intent = queue[0].asked.intent
            if not draft.takes(intent):
                return
            if not draft.batch.knows(intent):
                await self._load_and_decide(draft, count - done)
                return
            draft.add(queue.popleft())

    async def _load_and_decide(self, draft: "_Draft", count: int) -> None:
        """Bring what the next entries rest on into memory, then decide them."""
        some = list(islice(self._queue, count))
        try:
            await self._load(draft.batch, some)
        except LedgerUnavailable as error:
            for _ in some:
                self._queue.popleft().settle(error)
            return
        if draft.batch.accounts is not self._accounts:
            return
        for waiting in some:
            if not draft.takes(waiting.asked.intent):
                return
            draft.add(self._queue.popleft())

    async def _load(self, batch: Batch, some: Sequence["_Waiting"]) -> None:
        """Bring what these entries rest on into memory, unless it is there."""
        intents = [waiting.asked.intent for waiting in some]
        unknown_holds = {hold for intent in intents for hold in batch.unknown_holds(intent)}
        if unknown_holds:
            batch.holds |= await self._writer.find_holds(unknown_holds)
        unknown = {each for intent in intents for each in batch.unknown_accounts(intent)}
        if unknown:
            batch.accounts |= await self._writer.find_accounts(unknown)

    def _new_draft(self) -> "_Draft":
        """Return an empty draft that sees the books as the batch in the writer leaves them."""
        holds: dict[UUID, Hold] = {}
        needed: Collection[UUID] = ()
        if self._writing is not None:
            before = self._writing.batch
            holds = {each: before.holds[each] for each in before.changed_holds()}
            needed = before.moved.keys()
        _forget_oldest(self._accounts, keep=self._settings.accounts_kept, needed=needed)
        self._gathered = _Draft(Batch(self._accounts, holds), [], [])
        return self._gathered

    def _is_more(self) -> bool:
        """Tell whether the next batch can follow at once."""
        return bool(self._queue) or (self._gathered is not None and bool(self._gathered.waiting))

    async def _write(self, draft: "_Draft") -> None:
        """Commit a draft and answer its callers, whatever happens on the way."""
        try:
            posted_at = await self._writer.commit(draft.batch, is_more=self._is_more)
        except Exception:  # noqa: BLE001  whatever it was, the slow way finds whose it is
            self.stats.slow_batches += 1
            for waiting in draft.waiting:
                waiting.caller.stood = ()
            outcomes = iter(await self._writer.settle([each.asked for each in draft.waiting]))
            self._accounts = {}
        else:
            self.stats.batches += 1
            outcomes = (answer(lines, posted_at) for lines in draft.lines)
        self.stats.entries += len(draft.waiting)
        self._writing = None
        self._wake.set()
        await _settle(draft.waiting, outcomes)
        self._unanswered.remove(draft)

    def _abandon(self) -> None:
        """Tell everybody who still waits that the outcome is open."""
        self._is_closing = True
        for waiting in self._queue:
            waiting.settle(LedgerUnavailable("the ledger stopped"))
        gathered = () if self._gathered is None else (self._gathered,)
        for draft in (*self._unanswered, *gathered):
            for waiting in draft.waiting:
                waiting.settle(LedgerUnavailable("the ledger stopped"))


@asynccontextmanager
async def open_poster(
    pool: "Pool[Record]", settings: PosterSettings | None = None
) -> AsyncIterator[Poster]:
    """Run a poster over a pool; at the end finish what was taken in.

    It keeps one connection of the pool for writing and borrows a second one for reading. The
    pool must limit the time of its commands (`command_timeout`): no other limit ends a write.
    """
    poster = Poster(pool, settings or PosterSettings())
    running = asyncio.create_task(poster.run())
    try:
        yield poster
    finally:
        poster.close()
        await running


async def _settle(waiting: Sequence["_Waiting"], outcomes: Iterator[Outcome | Exception]) -> None:
    """Give the answers in small turns: the next batch is on its way, and must not wait for us."""
    for index, (each, outcome) in enumerate(zip(waiting, outcomes, strict=True)):
        if index % _SETTLED_AT_A_TIME == 0:
            await asyncio.sleep(0)
        each.settle(outcome)


class _One:
    """A caller that waits for the answer to one entry."""

    __slots__ = ("done", "stood")

    def __init__(self, done: asyncio.Future[Outcome]) -> None:
        self.done = done
        self.stood: Sequence[Account] = ()

    def give(self, place: int, outcome: Outcome | Exception) -> None:  # noqa: ARG002  there is one
        """Give the answer, unless it was given or nobody waits for it any more."""
        if self.done.done():
            return
        if isinstance(outcome, _ANSWERS):
            self.done.set_result(outcome)
        else:
            self.done.set_exception(outcome)


class _Group:
    """A caller that waits for the answers to many entries."""

    __slots__ = ("done", "left", "outcomes", "stood")

    def __init__(self, size: int, done: asyncio.Future[list[Outcome]]) -> None:
        self.stood: Sequence[Account] = ()  # of no use to many
        self.outcomes: list[Outcome | None] = [None] * size
        self.left = size
        self.done = done

    def give(self, place: int, outcome: Outcome | Exception) -> None:
        """Give one answer, once; the caller goes on when it has all of its answers."""
        if self.outcomes[place] is not None or self.done.done():
            return
        if not isinstance(outcome, _ANSWERS):
            self.done.set_exception(outcome)
            return
        self.outcomes[place] = outcome
        self.left -= 1
        if self.left == 0:
            self.done.set_result([each for each in self.outcomes if each is not None])


class _Waiting(NamedTuple):
    """One entry of a caller."""

    asked: Asked
    caller: _One | _Group
    place: int

    def settle(self, outcome: Outcome | Exception) -> None:
        """Give the caller its answer to this entry."""
        self.caller.give(self.place, outcome)


class _Draft(NamedTuple):
    """A batch in the making, who waits for it, and the lines of each."""

    batch: Batch
    waiting: list[_Waiting]
    lines: list[tuple[Line, ...]]

    def takes(self, intent: Intent) -> bool:
        """Tell whether the lines of one more entry still fit."""
        return len(self.batch.lines) + intent.size <= BATCH_MAX

    def add(self, waiting: _Waiting) -> None:
        self.waiting.append(waiting)
        self.lines.append(self.batch.add(*waiting.asked))
        intent = waiting.asked.intent
        if isinstance(intent, Draw):
            accounts = self.batch.accounts
            waiting.caller.stood = [
                accounts[each] for each in intent.debit_accounts if each in accounts
            ]


def _forget_oldest(accounts: dict[UUID, Account], *, keep: int, needed: Collection[UUID]) -> None:
    """Drop the half of the accounts that came in first, when there are more than `keep`."""
    if len(accounts) > keep:
        for account_id in list(islice(accounts, len(accounts) // 2)):
            if account_id not in needed:
                del accounts[account_id]
