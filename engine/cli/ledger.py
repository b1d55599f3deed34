"""`campus ledger`: the books read, audited, verified and proven."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import msgspec
import typer
from rich.console import Group, RenderableType

from engine.cli.desk import open_desk
from engine.cli.output import AsJson, ExitCode, table
from engine.cli.values import ExistingFile
from engine.keys import BadKeys, load_keys
from engine.settings import Settings
from ledger.audit import CHECKS, AuditFinding, Check, audit
from ledger.errors import CampusError
from ledger.evidence import newest_head
from ledger.money import Fen, total
from ledger.proof.errors import BadHead, NotYetSealed
from ledger.proof.findings import Report
from ledger.proof.head_file import last_head, read_heads
from ledger.proof.heads import SignedHead, Trust, dump_head
from ledger.proof.receipt import Receipt, check_receipt, dump_receipt, load_receipt
from ledger.receipts import make_receipt
from ledger.statements import TrialBalanceRow, trial_balance
from ledger.verify import verify

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

_LONG_S: Final = 24 * 3_600.0
"""For one statement that may read all of history."""

ledger = typer.Typer(help="The books: read, audited, verified, proven.", no_args_is_help=True)

HeadFile = Annotated[
    Path | None,
    typer.Option(
        "--head",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Signed heads, one a line, that were kept outside the database.",
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--public-key",
        metavar="HEX",
        help="A key whose heads count; those of this installation unless given.",
    ),
]


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


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt that was found good says."""

    transfer_id: str
    kind: str
    amount_fen: int
    posted_at: str
    refusal: str | None
    head_position: int


class PublicKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What a stranger needs to know beforehand."""

    campus: str
    public_keys: list[str]
    """Raw Ed25519 keys in hexadecimal, the current one last."""


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
        trust = _trust(desk.settings, key)
        heads = list(read_heads(head or desk.settings.heads_file))
        return await verify(connection, heads, trust=trust, progress=progress)

    with desk.output.progress("transfers") as progress:
        report = desk.in_campus(work, limit_s=_LONG_S)
    desk.output.show(_verified(report), _draw_verified)
    _exit_unless(is_clean=report.is_clean)


@ledger.command("receipt")
def print_receipt(
    context: typer.Context,
    transfer: Annotated[UUID, typer.Argument(metavar="ID", help="Of a transfer or a refusal.")],
    *,
    head: HeadFile = None,
    as_json: AsJson = False,
) -> None:
    """Print the receipt of a transfer, a JSON document that a stranger can check."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> Receipt:
        kept = None if head is None else _newest(head)
        return await make_receipt(connection, transfer, head=kept)

    desk.output.print_document(dump_receipt(desk.in_campus(work)))


@ledger.command("check-receipt")
def check(
    context: typer.Context,
    file: ExistingFile,
    *,
    head: HeadFile = None,
    key: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Check a receipt against a kept head, without any database."""
    desk = open_desk(context, as_json=as_json)
    try:
        receipt = load_receipt(file.read_text(encoding="utf-8"))
        kept = receipt.head if head is None else _head_for(receipt, head)
        check_receipt(receipt, kept, _trust(desk.settings, key))
    except CampusError as error:
        desk.output.fail(error)
    desk.output.show(_checked(receipt), _draw_checked)


@ledger.command("head")
def print_head(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Print the newest signed head, one line of JSON: worth keeping far from here."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> SignedHead:
        found = await newest_head(connection)
        if found is None:
            raise NotYetSealed("no head was signed yet")
        return found

    desk.output.print_document(dump_head(desk.in_campus(work)))


@ledger.command("public-keys")
def show_public_keys(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the keys with which a stranger checks our heads and receipts."""
    desk = open_desk(context, as_json=as_json)
    try:
        trust = _trust(desk.settings, None)
    except CampusError as error:
        desk.output.fail(error)
    keys = PublicKeys(campus=trust.campus, public_keys=[each.hex() for each in trust.public_keys])
    desk.output.show(keys, lambda each: "\n".join(each.public_keys))


def _trust(settings: Settings, typed: Sequence[str] | None) -> Trust:
    """Return which keys count: those typed, else our own. Raises BadKeys."""
    campus = settings.campus
    if not typed:
        return load_keys(settings.keys_of(campus)).trust(campus)
    try:
        return Trust(campus=campus, public_keys=tuple(bytes.fromhex(each) for each in typed))
    except ValueError:
        raise BadKeys("a public key is 64 hexadecimal digits") from None


def _newest(path: Path) -> SignedHead:
    found = last_head(path)
    if found is None:
        raise BadHead(f"{path} has no head")
    return found


def _head_for(receipt: Receipt, path: Path) -> SignedHead:
    """Return the kept head that a receipt leads to. Raises BadHead when it was not kept."""
    wanted = receipt.head.head.position
    for kept in read_heads(path):
        if kept.head.position == wanted:
            return kept
    raise BadHead(f"{path} has no head at position {wanted}, to which the receipt leads")


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


def _checked(receipt: Receipt) -> Checked:
    transfer = receipt.transfer
    return Checked(
        transfer_id=str(transfer.id),
        kind=transfer.kind,
        amount_fen=transfer.amount_fen,
        posted_at=transfer.posted_at.isoformat(),
        refusal=transfer.refusal,
        head_position=receipt.head.head.position,
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


def _draw_checked(found: Checked) -> RenderableType:
    outcome = f"refused ({found.refusal})" if found.refusal else "posted"
    return (
        f"[green]the receipt holds[/]: {found.kind} {found.transfer_id} of "
        f"{Fen(found.amount_fen).yuan()} yuan was {outcome} at {found.posted_at}"
    )
