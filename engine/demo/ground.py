"""What the demo stands on: parts of the process that it runs in, and what it was asked to be."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.demo.population import PEOPLE
from engine.demo.rhythm import SPEED
from engine.pins import PinKeys
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Parts of a running engine."""

    campus: str
    pool: "Pool[Record]"
    pin_keys: PinKeys
    clock: Clock
    url: str
    """Where the engine is found, such as `http://127.0.0.1:8018`."""
    folder: Path
    """Of this campus, for what the demo must remember: keys and passwords."""
    is_in_balance: Callable[[], bool | None]
    """Tells whether the books were in balance when they were last audited; None before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the demo is to be. All but the speed matters at its first start alone."""

    speed: float = SPEED
    """How much faster than ours the campus's clock runs."""
    seed: int = 1
    people: int = PEOPLE
    sample: Path | None = None
    """A folder with a real month, in place of made-up people."""
