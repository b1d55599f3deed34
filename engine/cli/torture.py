"""`campus torture`: kill what runs, again and again, and see whether every promise holds."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.text import Text

from engine.cli.desk import open_desk
from engine.cli.output import AsJson, ExitCode, table
from engine.database.embedded import EmbeddedServer
from engine.torture.report import Answers, TortureReport
from engine.torture.run import Progress, TortureOptions, run_torture
from ledger.errors import CampusError

_BUFFERS_MIB = 128


def torture(
    context: typer.Context,
    *,
    kills: Annotated[int, typer.Option(min=1, help="How often something is killed.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Chooses what, and when.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Kill processes under load on a server of its own; compare what was said with the ledger.

    No campus is touched. Exit code 1 when a promise was broken; the server's files are then kept.
    """
    desk = open_desk(context, as_json=as_json)
    area = Path(tempfile.mkdtemp(prefix="campus-torture-"))
    area.chmod(0o755)  # the server's own user must be able to enter
    options = TortureOptions(kills=kills, seed=seed)
    try:
        with desk.output.progress("kills") as progress:
            report = _torture(area, options, progress)
    except CampusError as error:
        desk.output.fail(error)
    desk.output.show(report, _draw)
    if not report.is_clean:
        typer.echo(f"kept for examination: {area}", err=True)
        raise typer.Exit(ExitCode.REFUSED)
    shutil.rmtree(area)


def _torture(area: Path, options: TortureOptions, progress: Progress) -> TortureReport:
    folder = area / "run"
    folder.mkdir()
    with EmbeddedServer(area / "postgres", shared_buffers_mib=_BUFFERS_MIB) as server:
        return asyncio.run(run_torture(server, folder, options, progress=progress))


def _draw(report: TortureReport) -> RenderableType:
    kills = [
        (row.kind, row.kills, f"{row.p50_ms:,.0f}", f"{row.max_ms:,.0f}") for row in report.kills
    ]
    return Group(
        f"seed {report.seed}, {report.seconds:,.0f} s",
        table("killed", "times", "back after ms (median)", "ms (longest)", rows=kills),
        _draw_answers(report.answers),
        _draw_examinations(report),
        _draw_verdict(report),
    )


def _draw_answers(answers: Answers) -> RenderableType:
    return table(
        "answers",
        "",
        rows=[
            ("posted", answers.posted),
            ("refused", answers.refused),
            ("asked again, taken back, or other content", answers.again),
            ("unknown at first", answers.unknown),
            ("  of these posted already", answers.unknown_posted_before),
            ("  posted when asked again", answers.unknown_posted_after),
            ("  refused when asked again", answers.unknown_refused),
        ],
    )


def _draw_examinations(report: TortureReport) -> str:
    examined = f"{report.examinations} times compared, {report.audits} times audited"
    if report.proven is None:
        return examined
    transfers, batches, heads = msgspec.structs.astuple(report.proven)
    return f"{examined}; {transfers:,} transfers in {batches:,} batches hold {heads:,} signed heads"


def _draw_verdict(report: TortureReport) -> RenderableType:
    if report.is_clean:
        return "[green]nothing lost, nothing double, nothing altered[/]"
    return Group(
        f"[red]{len(report.findings)} findings[/]", *(Text(each) for each in report.findings)
    )
