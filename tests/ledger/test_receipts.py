from dataclasses import replace
from uuid import UUID

import pytest
from asyncpg import Pool, Record

from ledger.proof.errors import BadProof, HistoryRewritten, NotYetSealed, UnknownTransfer
from ledger.proof.heads import SignedHead
from ledger.proof.receipt import check_receipt, dump_receipt, load_receipt
from ledger.receipts import make_receipt
from ledger.sealer import Sealer
from tests.databases import Database
from tests.ledger.books import NOON, open_books, post_batch, post_batches
from tests.ledger.histories import SIGNER, TRUST


def a_sealer(pool: "Pool[Record]") -> Sealer:
    return Sealer(pool, SIGNER, clock=lambda: NOON)


async def seal_and_sign(pool: "Pool[Record]") -> SignedHead:
    sealer = a_sealer(pool)
    await sealer.run_once()
    return await sealer.sign_head()


async def test_every_transfer_has_a_receipt_that_a_stranger_can_check(
    pool: "Pool[Record]",
) -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        ids = await post_batches(connection, [1, 4, 2, 3, 1])
        head = await seal_and_sign(pool)
        for transfer_id in [each for batch in ids for each in batch]:
            receipt = await make_receipt(connection, transfer_id)
            assert receipt.transfer.id == transfer_id
            check_receipt(load_receipt(dump_receipt(receipt)), head, TRUST)


async def test_a_refusal_has_a_receipt_too(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        refused = (await post_batch(connection, 1))[-1]
        head = await seal_and_sign(pool)
        receipt = await make_receipt(connection, refused)
    assert receipt.transfer.refusal == "insufficient_funds"
    check_receipt(receipt, head, TRUST)


async def test_a_receipt_leads_to_the_first_head_unless_a_later_one_is_asked_for(
    pool: "Pool[Record]",
) -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        transfer_id = (await post_batch(connection, 1))[1]
        first = await seal_and_sign(pool)
        await post_batches(connection, [1] * 20)
        later = await seal_and_sign(pool)
        to_first = await make_receipt(connection, transfer_id)
        to_later = await make_receipt(connection, transfer_id, head=later)
    check_receipt(to_first, first, TRUST)
    check_receipt(to_later, later, TRUST)
    assert to_first.head == first
    assert 0 < len(to_later.steps) < 10
    with pytest.raises(BadProof, match="position 21"):
        check_receipt(to_later, first, TRUST)


async def test_an_unknown_transfer_has_no_receipt(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        with pytest.raises(UnknownTransfer):
            await make_receipt(connection, UUID(int=7))


async def test_a_transfer_has_no_receipt_before_it_is_sealed_and_signed(
    pool: "Pool[Record]",
) -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        transfer_id = (await post_batch(connection, 1))[0]
        with pytest.raises(NotYetSealed, match="chain"):
            await make_receipt(connection, transfer_id)
        await a_sealer(pool).run_once()
        with pytest.raises(NotYetSealed, match="head"):
            await make_receipt(connection, transfer_id)
        await a_sealer(pool).sign_head()
        assert (await make_receipt(connection, transfer_id)).transfer.id == transfer_id


async def test_a_head_from_before_the_transfer_gives_no_receipt(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        await post_batch(connection, 1)
        before = await seal_and_sign(pool)
        transfer_id = (await post_batch(connection, 1))[0]
        await seal_and_sign(pool)
        with pytest.raises(NotYetSealed, match="newer"):
            await make_receipt(connection, transfer_id, head=before)


@pytest.mark.parametrize(
    "tampering",
    [
        "update transfers set amount_fen = amount_fen + 1 where seq = (2 << 14) + 1",
        "update transfers set amount_fen = amount_fen + 1 where seq = (2 << 14) + 2",
        "delete from transfers where seq = (2 << 14) + 2",
        "delete from transfers where seq = 2 << 14",
        "update transfers set seq = (2 << 14) + 9 where seq = (2 << 14) + 1",
        "update batches set chain_hash = sha256(chain_hash) where position = 1",
        "update batches set root = sha256(root) where position = 4",
        "delete from batches where position = 4",
    ],
)
async def test_no_receipt_is_made_that_would_not_hold(
    pool: "Pool[Record]", database: Database, tampering: str
) -> None:
    async with database.owner() as owner:
        await open_books(owner)
        ids = await post_batches(owner, [1, 1, 1, 1])
        head = await seal_and_sign(pool)
        await owner.execute("alter table transfers disable trigger user")
        await owner.execute(tampering)
        with pytest.raises(HistoryRewritten):
            await make_receipt(owner, ids[1][1], head=head)


async def test_no_receipt_is_made_for_a_head_of_another_history(pool: "Pool[Record]") -> None:
    async with pool.acquire() as connection:
        await open_books(connection)
        transfer_id = (await post_batch(connection, 1))[0]
        head = await seal_and_sign(pool)
        foreign = replace(head, head=replace(head.head, chain_hash=bytes(32)))
        with pytest.raises(HistoryRewritten):
            await make_receipt(connection, transfer_id, head=foreign)
