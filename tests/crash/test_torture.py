"""Kills under load lose nothing and double nothing; and where they do, a run notices."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from engine.database.campus import create_campus
from engine.database.connections import connect
from engine.database.embedded import EmbeddedServer
from engine.database.target import Role
from engine.torture.books import CAMPUS
from engine.torture.comparison import DifferenceKind
from engine.torture.report import TortureReport
from engine.torture.run import TortureOptions, run_torture

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

KILLS = 30


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's user can enter."""
    with TemporaryDirectory(prefix="campus-") as made:
        Path(made).chmod(0o755)
        Path(made, "run").mkdir()
        yield Path(made)


@pytest.fixture
def own_server(folder: Path) -> Iterator[EmbeddedServer]:
    """A server to be killed."""
    with EmbeddedServer(folder / "postgres", shared_buffers_mib=64) as server:
        yield server


async def tortured(server: EmbeddedServer, folder: Path, *, kills: int, seed: int) -> TortureReport:
    return await run_torture(server, folder / "run", TortureOptions(kills=kills, seed=seed))


def named(report: TortureReport, kind: DifferenceKind) -> list[str]:
    return [finding for finding in report.findings if finding.startswith(f"journal: {kind}:")]


async def test_thirty_kills_lose_nothing_and_double_nothing(
    own_server: EmbeddedServer, folder: Path
) -> None:
    report = await tortured(own_server, folder, kills=KILLS, seed=20_260_301)
    assert report.is_clean, "\n".join(report.findings)
    assert sum(row.kills for row in report.kills) == KILLS
    # A run that never lost an answer, or in which no commit went unheard, would prove nothing.
    assert report.answers.posted > KILLS
    assert report.answers.refused > KILLS
    assert report.answers.unknown_posted_before > 0
    assert report.answers.unknown_posted_after > 0
    assert report.proven is not None
    assert report.proven.heads > KILLS


async def test_commits_that_did_not_reach_the_disk_are_found_lost(
    own_server: EmbeddedServer, folder: Path
) -> None:
    superuser = await asyncpg.connect(own_server.target(Role.SUPERUSER).url)
    await superuser.execute("alter role campus_app set synchronous_commit = off")
    await superuser.close()
    report = await tortured(own_server, folder, kills=7, seed=1)
    assert named(report, DifferenceKind.LOST)


async def test_an_id_that_was_posted_twice_is_found_doubled(
    own_server: EmbeddedServer, folder: Path
) -> None:
    owner = await connect(own_server.target(Role.OWNER), CAMPUS, command_timeout_s=60)
    await create_campus(owner, CAMPUS)
    await owner.execute("drop index transfers_id")
    await owner.close()
    report = await tortured(own_server, folder, kills=2, seed=1)
    assert named(report, DifferenceKind.DOUBLED)
