"""Reading what the proofs rest on: transfers in the form that is hashed, and signed heads."""

from asyncpg import Record

from ledger.book import LedgerConnection
from ledger.proof.heads import Head, SignedHead
from ledger.proof.transfer_row import split_rows
from ledger.queries import load

_SQL = load("ledger.sql", "evidence")


async def copy_rows(connection: LedgerConnection, first: int, last: int) -> list[bytes]:
    """Return the rows with a seq from `first` up to and including `last`, by seq, as hashed."""
    pieces: list[bytes] = []

    async def keep(piece: bytes) -> None:
        pieces.append(piece)

    await connection.copy_from_query(
        _SQL.get("copy_rows"), first, last, output=keep, format="binary"
    )
    return split_rows(b"".join(pieces))


async def first_head(connection: LedgerConnection, position: int) -> SignedHead | None:
    """Return the first head at or after a position of the chain, unchecked, or None."""
    row = await connection.fetchrow(_SQL.get("first_head"), position)
    return None if row is None else head_of(row)


async def newest_head(connection: LedgerConnection) -> SignedHead | None:
    """Return the newest head, unchecked, or None when nothing was ever signed."""
    row = await connection.fetchrow(_SQL.get("newest_head"))
    return None if row is None else head_of(row)


def head_of(row: Record) -> SignedHead:
    """Return the head of a row of `heads`, unchecked. Raises BadHead when it cannot be one."""
    head = Head(
        campus=row["campus"],
        position=row["position"],
        chain_hash=row["chain_hash"],
        transfers_total=row["transfers_total"],
        signed_at=row["signed_at"],
    )
    return SignedHead(head=head, key_id=row["key_id"], signature=row["signature"])
