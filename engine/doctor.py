"""The doctor: looks an installation over and says of each thing whether it is well.

It changes nothing. What it finds is a list, so that one thing that is wrong hides no other.
"""

import os
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.database.campus import components, list_campuses
from engine.database.durability import check_durability
from engine.database.errors import UnsafeDatabase
from engine.database.migrations import read
from engine.keys import BadKeys, load_keys
from engine.postgres import Postgres, connected
from engine.settings import Settings
from ledger.audit import audit, quick_checks
from ledger.queries import load
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

_SQL = load("engine.sql", "doctor")

_DISK_FREE_MIN_BYTES: Final = 2 << 30
_CLOCK_OFF_MAX_S: Final = 1.0
_FILES_SPARE: Final = 256
"""Open files beside the links: connections of the pool, keys, logs, the server's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that was looked at."""

    name: str
    detail: str
    advice: str | None = None
    """What to do; None when it is well."""

    @property
    def is_well(self) -> bool:
        """Tell whether nothing needs to be done."""
        return self.advice is None


def examine_machine(settings: Settings) -> Iterator[Diagnosis]:
    """Look at what can be seen without a database."""
    yield _data_dir(settings.data_dir)
    yield _disk(settings.data_dir)
    yield _keys(settings)
    yield _open_files(settings)


async def examine_database(settings: Settings, postgres: Postgres, clock: Clock) -> list[Diagnosis]:
    """Look at the server and the campus in it. Raises DatabaseUnavailable."""
    limit_s = settings.database.command_timeout_s
    campus = settings.campus
    async with connected(postgres.app, campus, command_timeout_s=limit_s) as app:
        found = [await _server(app), await _durability(app), await _role(app)]
        found.append(await _clock(app, clock))
        if campus not in await list_campuses(app):
            advice = f"make it: campus create {campus}"
            return [*found, Diagnosis(name="campus", detail="not there", advice=advice)]
        async with connected(postgres.owner, campus, command_timeout_s=limit_s) as owner:
            found.append(await _migrations(owner, campus))
        found.append(await _pin_keys(app, settings))
        found.append(await _books(app))
    return found


def _data_dir(path: Path) -> Diagnosis:
    name = "data directory"
    if not path.is_dir():
        return Diagnosis(name=name, detail=f"{path} is not there yet")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Diagnosis(name=name, detail=str(path), advice="let this user write there")
    return Diagnosis(name=name, detail=str(path))


def _disk(path: Path) -> Diagnosis:
    there = next(each for each in (path, *path.parents) if each.exists())
    free = shutil.disk_usage(there).free
    advice = None if free >= _DISK_FREE_MIN_BYTES else "make room: a full disk stops all posting"
    return Diagnosis(name="disk", detail=f"{free / (1 << 30):,.1f} GiB free", advice=advice)


def _keys(settings: Settings) -> Diagnosis:
    folder = settings.keys_of(settings.campus)
    if not folder.exists():
        return Diagnosis(name="keys", detail=f"none yet; the first start makes them in {folder}")
    try:
        keys = load_keys(folder)
    except BadKeys as error:
        return Diagnosis(name="keys", detail=str(error), advice="see docs/operations.md, Keys")
    detail = f"{len(keys.trusted)} for heads, {len(keys.pins.keys)} for PINs in {folder}"
    return Diagnosis(name="keys", detail=detail)


def _open_files(settings: Settings) -> Diagnosis:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.limits.links_max + settings.database.pool_size + _FILES_SPARE
    advice = None
    if allowed < needed:
        advice = f"{needed} are needed for CAMPUS_LINKS_MAX: ulimit -n {needed} (at most {most})"
    return Diagnosis(name="open files", detail=f"{allowed} allowed", advice=advice)


async def _server(app: "Connection[Record]") -> Diagnosis:
    version = await app.fetchval(_SQL.get("version"))
    return Diagnosis(name="database", detail=f"PostgreSQL {version} answers")


async def _durability(app: "Connection[Record]") -> Diagnosis:
    try:
        await check_durability(app)
    except UnsafeDatabase as error:
        detail = "; ".join(error.wrong)
        return Diagnosis(name="durability", detail=detail, advice="set them in postgresql.conf")
    return Diagnosis(name="durability", detail="what is acknowledged is on disk")


async def _role(app: "Connection[Record]") -> Diagnosis:
    if await app.fetchval(_SQL.get("rights")):
        advice = "let CAMPUS_DATABASE_URL name campus_app"
        return Diagnosis(name="rights", detail="the engine's role may do all", advice=advice)
    return Diagnosis(name="rights", detail="the engine's role has no more than it needs")


async def _clock(app: "Connection[Record]", clock: Clock) -> Diagnosis:
    off_s = abs((await app.fetchval(_SQL.get("time_now")) - clock()).total_seconds())
    advice = None if off_s <= _CLOCK_OFF_MAX_S else "keep both machines' clocks by NTP"
    return Diagnosis(name="clock", detail=f"{off_s:.3f} s from the database's", advice=advice)


async def _migrations(owner: "Connection[Record]", campus: str) -> Diagnosis:
    applied = await owner.fetchval(_SQL.get("count_migrations"))
    known = sum(len(read(component)) for component in components())
    if applied == known:
        return Diagnosis(name="campus", detail=f"{campus} has all {known} migrations")
    detail = f"{campus} has {applied} of {known} migrations"
    advice = f"campus create {campus}" if applied < known else "upgrade this program"
    return Diagnosis(name="campus", detail=detail, advice=advice)


async def _pin_keys(app: "Connection[Record]", settings: Settings) -> Diagnosis:
    used = {row["key_id"] for row in await app.fetch(_SQL.get("list_pin_keys"))}
    try:
        lost = used - load_keys(settings.keys_of(settings.campus)).pins.keys.keys()
    except BadKeys:
        lost = used
    if lost:
        advice = "restore the PIN keys from the backup; else their owners need new PINs"
        return Diagnosis(name="PINs", detail=f"{len(lost)} keys are lost", advice=advice)
    return Diagnosis(name="PINs", detail="every PIN has its key")


async def _books(app: "Connection[Record]") -> Diagnosis:
    findings = await audit(app, quick_checks())
    if findings:
        detail = ", ".join(sorted({finding.check for finding in findings}))
        advice = "stop, and find out: campus ledger audit, campus ledger verify"
        return Diagnosis(name="books", detail=f"wrong: {detail}", advice=advice)
    return Diagnosis(name="books", detail="in balance")
