"""The books of a run: made before it, and examined in every way that we have."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

import asyncpg

from engine.database.campus import create_campus
from engine.database.connections import connect, open_pool
from engine.database.embedded import EmbeddedServer
from engine.database.target import Role
from engine.postgres import months_ahead
from engine.torture.comparison import Record
from engine.torture.frames import Orders
from engine.torture.questions import accounts
from ledger.answers import Recorded
from ledger.audit import AuditFinding, audit, quick_checks
from ledger.book import find_lines, make_months, open_accounts
from ledger.proof.findings import Report
from ledger.proof.head_file import read_heads
from ledger.proof.heads import Signer, Trust
from ledger.proof.signing_key import create_key_file
from ledger.queries import load
from ledger.sealer import Sealer
from ledger.time import wall_clock
from ledger.verify import verify

if TYPE_CHECKING:
    from asyncpg.connection import Connection

_SQL = load("engine.sql", "torture")
CAMPUS: Final = "torture"
_TIMEOUT_S: Final = 600.0
"""Reading all of a long run takes minutes."""
_LINES_AT_A_TIME: Final = 10_000


class Examination(NamedTuple):
    """What was found in the books."""

    record: Record
    audited: list[AuditFinding]
    verified: Report


class Books:
    """A campus of plain accounts, with the key and the heads that lie outside its database.

    Its server must be running and nobody else's; the folder must be empty.
    """

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self._server = server
        self._key_file = folder / "signing_key.pem"
        self._head_file = folder / "heads.jsonl"
        self._signer = Signer(CAMPUS, create_key_file(self._key_file))

    def orders(self, *, give_up_after_s: float) -> Orders:
        """Return what a worker needs to know."""
        return Orders(
            database_url=self._server.target(Role.APP).url,
            campus=CAMPUS,
            key_file=str(self._key_file),
            head_file=str(self._head_file),
            give_up_after_s=give_up_after_s,
        )

    async def open(self, *, groups: int) -> None:
        """Make the campus, with accounts for groups of people."""
        async with self._connected(Role.OWNER) as owner:
            await create_campus(owner, CAMPUS)
            await owner.execute(_SQL.get("make_notes"))
            await owner.execute(_SQL.get("grant_notes"))
        async with self._connected(Role.APP) as app:
            await open_accounts(app, accounts(groups))
            await make_months(app, months_ahead(wall_clock()))

    async def glance(self) -> list[AuditFinding]:
        """Run the checks whose cost does not grow; anybody may post meanwhile."""
        async with self._connected(Role.APP) as connection:
            return await audit(connection, quick_checks())

    async def examine(self) -> Examination:
        """Audit, verify with every head kept so far, and read everything.

        Nobody may post meanwhile.
        """
        trust = Trust(campus=CAMPUS, public_keys=(self._signer.public_key,))
        heads = list(read_heads(self._head_file))
        async with self._connected(Role.APP) as connection:
            return Examination(
                record=await _read_record(connection),
                audited=await audit(connection),
                verified=await verify(connection, heads, trust=trust),
            )

    async def is_posted_since(self, moment: datetime) -> bool:
        """Tell whether a batch is on record that is newer than a moment."""
        async with self._connected(Role.APP) as connection:
            return bool(await connection.fetchval(_SQL.get("is_posted_since"), moment))

    async def sign(self) -> None:
        """Seal what was posted, and sign it. Raises HistoryRewritten."""
        pool = await open_pool(
            self._server.target(Role.APP), CAMPUS, size=1, command_timeout_s=_TIMEOUT_S
        )
        try:
            sealer = Sealer(pool, self._signer, clock=wall_clock, head_file=self._head_file)
            await sealer.run_once()
            await sealer.sign_head()
        finally:
            pool.terminate()

    @asynccontextmanager
    async def _connected(self, role: Role) -> "AsyncIterator[Connection[asyncpg.Record]]":
        target = self._server.target(role)
        connection = await connect(target, CAMPUS, command_timeout_s=_TIMEOUT_S)
        try:
            yield connection
        finally:
            await connection.close()


async def _read_record(connection: "Connection[asyncpg.Record]") -> Record:
    ids: list[UUID] = [row["id"] for row in await connection.fetch(_SQL.get("all_ids"))]
    found: dict[UUID, Recorded] = {}
    for start in range(0, len(ids), _LINES_AT_A_TIME):
        found |= await find_lines(connection, ids[start : start + _LINES_AT_A_TIME])
    counts = await connection.fetch(_SQL.get("count_notes"))
    return Record(
        lines=[found[each] for each in ids],
        notes=Counter({row["entry_id"]: row["count"] for row in counts}),
    )
