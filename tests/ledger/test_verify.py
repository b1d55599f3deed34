import asyncio
from dataclasses import replace

from asyncpg import Pool, Record

from ledger.proof.findings import FindingKind, Report
from ledger.proof.heads import SignedHead
from ledger.sealer import Sealer
from ledger.time import Clock
from ledger.verify import verify
from tests.databases import Database
from tests.ledger.books import NOON, open_books, post_batch, post_batches
from tests.ledger.histories import SIGNER, TRUST, signer_of


def noon() -> Clock:
    return lambda: NOON


def a_sealer(pool: "Pool[Record]") -> Sealer:
    return Sealer(pool, SIGNER, clock=noon())


async def seal_and_sign(pool: "Pool[Record]") -> SignedHead:
    sealer = a_sealer(pool)
    await sealer.run_once()
    return await sealer.sign_head()


async def test_an_empty_ledger_is_clean(database: Database) -> None:
    async with database.app() as connection:
        report = await verify(connection, [], trust=TRUST)
    assert (report.is_clean, report.transfers, report.batches_sealed) == (True, 0, 0)


async def test_books_that_nobody_touched_are_clean(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        ids = await post_batches(connection, [1, 3])
        first = await seal_and_sign(pool)
        ids += await post_batches(connection, [2, 1, 4])
        second = await seal_and_sign(pool)
        report = await verify(connection, [first, second], trust=TRUST)
    assert report.findings == ()
    assert report.transfers == sum(map(len, ids))
    assert (report.batches_sealed, report.batches_unsealed) == (5, 0)
    assert (report.proven_position, report.heads, report.batches_beyond_heads) == (5, 2, 0)


async def test_what_is_not_sealed_or_signed_yet_is_said_and_is_no_finding(
    pool: "Pool[Record]",
) -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        await post_batches(connection, [1, 1])
        await seal_and_sign(pool)
        await post_batches(connection, [1, 1, 1])
        await a_sealer(pool).run_once()
        await post_batch(connection, 1)
        report = await verify(connection, [], trust=TRUST)
    assert report.is_clean
    assert (report.proven_position, report.batches_beyond_heads) == (2, 3)
    assert (report.batches_sealed, report.batches_unsealed) == (5, 1)


async def test_progress_ends_with_every_transfer_compared(pool: "Pool[Record]") -> None:
    told: list[tuple[int, int]] = []
    async with pool.acquire() as connection:
        await open_books(connection)
        ids = await post_batches(connection, [3, 3])
        total = sum(map(len, ids))
        await verify(connection, [], trust=TRUST, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (total, total)


async def test_verification_beside_posting_and_sealing_finds_nothing(
    pool: "Pool[Record]", database: Database
) -> None:
    reports: list[Report] = []
    heads: list[SignedHead] = []
    verified = asyncio.Event()

    async def keep_posting() -> None:
        async with database.app() as connection:
            while not verified.is_set():
                await post_batch(connection, 2)

    async def keep_sealing() -> None:
        sealer = a_sealer(pool)
        while not verified.is_set():
            await sealer.run_once()
            heads.append(await sealer.sign_head())

    async with pool.acquire() as connection, asyncio.TaskGroup() as tasks:
        await open_books(connection)
        tasks.create_task(keep_posting())
        tasks.create_task(keep_sealing())
        while len(reports) < 5 or not have_grown(reports):
            reports.append(await verify(connection, list(heads), trust=TRUST))
        verified.set()
    assert [report.findings for report in reports if not report.is_clean] == []


def have_grown(reports: list[Report]) -> bool:
    first, last = reports[0], reports[-1]
    return last.transfers > first.transfers and last.proven_position > first.proven_position


async def test_heads_of_an_old_key_count_as_long_as_it_is_trusted(pool: "Pool[Record]") -> None:
    new = signer_of(2)
    both = replace(TRUST, public_keys=(SIGNER.public_key, new.public_key))
    async with pool.acquire() as connection:
        await open_books(connection)
        await post_batch(connection, 1)
        await seal_and_sign(pool)
        await post_batch(connection, 1)
        sealer = Sealer(pool, new, clock=noon())
        await sealer.run_once()
        await sealer.sign_head()
        assert (await verify(connection, [], trust=both)).is_clean
        report = await verify(connection, [], trust=TRUST)
    assert [finding.kind for finding in report.findings] == [FindingKind.HEAD_UNSIGNED]
    assert new.key_id in report.findings[0].text
    assert report.proven_position == 1


async def test_a_kept_head_that_nobody_trusted_signed_is_named(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        await post_batch(connection, 1)
        signed = await seal_and_sign(pool)
        forged = replace(signed, head=replace(signed.head, transfers_total=7))
        report = await verify(connection, [forged], trust=TRUST)
    assert [finding.kind for finding in report.findings] == [FindingKind.HEAD_UNSIGNED]
