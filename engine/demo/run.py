"""The demo: makes its campus if there is none, keeps its tills selling, and says what goes on."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final, NoReturn

from rich.console import Console

from engine.argon import DEMO as CHEAP
from engine.argon import ArgonPool
from engine.demo import record
from engine.demo.customers import find_cardholders, find_ids_to_try, find_replacements
from engine.demo.desk import Desk
from engine.demo.founding import Plan, found, is_founded
from engine.demo.ground import Ground, Options
from engine.demo.hints import greet, suggest
from engine.demo.lines import FromTills, LowOnMoney, Sold, Start, WatchedDecline
from engine.demo.outfitting import enrol_tills, find_key_files, set_pins
from engine.demo.places import DOORS
from engine.demo.population import make_up_people
from engine.demo.record import Account, DemoRecord
from engine.demo.sample import read_sample
from engine.demo.ticker import Ticker
from engine.demo.till_process import TillProcess
from engine.jobs import Job, JobFigures, run_jobs
from engine.pins import Pins

_LINK: Final = "/v1/terminals/link"
_LIMIT_S: Final = 30.0
_LOOK_BACK: Final = timedelta(minutes=1)
"""Further than any transaction that issues a card takes; a card told twice does no harm."""


async def run(ground: Ground, options: Options, console: Console) -> NoReturn:
    """Run the demo beside an engine that already serves, until cancelled.

    A campus without people is made first, in some seconds; one that a demo made before goes on as
    it is. Cancel it, and wait for it, before the engine stops: its tills then finish what they
    have begun. Raises DemoIncomplete for a campus with other people, SampleUnreadable, and an
    ExceptionGroup for a failure later on.
    """
    remembered = await prepare(ground, options, console)
    greet(console, remembered, url=ground.url, speed=options.speed)
    await _suggest(console, ground, remembered.people[0])
    desk = Desk(ground)
    ticker = Ticker(console, ground.is_in_balance)

    async def start() -> Start:
        return await _start(ground, remembered, options.speed)

    def hear(line: FromTills) -> None:
        match line:
            case Sold():
                ticker.add(line)
            case LowOnMoney(numbers=numbers):
                desk.queue(numbers)
            case WatchedDecline():
                ticker.tell(line)

    async def look_for_cards() -> int:
        return await _tell_replacements(ground, tills)

    tills = TillProcess(start, hear)
    jobs = (
        Job(name="demo_desk", run_once=desk.run_once, every_s=1.0, limit_s=_LIMIT_S),
        Job(name="demo_cards", run_once=look_for_cards, every_s=2.0, limit_s=_LIMIT_S),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(run_jobs(jobs, JobFigures()))
        group.create_task(ticker.run())
        await tills.run()


async def prepare(ground: Ground, options: Options, console: Console) -> DemoRecord:
    """Make what is missing of the campus and of what its tills need.

    Raises DemoIncomplete for a campus with other people, SampleUnreadable.
    """
    remembered = await _found_if_empty(ground, options, console)
    await enrol_tills(ground)
    async with ground.pool.acquire() as connection:
        holders = await find_cardholders(connection, remembered)
    chosen = {each.person_id: each.customer.pin for each in holders}
    with ArgonPool(CHEAP, workers=1, turns_max=1) as argon:
        pins = Pins(ground.pool, argon, keys=ground.pin_keys, clock=ground.clock)
        await set_pins(ground, pins, {key: pin for key, pin in chosen.items() if pin is not None})
    return remembered


async def _found_if_empty(ground: Ground, options: Options, console: Console) -> DemoRecord:
    async with ground.pool.acquire() as connection:
        if await is_founded(connection):
            return record.load(ground.folder)
        plan = _plan(options)
        console.print(f"Making a campus of {len(plan.people):,} people …")
        with ArgonPool(CHEAP, workers=1, turns_max=1) as argon:
            async with connection.transaction():
                return await found(
                    connection, plan, argon=argon, folder=_made(ground.folder), at=ground.clock()
                )


def _plan(options: Options) -> Plan:
    """Return what is to be founded. Raises SampleUnreadable."""
    if options.sample is None:
        people = make_up_people(options.seed, count=options.people)
        return Plan(seed=options.seed, people=people, doors=DOORS)
    sample = read_sample(options.sample, seed=options.seed)
    return Plan(
        seed=options.seed,
        people=sample.people,
        doors=sample.doors,
        purchases=sample.purchases,
    )


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


async def _suggest(console: Console, ground: Ground, account: Account) -> None:
    async with ground.pool.acquire() as connection:
        card_id, payment_id = await find_ids_to_try(connection, account.login)
    suggest(console, account, url=ground.url, card_id=card_id, payment_id=payment_id)


async def _start(ground: Ground, remembered: DemoRecord, speed: float) -> Start:
    async with ground.pool.acquire() as connection:
        holders = await find_cardholders(connection, remembered)
        keys = await find_key_files(connection, ground.folder)
    return Start(
        url=ground.url.replace("http", "ws", 1) + _LINK,
        keys=tuple(str(path) for path in keys),
        seed=remembered.seed,
        speed=speed,
        customers=tuple(holder.customer for holder in holders),
        watched=frozenset(account.login for account in remembered.people),
    )


async def _tell_replacements(ground: Ground, tills: TillProcess) -> int:
    """Let people pay with the new card when one is replaced; return how many were told."""
    async with ground.pool.acquire() as connection:
        found = await find_replacements(connection, since=ground.clock() - _LOOK_BACK)
    for replaced in found:
        tills.replace_card(replaced)
    return len(found)
