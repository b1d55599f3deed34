"""A small ledger in a database, posted by the real book, for tests of the proofs."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ledger.accounts import Rule, new_account
from ledger.book import Asked, LedgerConnection, make_months, open_accounts, post
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.transfers import Entry, Transfer

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BANK, CANTEEN, WALLET = (UUID(int=number) for number in (1, 2, 3))


async def open_books(connection: LedgerConnection) -> None:
    """Open a bank, a canteen and a wallet, with a partition for the month of NOON."""
    await make_months(connection, [NOON])
    wallet = new_account(WALLET, "wallet", rule=Rule.DEBITS_MUST_NOT_EXCEED_CREDITS)
    await open_accounts(
        connection, [new_account(BANK, "bank"), new_account(CANTEEN, "merchant"), wallet]
    )


async def post_batch(connection: LedgerConnection, purchases: int) -> list[UUID]:
    """Post one batch: a top-up, purchases, and one that is refused. Return all ids in order."""
    top_up = _transfer("top_up", BANK, WALLET, 1_000 * purchases)
    bought = [_transfer("purchase", WALLET, CANTEEN, 100 + each) for each in range(purchases)]
    refused = _transfer("purchase", WALLET, CANTEEN, 10**9)
    transfers = [top_up, *bought, refused]
    async with connection.transaction():
        await post(connection, [Asked(Entry(transfer)) for transfer in transfers])
    return [transfer.id for transfer in transfers]


async def post_batches(connection: LedgerConnection, sizes: Iterable[int]) -> list[list[UUID]]:
    """Post several batches, each with so many purchases."""
    return [await post_batch(connection, size) for size in sizes]


def _transfer(kind: str, debit_account: UUID, credit_account: UUID, amount_fen: int) -> Transfer:
    event_at = NOON + timedelta(seconds=amount_fen % 60)
    return Transfer(
        id=uuid7(event_at),
        kind=kind,
        event_at=event_at,
        amount=Fen(amount_fen),
        debit_account=debit_account,
        credit_account=credit_account,
    )
