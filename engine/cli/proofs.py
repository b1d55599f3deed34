"""`campus ledger receipt` and its like: proofs for strangers, made and checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer
from rich.console import RenderableType

from engine.cli.desk import open_desk
from engine.cli.output import AsJson
from engine.cli.values import ExistingFile
from engine.keys import BadKeys, load_keys
from engine.settings import Settings
from ledger.errors import CampusError
from ledger.evidence import newest_head
from ledger.money import Fen
from ledger.proof.errors import BadHead, NotYetSealed
from ledger.proof.head_file import last_head, read_heads
from ledger.proof.heads import SignedHead, Trust, dump_head
from ledger.proof.receipt import Receipt, check_receipt, dump_receipt, load_receipt
from ledger.receipts import make_receipt

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

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
        receipt = load_receipt(file.read_text(encoding="utf-8", errors="replace"))
        kept = receipt.head if head is None else _head_for(receipt, head)
        check_receipt(receipt, kept, trust_of(desk.settings, key))
    except CampusError as error:
        desk.output.fail(error)
    desk.output.show(_checked(receipt), _draw_checked)


def print_head(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Print the newest signed head, one line of JSON: worth keeping far from here."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> SignedHead:
        found = await newest_head(connection)
        if found is None:
            raise NotYetSealed("no head was signed yet")
        return found

    desk.output.print_document(dump_head(desk.in_campus(work)))


def show_public_keys(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the keys with which a stranger checks our heads and receipts."""
    desk = open_desk(context, as_json=as_json)
    try:
        trust = trust_of(desk.settings, None)
    except CampusError as error:
        desk.output.fail(error)
    keys = PublicKeys(campus=trust.campus, public_keys=[each.hex() for each in trust.public_keys])
    desk.output.show(keys, lambda each: "\n".join(each.public_keys))


def trust_of(settings: Settings, typed: Sequence[str] | None) -> Trust:
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


def _draw_checked(found: Checked) -> RenderableType:
    outcome = f"refused ({found.refusal})" if found.refusal else "posted"
    return (
        f"[green]the receipt holds[/]: {found.kind} {found.transfer_id} of "
        f"{Fen(found.amount_fen).yuan()} yuan was {outcome} at {found.posted_at}"
    )
