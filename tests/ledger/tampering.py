"""Books that were posted, sealed and signed, for their owner to change.

Six batches: three under a first signed head, two more under a second, the last under none.
"""

from dataclasses import dataclass
from uuid import UUID

from engine.database.connections import open_pool
from ledger.book import LedgerConnection
from ledger.proof.findings import Finding, Report
from ledger.proof.heads import SignedHead
from ledger.rows import BATCH_BITS
from ledger.sealer import Sealer
from ledger.verify import verify
from tests.databases import CAMPUS, Database
from tests.ledger.books import NOON, open_books, post_batches
from tests.ledger.histories import SIGNER, TRUST


def seq(batch: int, index: int) -> int:
    return (batch << BATCH_BITS) + index


TARGET = seq(3, 2)  # a purchase that the wallet's next one names as its predecessor


@dataclass(frozen=True, slots=True)
class Posted:
    """What was posted and signed before anybody changed it."""

    database: Database
    ids: list[list[UUID]]
    heads: list[SignedHead]


@dataclass(frozen=True, slots=True)
class Books:
    """The same, open to be changed by their owner in a transaction that is rolled back."""

    owner: LedgerConnection
    ids: list[list[UUID]]
    heads: list[SignedHead]

    @property
    def target(self) -> UUID:
        return self.ids[2][2]

    async def verified(self) -> Report:
        """What verification reports; fails unless it is the same batch by batch and at once."""
        by_batch = await verify(self.owner, self.heads, trust=TRUST, window_transfers=1)
        report = await verify(self.owner, self.heads, trust=TRUST)
        assert by_batch == report
        return report


async def post_and_sign(database: Database) -> Posted:
    pool = await open_pool(database.target(), CAMPUS, size=1, command_timeout_s=30)
    sealer = Sealer(pool, SIGNER, clock=lambda: NOON)
    async with pool, database.owner() as owner:
        await open_books(owner)
        ids = await post_batches(owner, [3, 1, 4])
        await sealer.run_once()
        heads = [await sealer.sign_head()]
        ids += await post_batches(owner, [2, 5])
        await sealer.run_once()
        heads.append(await sealer.sign_head())
        ids += await post_batches(owner, [2])
        await sealer.run_once()
        await owner.execute("alter table transfers disable trigger user")
        await owner.execute("alter table heads disable trigger user")
    return Posted(database, ids, heads)


def only(report: Report) -> Finding:
    assert len(report.findings) == 1, report.findings
    return report.findings[0]
