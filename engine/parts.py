"""The parts of one process, opened in order and closed in reverse. Nothing runs yet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector

from engine.api.link import LinkServer
from engine.api.link_connection import LinkSettings
from engine.argon import OWASP, ArgonPool
from engine.database.connections import open_pool
from engine.jobs import JobFigures
from engine.keys import Keys
from engine.known_terminals import KnownTerminals
from engine.metrics import EngineFigures
from engine.pins import Pins
from engine.postgres import Postgres
from engine.purchase_figures import PurchaseFigures
from engine.purchases import Purchases
from engine.refunds import Refunds
from engine.reversals import Reversals
from engine.revocations import Revocations
from engine.settings import Settings
from engine.terminal_requests import TerminalRequests
from engine.terminal_tokens import Tokens
from engine.watches import BooksWatch, DatabaseWatch, ProofWatch
from ledger.poster import Poster, PosterSettings
from ledger.proof.heads import Signer
from ledger.sealer import Sealer
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the engine is made of; see `process` for how it runs."""

    campus: str
    clock: Clock
    registry: CollectorRegistry
    pool: "Pool[Record]"
    argon: ArgonPool
    poster: Poster
    sealer: Sealer
    database: DatabaseWatch
    books: BooksWatch
    proof: ProofWatch
    jobs: JobFigures
    purchases: PurchaseFigures
    pins: Pins
    terminals: TerminalRequests
    known_terminals: KnownTerminals
    terminal_tokens: Tokens
    link: LinkServer
    revocations: Revocations


@asynccontextmanager
async def open_parts(
    settings: Settings, keys: Keys, postgres: Postgres, clock: Clock
) -> AsyncIterator[Parts]:
    """Have the parts while inside. Raises DatabaseUnavailable."""
    limits = settings.limits
    async with _opened_pool(settings, postgres) as pool:
        with ArgonPool(
            OWASP, workers=limits.argon_workers, turns_max=limits.argon_turns_max
        ) as argon:
            poster = Poster(pool, PosterSettings(queue_max=limits.queue_max))
            pins = Pins(pool, argon, keys=keys.pins, clock=clock)
            registry, figures = CollectorRegistry(), PurchaseFigures()
            terminals = TerminalRequests(
                pool,
                purchases=Purchases(pool, poster, pins=pins, clock=clock),
                reversals=Reversals(pool, poster, clock=clock),
                refunds=Refunds(pool, poster, clock=clock),
                figures=figures,
            )
            known_terminals = KnownTerminals(pool)
            link = LinkServer(
                LinkSettings(campus=settings.campus, links_max=limits.links_max),
                find_device=known_terminals.read,
                handle=terminals.handle,
                clock=clock,
                registry=registry,
            )
            parts = Parts(
                campus=settings.campus,
                clock=clock,
                registry=registry,
                pool=pool,
                argon=argon,
                poster=poster,
                sealer=_sealer(settings, keys, pool, clock),
                database=DatabaseWatch(pool, postgres.embedded),
                books=BooksWatch(pool, clock),
                proof=ProofWatch(pool, clock),
                jobs=JobFigures(),
                purchases=figures,
                pins=pins,
                terminals=terminals,
                known_terminals=known_terminals,
                terminal_tokens=Tokens(keys.terminal_sessions),
                link=link,
                revocations=Revocations(known_terminals, link),
            )
            _register(parts)
            yield parts


def _sealer(settings: Settings, keys: Keys, pool: "Pool[Record]", clock: Clock) -> Sealer:
    settings.heads_file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    signer = Signer(settings.campus, keys.signing)
    return Sealer(pool, signer, clock=clock, head_file=settings.heads_file)


@asynccontextmanager
async def _opened_pool(settings: Settings, postgres: Postgres) -> "AsyncIterator[Pool[Record]]":
    database = settings.database
    pool = await open_pool(
        postgres.app,
        settings.campus,
        size=database.pool_size,
        command_timeout_s=database.command_timeout_s,
    )
    try:
        yield pool
        async with asyncio.timeout(database.command_timeout_s):
            await pool.close()
    finally:
        pool.terminate()  # at once, after an error or where closing took too long


def _register(parts: Parts) -> None:
    ProcessCollector(registry=parts.registry)
    parts.registry.register(parts.jobs)
    parts.registry.register(parts.purchases)
    parts.registry.register(
        EngineFigures(
            pool=parts.pool,
            poster=parts.poster,
            argon=parts.argon,
            database=parts.database,
            books=parts.books,
            proof=parts.proof,
        )
    )
