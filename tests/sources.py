"""The project's own text, read once, for the tests that hold its rules.

A rule is a pure function from a source to its findings, so each is shown a bad example as well.
"""

import ast
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("engine", "gateways", "ledger", "terminals")

_NOT_OURS = {"__pycache__", "build", "dist", "node_modules"}
_HIDDEN_BUT_OURS = {".ci", ".gitignore"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One text file; `path` is relative to the root, with slashes."""

    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return Path(self.path).suffix

    @property
    def package(self) -> str:
        return self.path.partition("/")[0]

    @property
    def module(self) -> str:
        """The dotted name under which Python imports the file."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def tree(self) -> ast.Module:
        return _parse(self.path, self.text)

    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def at(self, where: ast.stmt | ast.expr | ast.arg | int, message: str) -> str:
        line = where if isinstance(where, int) else where.lineno
        return f"{self.path}:{line}: {message}"


Rule = Callable[[Source], list[str]]


@cache
def sources() -> tuple[Source, ...]:
    """Every text file of the project, whether or not git has been told of it yet."""
    found = (_read(path) for path in sorted(_files()))
    return tuple(source for source in found if source)


def python_sources(*packages: str) -> list[Source]:
    """The Python files of these top folders, or of the whole project when none is named."""
    return [
        source
        for source in sources()
        if source.suffix == ".py" and (not packages or source.package in packages)
    ]


def findings(rule: Rule, examined: list[Source]) -> list[str]:
    return [finding for source in examined for finding in rule(source)]


@cache
def _parse(path: str, text: str) -> ast.Module:
    return ast.parse(text, path)


def _files() -> Iterator[Path]:
    for folder, below, names in os.walk(ROOT):
        below[:] = filter(_is_ours, below)
        yield from (Path(folder, name) for name in names if _is_ours(name))


def _is_ours(name: str) -> bool:
    return name in _HIDDEN_BUT_OURS or not (name.startswith(".") or name in _NOT_OURS)


def _read(path: Path) -> Source | None:
    content = path.read_bytes()
    if b"\0" in content:
        return None  # not a text
    return Source(path=path.relative_to(ROOT).as_posix(), text=content.decode())
