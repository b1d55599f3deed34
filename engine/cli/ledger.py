"""`campus ledger`: the books read, audited and verified."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import typer
from rich.console import Group, RenderableType

from engine.cli.desk import open_desk
from engine.cli.output import AsJson, ExitCode, table
from engine.cli.proofs import HeadFile, Keys, trust_of
from ledger.audit import CHECKS, AuditFinding, Check, audit
from ledger.money import Fen, total
from ledger.proof.findings import Report
from ledger.proof.head_file import read_heads
from ledger.statements import TrialBalanceRow, trial_balance
from ledger.verify import verify

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

_LONG_S: Final = 24 * 3_600.0
"""For one statement that may read all of history."""

ledger = typer.Typer(help="The books: read, audited, verified, proven.", no_args_is_help=True)


class BalanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of all accounts of a kind."""

    kind: str
    unit: str
    accounts: int
    debits_fen: int
    credits_fen: int
    debits_pending_fen: int
    credits_pending_fen: int


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of all accounts at one instant."""

    is_balanced: bool
    debits_fen: int
    credits_fen: int
    rows: list[BalanceRow]


class FindingShown(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with the books."""

    kind: str
    text: str
    transfer_id: str | None = None
    seq: int | None = None
    position: int | None = None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification read, how far it is proven, and what is wrong."""

    is_clean: bool
    transfers: int
    batches_sealed: int
    batches_unsealed: int
    proven_position: int
    heads: int
    findings: list[FindingShown]


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit checked, and what is wrong."""

    is_clean: bool
    checks: list[str]
    findings: list[FindingShown]


@ledger.command("trial-balance")
def show_trial_balance(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the sums by kind of account, all of one instant. Exit code 1 if they differ."""
    desk = open_desk(context, as_json=as_json)
    found = _balance(desk.in_campus(trial_balance))
    desk.output.show(found, _draw_balance)
    _exit_unless(is_clean=found.is_balanced)


@ledger.command("audit")
def run_audit(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Run every check of the books, also those that read all of history."""
    desk = open_desk(context, as_json=as_json)
    begun: list[str] = []

    async def work(connection: "Connection[Record]") -> list[AuditFinding]:
        async def note(check: Check) -> None:
            progress(len(begun), len(CHECKS))
            begun.append(check.name)

        found = await audit(connection, progress=note)
        progress(len(begun), len(CHECKS))
        return found

    with desk.output.progress("checks") as progress:
        findings = desk.in_campus(work, limit_s=_LONG_S)
    audited = Audited(
        is_clean=not findings,
        checks=begun,
        findings=[FindingShown(kind=each.check, text=each.detail) for each in findings],
    )
    desk.output.show(audited, _draw_audited)
    _exit_unless(is_clean=audited.is_clean)


@ledger.command("verify")
def verify_all(
    context: typer.Context, *, head: HeadFile = None, key: Keys = None, as_json: AsJson = False
) -> None:
    """Replay all of history against batches, chain and signed heads; name what was changed."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Report:
        trust = trust_of(desk.settings, key)
        heads = list(read_heads(head or desk.settings.heads_file))
        return await verify(connection, heads, trust=trust, progress=progress)

    with desk.output.progress("transfers") as progress:
        report = desk.in_campus(work, limit_s=_LONG_S)
    desk.output.show(_verified(report), _draw_verified)
    _exit_unless(is_clean=report.is_clean)


def _balance(rows: Sequence[TrialBalanceRow]) -> TrialBalance:
    debits = total([row.debits_posted for row in rows])
    credits_ = total([row.credits_posted for row in rows])
    return TrialBalance(
        is_balanced=debits == credits_,
        debits_fen=debits.value,
        credits_fen=credits_.value,
        rows=[
            BalanceRow(
                kind=row.kind,
                unit=row.unit,
                accounts=row.accounts,
                debits_fen=row.debits_posted.value,
                credits_fen=row.credits_posted.value,
                debits_pending_fen=row.debits_pending.value,
                credits_pending_fen=row.credits_pending.value,
            )
            for row in rows
        ],
    )


def _verified(report: Report) -> Verified:
    return Verified(
        is_clean=report.is_clean,
        transfers=report.transfers,
        batches_sealed=report.batches_sealed,
        batches_unsealed=report.batches_unsealed,
        proven_position=report.proven_position,
        heads=report.heads,
        findings=[
            FindingShown(
                kind=each.kind,
                text=each.text,
                transfer_id=None if each.transfer_id is None else str(each.transfer_id),
                seq=each.seq,
                position=each.position,
            )
            for each in report.findings
        ],
    )


def _exit_unless(*, is_clean: bool) -> None:
    if not is_clean:
        raise typer.Exit(ExitCode.REFUSED)


def _draw_balance(found: TrialBalance) -> RenderableType:
    rows = [
        (row.kind, row.accounts, Fen(row.debits_fen).yuan(), Fen(row.credits_fen).yuan())
        for row in found.rows
    ]
    sums = ("total", "", Fen(found.debits_fen).yuan(), Fen(found.credits_fen).yuan())
    verdict = "[green]debits equal credits[/]" if found.is_balanced else "[red]THEY DIFFER[/]"
    return Group(table("kind", "accounts", "debits", "credits", rows=[*rows, sums]), verdict)


def _draw_audited(audited: Audited) -> RenderableType:
    if audited.is_clean:
        return f"[green]{len(audited.checks)} checks found nothing wrong[/]"
    return _draw_findings(audited.findings)


def _draw_verified(verified: Verified) -> RenderableType:
    read = (
        f"{verified.transfers:,} transfers read; {verified.batches_sealed:,} batches sealed, "
        f"{verified.batches_unsealed:,} to be sealed; heads confirm position "
        f"{verified.proven_position:,}"
    )
    if verified.is_clean:
        return Group(read, "[green]nothing was altered, dropped or inserted[/]")
    return Group(read, _draw_findings(verified.findings))


def _draw_findings(findings: Sequence[FindingShown]) -> RenderableType:
    rows = [(each.kind, each.transfer_id or "", each.text) for each in findings]
    return table("finding", "transfer", "what", rows=rows)
