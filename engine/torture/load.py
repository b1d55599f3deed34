"""The load of a run: callers that ask, and ask again until they know.

Every caller has one question at a time and does not let go of it before it is answered: by any
worker, under the same id.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from random import Random
from typing import Final, assert_never

from engine.torture.journal import Answer, Case, Journal
from engine.torture.questions import Condition, Question, Questions, wallets
from engine.torture.workers import Worker
from ledger.answers import Posted
from ledger.time import Clock
from ledger.transfers import Entry, Phase

_SPELL: Final = 250
"""Questions until the weather may change."""
_AGAIN: Final = 0.06
"""In a storm, how often an old question is asked again instead of a new one."""
_ALTERED: Final = 0.02
"""In a storm, how often other content is sent under the id of an old question."""
_FAILING: Final = 0.02
"""In a storm, how often an effect comes along that does not hold."""


class Weather(StrEnum):
    """How the callers behave towards each other."""

    CALM = "calm"
    """Each worker has people of its own and hears everything once: its fast way."""
    STORM = "storm"
    """All go anywhere, ask again and take back: the slow way, against other workers."""


class Manner(StrEnum):
    """How a question is put."""

    ONCE = "once"
    TWICE = "twice"
    """Twice at once, perhaps to two workers."""
    RACED = "raced"
    """Together with its reversal."""
    REVERSED = "reversed"
    """The reversal first."""


_Manners = Mapping[Manner, int]
_CALM: Final[_Manners] = {Manner.ONCE: 1}
_STORM: Final[_Manners] = {Manner.ONCE: 86, Manner.TWICE: 8, Manner.RACED: 4, Manner.REVERSED: 2}
_AFTER_LOSS: Final[_Manners] = {
    Manner.ONCE: 60,
    Manner.TWICE: 15,
    Manner.RACED: 10,
    Manner.REVERSED: 15,
}


class Load:
    """Callers at work on some workers, and the journal of what they heard."""

    def __init__(
        self,
        workers: Sequence[Worker],
        journal: Journal,
        *,
        any_up: asyncio.Event,
        random: Random,
        clock: Clock,
    ) -> None:
        """Take workers that share `any_up`."""
        self._workers = workers
        self._any_up = any_up
        self._journal = journal
        self._random = random
        self._clock = clock
        self._questions = [
            Questions(wallets(group), random=random, clock=clock) for group in range(len(workers))
        ]
        self._weather = Weather.CALM
        self._left = _SPELL
        self._may_begin = asyncio.Event()
        self._may_begin.set()
        self._busy = 0
        self._quiet = asyncio.Event()
        self._wanted = 0
        self._enough = asyncio.Event()

    async def run(self, callers: int) -> None:
        """Ask for ever."""
        async with asyncio.TaskGroup() as group:
            for number in range(callers):
                group.create_task(self._call(number % len(self._workers)))

    async def answers(self, count: int) -> None:
        """Wait until so many more answers have come."""
        self._enough.clear()
        self._wanted = count
        await self._enough.wait()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Have no question open while inside."""
        self._may_begin.clear()
        while self._busy:
            self._quiet.clear()
            await self._quiet.wait()
        try:
            yield
        finally:
            self._may_begin.set()

    async def probe(self, worker: Worker) -> None:
        """Return when a worker has answered a new question."""
        case = self._journal.ask(self._random.choice(self._questions).next())
        await worker.up.wait()
        while await self._heard(case, worker) is None:
            await worker.up.wait()

    async def _call(self, group: int) -> None:
        while True:
            await self._may_begin.wait()
            self._busy += 1
            try:
                await self._ask_one(group)
            finally:
                self._busy -= 1
                if not self._busy:
                    self._quiet.set()

    async def _ask_one(self, group: int) -> None:
        self._left -= 1
        if not self._left:
            self._weather = self._random.choice(tuple(Weather))
            self._left = _SPELL
        match self._weather:
            case Weather.CALM:
                case = self._journal.ask(self._questions[group].next())
                await self._settle(case, _CALM, home=self._workers[group])
            case Weather.STORM:
                await self._ask_in_storm()
            case _:
                assert_never(self._weather)

    async def _ask_in_storm(self) -> None:
        chance = self._random.random()
        if chance < _ALTERED and self._journal.answered:
            await self._ask_altered(self._random.choice(self._journal.answered))
        elif chance < _ALTERED + _AGAIN and self._journal.answered:
            await self._settle(self._random.choice(self._journal.answered), _STORM)
        else:
            questions = self._random.choice(self._questions)
            is_failing = self._random.random() < _FAILING
            question = questions.next_failing() if is_failing else questions.next()
            await self._settle(self._journal.ask(question), _STORM)

    async def _settle(self, case: Case, manners: _Manners, *, home: Worker | None = None) -> None:
        """Ask until there is an answer: first of a given worker, then of any."""
        if home is not None and home.up.is_set() and await self._heard(case, home) is not None:
            return
        while not await self._ask(case, manners):
            manners = _AFTER_LOSS

    async def _ask(self, case: Case, manners: _Manners) -> bool:
        """Ask in one of some manners; tell whether the question itself was answered."""
        (manner,) = self._random.choices(tuple(manners), tuple(manners.values()))
        if case.question.condition is Condition.FAILS:
            # Its answer leaves the id unused, so a reversal would change what is said of it.
            manner = Manner.ONCE
        match manner:
            case Manner.ONCE:
                return await self._heard(case) is not None
            case Manner.TWICE:
                return any(await asyncio.gather(self._heard(case), self._heard(case)))
            case Manner.RACED:
                answer, _ = await asyncio.gather(self._heard(case), self._heard_reversal(case))
                return answer is not None
            case Manner.REVERSED:
                await self._heard_reversal(case)
                return await self._heard(case) is not None
            case _:
                assert_never(manner)

    async def _heard(self, case: Case, worker: Worker | None = None) -> Answer | None:
        is_first = not case.answers
        answer = await self._answer(case.question, worker or await self._any_worker())
        if answer is None:
            self._journal.lose(case, at=self._clock())
            return None
        self._journal.answer(case, answer)
        if is_first and isinstance(answer, Posted):
            self._note_hold(case)
        return answer

    async def _heard_reversal(self, case: Case) -> None:
        worker = await self._any_worker()
        answer = await self._answer(self._journal.take_back(case), worker)
        if answer is not None:
            self._journal.answer_reversal(case, answer)

    async def _ask_altered(self, case: Case) -> None:
        if isinstance(case.answers[0], Posted):
            answer = await self._answer(case.question.altered(), await self._any_worker())
            if answer is not None:
                self._journal.answer_altered(case, answer)

    async def _answer(self, question: Question, worker: Worker) -> Answer | None:
        answer = await worker.ask(question)
        if answer is not None:
            self._wanted -= 1
            if self._wanted <= 0:
                self._enough.set()
        return answer

    async def _any_worker(self) -> Worker:
        while True:
            up = [worker for worker in self._workers if worker.up.is_set()]
            if up:
                return self._random.choice(up)
            self._any_up.clear()
            await self._any_up.wait()

    def _note_hold(self, case: Case) -> None:
        intent = case.question.intent
        if isinstance(intent, Entry) and intent.transfers[0].phase is Phase.PENDING:
            held = intent.transfers[0]
            assert held.amount is not None, "a hold names its amount"
            self._random.choice(self._questions).note_held(held.id, held.amount)
