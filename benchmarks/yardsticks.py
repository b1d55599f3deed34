"""What else the same server can do, for scale: pgbench's TPC-B, and the plain way to post.

The plain way is one database transaction a transfer: lock both accounts, update both, insert one
row. It keeps the same promises but for idempotent ids, statements and proofs.
"""

import asyncio
import random
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.campus import CAMPUS, PRICE, Campus
from benchmarks.report import Row
from engine.database.connections import open_pool
from engine.database.target import Role
from ledger.ids import uuid7
from ledger.queries import load

_SQL = load("benchmarks", "yardsticks")
_SCALE: Final = 50
_CLIENTS: Final = (1, 8, 20, 50)
_CONNECTIONS: Final = 20
_TIMEOUT_S: Final = 120.0


def tpcb(campus: Campus, *, seconds: int) -> Row:
    """Run pgbench's TPC-B-like test and return the best of several numbers of clients."""
    url = campus.server.target(Role.SUPERUSER, "postgres").url
    pgbench = str(campus.server.program / "bin" / "pgbench")
    subprocess.run(  # noqa: S603  the server's own program, our own arguments
        [pgbench, "--initialize", "--quiet", f"--scale={_SCALE}", url],
        check=True,
        capture_output=True,
    )
    rates = {}
    for clients in _CLIENTS:
        output = subprocess.run(  # noqa: S603  as above
            [
                pgbench,
                f"--client={clients}",
                f"--time={seconds}",
                "--protocol=prepared",
                "--no-vacuum",
                url,
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        found = re.search(r"tps = ([0-9.]+)", output)
        rates[clients] = float(found.group(1)) if found else 0.0
    best = max(rates, key=lambda clients: rates[clients])
    return Row(
        name=f"pgbench TPC-B, scale {_SCALE}, best of {_CLIENTS} clients",
        per_second=rates[best],
        figures={"clients": float(best)},
    )


async def plain_way(campus: Campus, *, count: int) -> Row:
    """Post transfers with one database transaction each, over 20 connections."""
    dice = random.Random(3)
    pairs = [(dice.choice(campus.people), dice.choice(campus.merchants)) for _ in range(count)]
    superuser = campus.server.target(Role.OWNER)
    pool = await open_pool(superuser, CAMPUS, size=_CONNECTIONS, command_timeout_s=_TIMEOUT_S)
    try:
        await pool.execute(_SQL.get("make_tables"))
        await pool.execute(_SQL.get("copy_accounts"))
        await pool.execute(_SQL.get("gather_statistics"))
        left = iter(pairs)
        started = time.perf_counter()
        async with asyncio.TaskGroup() as workers:
            for _ in range(_CONNECTIONS):
                workers.create_task(_work(pool, left))
        rate = count / (time.perf_counter() - started)
        await pool.execute(_SQL.get("drop_tables"))
    finally:
        await pool.close()
    return Row(name=f"the plain way, {_CONNECTIONS} connections", per_second=rate)


async def _work(
    pool: "asyncpg.pool.Pool[asyncpg.Record]", left: Iterator[tuple[UUID, UUID]]
) -> None:
    async with pool.acquire() as connection:
        for debit, credit in left:
            async with connection.transaction():
                await connection.fetch(_SQL.get("lock_accounts"), [debit, credit])
                await connection.execute(_SQL.get("debit_account"), debit, PRICE.value)
                await connection.execute(_SQL.get("credit_account"), credit, PRICE.value)
                await connection.execute(
                    _SQL.get("insert_transfer"), uuid7(), debit, credit, PRICE.value
                )
