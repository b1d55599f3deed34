"""The command line, typed at a campus of the test's own."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.main import cli
from engine.database.connections import open_pool
from engine.keys import open_keys
from engine.settings import Settings, read_settings
from ledger.proof.heads import Signer
from ledger.sealer import Sealer
from ledger.time import wall_clock
from tests.databases import CAMPUS, COMMAND_TIMEOUT_S, Database
from tests.engine.processes import environment

PEOPLE = """\
学号,姓名,类别,学院
20230001,李雷,学生,数学学院
20230002,韩梅梅,学生,外语学院
T1001,王芳,教师,数学学院
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What came of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, object]:
        """The one JSON document that was printed."""
        found: dict[str, object] = json.loads(self.stdout)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Somewhere to type commands."""

    settings: Settings

    def type(self, *words: str | Path) -> Typed:
        """Run a command."""
        result = CliRunner().invoke(cli, [str(word) for word in words], obj=self.settings)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Typed(code=result.exit_code, stdout=result.stdout, stderr=result.stderr)

    def ask(self, *words: str | Path) -> dict[str, object]:
        """Run a command that succeeds, with `--json`, and return its document."""
        typed = self.type(*words, "--json")
        assert typed.code == 0, typed.stdout
        return typed.document


@pytest.fixture
def terminal(database: Database, tmp_path: Path) -> Terminal:
    """A campus that was created, with keys, and has nobody in it."""
    terminal = Terminal(settings=read_settings(environment(database, tmp_path)))
    terminal.ask("create", CAMPUS)
    return terminal


@pytest.fixture
def people_file(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    return file


@pytest.fixture
def campus(terminal: Terminal, people_file: Path) -> Terminal:
    """The same, with three people."""
    terminal.ask("people", "import", people_file)
    return terminal


@pytest.fixture
def sealed(terminal: Terminal, database: Database) -> Callable[[], None]:
    """Seals what was posted and signs the head, as the running engine does by itself."""
    keys = open_keys(terminal.settings.keys_of(CAMPUS))

    async def seal() -> None:
        pool = await open_pool(
            database.target(), CAMPUS, size=1, command_timeout_s=COMMAND_TIMEOUT_S
        )
        sealer = Sealer(pool, Signer(CAMPUS, keys.signing), clock=wall_clock)
        await sealer.run_once()
        await sealer.sign_head()
        await pool.close()

    return lambda: asyncio.run(seal())
