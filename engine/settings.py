"""Settings: what an installation may choose, read once, checked whole, never changed.

Every setting is a variable `CAMPUS_…` with a default that suits one machine; `docs/operations.md`
lists them. The parts of the engine receive the values they need, not `Settings`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Final, TypeVar

from platformdirs import user_data_path

from engine.database.campus import check_name
from engine.database.errors import InvalidCampusName, InvalidDatabaseUrl
from engine.database.target import Target
from ledger.errors import CampusError

PREFIX: Final = "CAMPUS_"
_NOT_OURS: Final = frozenset({"CAMPUS_SAMPLE_DATA"})  # read by the tests
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_SECONDS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


class InvalidSettings(CampusError):
    """Settings that cannot be; `problems` has one text for each, which begins with its name.

    No text repeats a value: it may be a password in the wrong place.
    """

    code = "invalid_settings"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    """TEXT on a terminal, JSON elsewhere."""
    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    """The least important lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """A PostgreSQL that somebody else runs, as the role of the engine and as the owner."""

    app: Target
    owner: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Which PostgreSQL, and how it is used."""

    external: External | None
    """None: the embedded server in the data directory."""
    shared_buffers_mib: int | None
    """Of the embedded server; None: by the memory of the machine."""
    pool_size: int
    command_timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Where the engine listens, and how it stops."""

    host: str
    port: int
    """0: any free port, which the log names."""
    trusted_proxies: tuple[str, ...]
    """Addresses or networks whose word about the caller's address counts."""
    drain_timeout_s: float
    """For what was accepted to be finished at an orderly stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much the engine takes on before it refuses at the door."""

    queue_max: int
    """Entries that wait for the ledger."""
    links_max: int
    """Terminals connected at once."""
    argon_workers: int
    """Passwords and PINs hashed at once; 19 MiB each."""
    argon_turns_max: int
    """Passwords and PINs that wait or are hashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is logged, and how."""

    format: LogFormat
    level: LogLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an installation may choose."""

    campus: str
    """The campus that this process serves, and that commands work on."""
    data_dir: Path
    """Keys, signed heads and the embedded database."""
    database: DatabaseSettings
    web: WebSettings
    limits: Limits
    log: LogSettings

    def keys_of(self, campus: str) -> Path:
        """Return the folder of a campus's key files."""
        return self.data_dir / "keys" / campus

    @property
    def heads_file(self) -> Path:
        """The file of signed heads: worth a copy far from the database."""
        return self.data_dir / "heads" / f"{self.campus}.jsonl"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of an environment. Raises InvalidSettings with all that is wrong.

    A variable that is empty counts as not set; one with our prefix that we do not know is wrong.
    """
    reader = _Reader(environment)
    settings = Settings(
        campus=reader.campus("NAME", default="campus"),
        data_dir=reader.folder("DATA_DIR", default=default_data_dir()),
        database=DatabaseSettings(
            external=reader.external("DATABASE_URL", "OWNER_DATABASE_URL"),
            shared_buffers_mib=reader.number("SHARED_BUFFERS_MIB", default=0, low=16) or None,
            pool_size=reader.number("POOL_SIZE", default=16, low=4, high=1_000),
            command_timeout_s=reader.seconds("COMMAND_TIMEOUT_S", default=10.0),
        ),
        web=WebSettings(
            host=reader.text("HOST", default="127.0.0.1"),
            port=reader.number("PORT", default=8018, high=65_535),
            trusted_proxies=reader.networks("TRUSTED_PROXIES"),
            drain_timeout_s=reader.seconds("DRAIN_TIMEOUT_S", default=20.0),
        ),
        limits=Limits(
            queue_max=reader.number("QUEUE_MAX", default=32_768, low=1),
            links_max=reader.number("LINKS_MAX", default=10_000, low=1),
            argon_workers=reader.number("ARGON_WORKERS", default=2, low=1, high=256),
            argon_turns_max=reader.number("ARGON_TURNS_MAX", default=128, low=1),
        ),
        log=LogSettings(
            format=reader.choice("LOG_FORMAT", default=LogFormat.AUTO),
            level=reader.choice("LOG_LEVEL", default=LogLevel.INFO),
        ),
    )
    reader.finish()
    return settings


def default_data_dir() -> Path:
    """Return where data lies unless a setting says otherwise: the system's place for it."""
    if os.geteuid() == 0:
        # The embedded server does not run as root, and could not enter root's own home.
        return Path("/var/lib/campus")
    return user_data_path("campus", appauthor=False)


class _Reader:
    """Takes variables out of an environment one by one and collects what is wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        ours = {name for name in environment if name.startswith(PREFIX)} - _NOT_OURS
        self._left = {name: environment[name].strip() for name in sorted(ours)}
        self._problems: list[str] = []

    def finish(self) -> None:
        """Raise InvalidSettings if anything was wrong or is left."""
        self._problems += [f"{name}: there is no such setting" for name in self._left]
        if self._problems:
            raise InvalidSettings(tuple(self._problems))

    def text(self, name: str, *, default: str) -> str:
        return self._take(name) or default

    def number(self, name: str, *, default: int, low: int = 0, high: int = 10**9) -> int:
        text = self._take(name)
        if not text:
            return default
        if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
            return self._wrong(name, f"a whole number from {low} to {high} is needed", default)
        return int(text)

    def seconds(self, name: str, *, default: float) -> float:
        text = self._take(name)
        if not text:
            return default
        if not _SECONDS.fullmatch(text) or float(text) <= 0:
            return self._wrong(name, "a number of seconds above 0 is needed", default)
        return float(text)

    def choice(self, name: str, *, default: E) -> E:
        text = self._take(name)
        kind = type(default)
        if not text:
            return default
        try:
            return kind(text.lower())
        except ValueError:
            return self._wrong(name, f"one of {', '.join(kind)} is needed", default)

    def folder(self, name: str, *, default: Path) -> Path:
        path = Path(self._take(name) or default)
        if not path.is_absolute():
            return self._wrong(name, "an absolute path is needed", default)
        return path

    def campus(self, name: str, *, default: str) -> str:
        try:
            return check_name(self._take(name) or default)
        except InvalidCampusName as error:
            return self._wrong(name, str(error).removeprefix("name: "), default)

    def networks(self, name: str) -> tuple[str, ...]:
        texts = [text.strip() for text in self._take(name).split(",")]
        try:
            return tuple(str(ip_network(text)) for text in texts if text)
        except ValueError:
            return self._wrong(name, "addresses or networks with commas between are needed", ())

    def external(self, app_name: str, owner_name: str) -> External | None:
        app, owner = self._target(app_name), self._target(owner_name)
        if app is None and owner is None:
            return None
        for name, target in ((app_name, app), (owner_name, owner)):
            if target is None and not self._is_wrong(name):
                self._wrong(name, "missing: both roles of the database are needed", None)
        return External(app=app, owner=owner) if app and owner else None

    def _target(self, name: str) -> Target | None:
        text = self._take(name)
        try:
            return Target(text) if text else None
        except InvalidDatabaseUrl as error:
            return self._wrong(name, str(error), None)

    def _take(self, name: str) -> str:
        return self._left.pop(PREFIX + name, "")

    def _wrong(self, name: str, problem: str, default: T) -> T:
        self._problems.append(f"{PREFIX}{name}: {problem}")
        return default

    def _is_wrong(self, name: str) -> bool:
        return any(problem.startswith(f"{PREFIX}{name}:") for problem in self._problems)
