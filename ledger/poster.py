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
from collections.abc import AsyncIterator, Sequence
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
from ledger.decide import Line
from ledger.errors import CampusError, LedgerBusy, LedgerUnavailable
from ledger.rows import BATCH_MAX
from ledger.transfers import Effect, Intent
from ledger.writer import Writer

_DECIDED_AT_A_TIME: Final = 256
"""Entries decided before the event loop gets a turn: about two milliseconds of work."""


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
        self._written: _Draft | None = None
        self._writing: asyncio.Task[None] | None = None

    async def post(self, intent: Intent, *effects: Effect) -> Posted:
        """Post an entry with its effects; return when it is on disk.

        The same intent again returns the first answer. Raises TransferRefused, TransferConflict
        or EffectRefused when it is not posted; LedgerBusy when it was not taken in;
        LedgerUnavailable when the outcome is not known: ask again under the same id.
        """
        (outcome,) = await self.post_many([Asked(intent, effects)])
        if isinstance(outcome, CampusError):
            raise outcome
        return outcome

    async def post_many(self, asked: Sequence[Asked]) -> list[Outcome]:
        """Post entries, each for itself, and return their answers in order.

        Raises LedgerBusy when there is no room for all of them; then none was taken in.
        """
        if self._is_closing or len(self._queue) + len(asked) > self._settings.queue_max:
            self.stats.turned_away += len(asked)
            raise LedgerBusy("too many entries are waiting")
        if not asked:
            return []
        group = _Group(len(asked), asyncio.get_running_loop().create_future())
        for index, each in enumerate(asked):
            self._queue.append(_Waiting(each, group, index))
        self._wake.set()
        return await group.done

    @property
    def waiting(self) -> int:
        """How many entries wait to be decided."""
        return len(self._queue)

    async def run(self) -> None:
        """Write batch after batch until `close`; then finish what was taken in."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while (draft := await self._gather()) is not None:
                    self._written = draft
                    self._writing = tasks.create_task(self._write(draft))
        finally:
            self._abandon()
            await self._writer.disconnect()

    def close(self) -> None:
        """Take nothing more in, and let `run` return when the rest is written."""
        self._is_closing = True
        self._wake.set()

    async def _gather(self) -> "_Draft | None":
        """Decide what arrives until the writer is free; return None when all is done."""
        draft = self._new_draft()
        while True:
            self._wake.clear()
            if draft.batch.accounts is not self._accounts:
                self._queue.extendleft(reversed(draft.waiting))
                draft = self._new_draft()
            is_idle = self._writing is None or self._writing.done()
            if is_idle and draft.waiting:
                return draft
            if self._queue and draft.has_room(self._queue[0], self._settings.batch_max):
                await self._decide_some(draft)
            elif is_idle and self._is_closing:
                return None
            else:
                await self._wake.wait()

    async def _decide_some(self, draft: "_Draft") -> None:
        """Decide what waits, up to a bound, and give the event loop a turn."""
        some = list(islice(self._queue, _DECIDED_AT_A_TIME))
        try:
            await self._load(draft.batch, some)
        except LedgerUnavailable as error:
            for _ in some:
                self._queue.popleft().settle(error)
            return
        if draft.batch.accounts is not self._accounts:
            return
        for waiting in some:
            if not draft.has_room(waiting, self._settings.batch_max):
                break
            draft.add(self._queue.popleft())
        await asyncio.sleep(0)

    async def _load(self, batch: Batch, some: Sequence["_Waiting"]) -> None:
        """Bring what these entries rest on into memory, unless it is there."""
        known = batch.holds
        intents = [waiting.asked.intent for waiting in some]
        holds = {each for intent in intents for each in intent.hold_ids() if each not in known}
        if holds:
            known |= await self._writer.find_holds(holds)
        accounts = batch.accounts
        named = [each for intent in intents for each in intent.account_ids()]
        for hold in known.values():
            named += (hold.debit_account, hold.credit_account)
        unknown = {each for each in named if each not in accounts}
        if unknown:
            accounts |= await self._writer.find_accounts(unknown)

    def _new_draft(self) -> "_Draft":
        """Return an empty draft that sees the books as the batch in the writer leaves them."""
        before = self._written.batch if self._written is not None else None
        if before is None or self._writing is None or self._writing.done():
            holds, needed = {}, frozenset[UUID]()
        else:
            holds = {each: before.holds[each] for each in before.changed_holds()}
            needed = frozenset(before.moved)
        _forget_oldest(self._accounts, keep=self._settings.accounts_kept, needed=needed)
        self._gathered = _Draft(Batch(self._accounts, holds), [], [])
        return self._gathered

    async def _write(self, draft: "_Draft") -> None:
        """Commit a draft and answer its callers, whatever happens on the way."""
        try:
            posted_at = await self._writer.commit(draft.batch)
        except Exception:  # noqa: BLE001  whatever it was, the slow way finds whose it is
            self.stats.slow_batches += 1
            await self._write_slowly(draft.waiting)
        else:
            self.stats.batches += 1
            for waiting, lines in zip(draft.waiting, draft.lines, strict=True):
                waiting.settle(answer(lines, posted_at))
        self.stats.entries += len(draft.waiting)
        self._wake.set()

    async def _write_slowly(self, waiting: Sequence["_Waiting"]) -> None:
        outcomes = await self._writer.settle([each.asked for each in waiting])
        self._accounts = {}
        for each, outcome in zip(waiting, outcomes, strict=True):
            each.settle(outcome)

    def _abandon(self) -> None:
        """Tell everybody who still waits that the outcome is open."""
        self._is_closing = True
        for waiting in self._queue:
            waiting.settle(LedgerUnavailable("the ledger stopped"))
        for draft in (self._gathered, self._written):
            for waiting in draft.waiting if draft is not None else ():
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


class _Group:
    """A caller that waits for the answers to one or many entries."""

    __slots__ = ("done", "left", "outcomes")

    def __init__(self, size: int, done: asyncio.Future[list[Outcome]]) -> None:
        self.outcomes: list[Outcome | None] = [None] * size
        self.left = size
        self.done = done


class _Waiting(NamedTuple):
    """One entry of a caller."""

    asked: Asked
    group: _Group
    place: int

    def settle(self, outcome: Outcome | Exception) -> None:
        """Give the answer, once; the caller goes on when it has all of its answers."""
        group = self.group
        if group.outcomes[self.place] is not None or group.done.done():
            return
        if not isinstance(outcome, Posted | CampusError):
            group.done.set_exception(outcome)
            return
        group.outcomes[self.place] = outcome
        group.left -= 1
        if group.left == 0:
            group.done.set_result([each for each in group.outcomes if each is not None])


class _Draft(NamedTuple):
    """A batch in the making, who waits for it, and the lines of each."""

    batch: Batch
    waiting: list[_Waiting]
    lines: list[tuple[Line, ...]]

    def has_room(self, waiting: _Waiting, batch_max: int) -> bool:
        size = waiting.asked.intent.size
        return len(self.waiting) < batch_max and len(self.batch.lines) + size <= BATCH_MAX

    def add(self, waiting: _Waiting) -> None:
        self.waiting.append(waiting)
        self.lines.append(self.batch.add(*waiting.asked))


def _forget_oldest(accounts: dict[UUID, Account], *, keep: int, needed: frozenset[UUID]) -> None:
    """Drop the half of the accounts that came in first, when there are more than `keep`."""
    if len(accounts) > keep:
        for account_id in list(islice(accounts, len(accounts) // 2)):
            if account_id not in needed:
                del accounts[account_id]
