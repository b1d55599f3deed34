"""Someone with every right on the database changes batches, chain and heads, and makes them fit."""

import pytest

from ledger.book import LedgerConnection
from ledger.evidence import copy_rows
from ledger.proof.chain import Chain, Link, batch_digest
from ledger.proof.diagnosis import MARK_LENGTH
from ledger.proof.findings import FindingKind
from ledger.proof.merkle import leaf_hash, merkle_root
from ledger.rows import BATCH_MAX
from ledger.verify import verify
from tests.ledger.books import NOON, post_batch
from tests.ledger.histories import SIGNER, TRUST, signer_of
from tests.ledger.tampering import TARGET, Books, only, seq

K = FindingKind
EDIT = "update transfers set amount_fen = amount_fen + 1 where seq = $1"


# A whole batch.


async def test_a_batch_without_its_transfers_is_named(books: Books) -> None:
    await books.owner.execute("delete from transfers where seq >> 14 = 3")
    finding = only(await books.verified())
    assert (finding.kind, finding.seq) == (K.DROPPED, seq(3, 0))
    assert "all 6 transfers of batch 3" in finding.text


async def test_a_batch_that_is_gone_is_named_by_its_position(books: Books) -> None:
    await books.owner.execute("delete from transfers where seq >> 14 = 3")
    await books.owner.execute("delete from batches where number = 3")
    finding = only(await books.verified())
    assert (finding.kind, finding.position, finding.seq) == (K.DROPPED, 3, seq(3, 0))


async def test_transfers_whose_batch_is_gone_are_named(books: Books) -> None:
    await books.owner.execute("delete from batches where number = 3")
    report = await books.verified()
    assert [each.kind for each in report.findings] == [K.DROPPED, *[K.INSERTED] * 6]
    assert [each.transfer_id for each in report.findings[1:]] == books.ids[2]


async def test_a_batch_taken_out_of_the_chain_is_named(books: Books) -> None:
    await books.owner.execute(
        "update batches set position = null, chain_hash = null where number = 3"
    )
    finding = only(await books.verified())
    assert (finding.kind, finding.position) == (K.DROPPED, 3)


BATCH_EDITS = {
    "marks": (
        "update batches set leaf_marks = set_byte(leaf_marks, 9, 77) where number = 3",
        [K.BATCH_ALTERED],
    ),
    "fewer marks": (
        "update batches set leaf_marks = '' where number = 3",
        [K.BATCH_ALTERED],
    ),
    "root": (
        "update batches set root = sha256(root) where number = 3",
        [K.CHAIN_BROKEN, K.BATCH_ALTERED],
    ),
    "count": (
        "update batches set transfers = 5 where number = 3",
        [K.CHAIN_BROKEN, K.BATCH_ALTERED],
    ),
    "link": (
        "update batches set chain_hash = sha256(chain_hash) where number = 3",
        [K.CHAIN_BROKEN],
    ),
}


@pytest.mark.parametrize(("edit", "kinds"), BATCH_EDITS.values(), ids=BATCH_EDITS)
async def test_an_edited_batch_is_named(books: Books, edit: str, kinds: list[FindingKind]) -> None:
    await books.owner.execute(edit)
    report = await books.verified()
    assert [each.kind for each in report.findings] == kinds
    assert {each.seq for each in report.findings} == {seq(3, 0)}


async def test_a_batch_under_another_number_is_named(books: Books) -> None:
    await books.owner.execute("update batches set number = 2::bigint ^ 62 where number = 3")
    report = await books.verified()
    kinds = {each.kind for each in report.findings}
    assert kinds == {K.CHAIN_BROKEN, K.DROPPED, K.INSERTED}
    assert report.first is not None
    assert report.first.seq == seq(3, 0)


async def test_batches_that_changed_positions_are_named(books: Books) -> None:
    await books.owner.execute("update batches set position = 99 where number = 2")
    await books.owner.execute("update batches set position = 2 where number = 3")
    await books.owner.execute("update batches set position = 3 where number = 2")
    finding = only(await books.verified())
    assert (finding.kind, finding.position) == (K.CHAIN_BROKEN, 2)


async def test_altered_transfers_with_marks_made_to_fit_are_placed_in_their_batch(
    books: Books,
) -> None:
    await books.owner.execute(EDIT, TARGET)
    await recompute(
        books.owner, "update batches set leaf_marks = $3 where number = $1 and root <> $2"
    )
    finding = only(await books.verified())
    assert (finding.kind, finding.seq) == (K.BATCH_ALTERED, seq(3, 0))


async def test_without_marks_an_altered_transfer_is_placed_in_its_batch(books: Books) -> None:
    await books.owner.execute(EDIT, TARGET)
    await books.owner.execute("update batches set leaf_marks = substr(leaf_marks, 1, 8)")
    report = await books.verified()
    assert [each.kind for each in report.findings] == [K.BATCH_ALTERED] * 6
    assert "were and their marks made to fit" in report.findings[2].text


async def test_altered_transfers_with_root_and_marks_made_to_fit_break_the_chain(
    books: Books,
) -> None:
    await books.owner.execute(EDIT, TARGET)
    await recompute(books.owner, FIT_BATCH)
    finding = only(await books.verified())
    assert (finding.kind, finding.position, finding.seq) == (K.CHAIN_BROKEN, 3, seq(3, 0))


# Everything made to fit.

CHAIN_HASH = "select chain_hash from batches where position = $1"
FIT_BATCH = "update batches set root = $2, leaf_marks = $3 where number = $1"


async def recompute(owner: LedgerConnection, statement: str) -> None:
    """Make every batch fit its transfers, as far as the statement goes."""
    for (number,) in await owner.fetch("select number from batches order by number"):
        rows = await copy_rows(owner, seq(number, 0), seq(number, BATCH_MAX - 1))
        leaves = [leaf_hash(row) for row in rows]
        marks = b"".join(leaf[:MARK_LENGTH] for leaf in leaves)
        await owner.execute(statement, number, merkle_root(leaves), marks)


async def recompute_all(owner: LedgerConnection) -> None:
    """Make batches and chain fit the transfers: a history without a fault in itself."""
    await recompute(owner, FIT_BATCH)
    await owner.execute(
        "update batches set transfers = (select count(*) from transfers where seq >> 14 = number)"
    )
    chain = Chain()
    for number, transfers, root in await owner.fetch(
        "select number, transfers, root from batches where position is not null order by position"
    ):
        link = chain.append(batch_digest(number, transfers, root))
        await owner.execute(
            "update batches set position = $2, chain_hash = $3 where number = $1", number, *link
        )
    await owner.execute("update seal_state set position = $1", chain.end.position)


FORGERIES = {
    "edit": "update transfers set amount_fen = amount_fen + 1 where seq >> 14 = $1",
    "drop": "delete from transfers where seq = ($1::bigint << 14) + 1",
    "insert": """
        insert into transfers
        select (jsonb_populate_record(t, jsonb_build_object(
            'id', '01960000-0000-7000-8000-000000000009', 'seq', ($1::bigint << 14) + 100))).*
        from transfers t where t.seq = $1::bigint << 14
    """,
    "swap": "update transfers set seq = 2 * ($1::bigint << 14) + 1 - seq where seq >> 14 = $1"
    " and seq & 16383 < 2",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize(
    ("batch", "after", "up_to"), [(1, 0, 3), (2, 0, 3), (3, 0, 3), (4, 3, 5), (5, 3, 5)]
)
async def test_a_forgery_without_fault_in_itself_is_placed_between_two_heads(
    books: Books, forgery: str, batch: int, after: int, up_to: int
) -> None:
    await books.owner.execute(forgery, batch)
    await recompute_all(books.owner)
    report = await books.verified()
    finding = only(report)
    assert (finding.kind, finding.position, finding.seq) == (
        K.HEAD_MISMATCH,
        up_to,
        seq(after + 1, 0),
    )
    assert report.proven_position == after
    assert f"after position {after} and up to {up_to}" in finding.text


async def test_a_forgery_of_a_dropped_batch_is_placed_between_two_heads(books: Books) -> None:
    await books.owner.execute("delete from transfers where seq >> 14 = 4")
    await books.owner.execute("delete from batches where number = 4")
    await books.owner.execute("update seal_state set position = 5")
    await recompute_all(books.owner)
    assert only(await books.verified()).kind is K.HEAD_MISMATCH


async def test_a_new_head_for_a_forgery_does_not_hide_it(books: Books) -> None:
    await books.owner.execute(FORGERIES["edit"], 4)
    await recompute_all(books.owner)
    (chain_hash,) = await books.owner.fetchrow(CHAIN_HASH, 5) or (b"",)
    forged = signer_of(9).sign(Link(5, chain_hash), transfers_total=29, at=NOON)
    await books.owner.execute(
        "update heads set chain_hash = $1, key_id = $2, signature = $3 where position = 5",
        *(forged.head.chain_hash, forged.key_id, forged.signature),
    )
    report = await books.verified()
    assert {each.kind for each in report.findings} == {K.HEAD_MISMATCH, K.HEAD_UNSIGNED}


async def test_a_forgery_that_no_head_covers_is_not_found_and_the_report_says_how_far_it_goes(
    books: Books,
) -> None:
    await books.owner.execute(FORGERIES["edit"], 6)
    await recompute_all(books.owner)
    report = await books.verified()
    assert (report.is_clean, report.proven_position, report.batches_beyond_heads) == (True, 5, 1)


# The tail.


async def cut_after(owner: LedgerConnection, batch: int) -> None:
    await owner.execute("delete from transfers where seq >> 14 > $1", batch)
    await owner.execute("delete from batches where number > $1", batch)


async def test_a_tail_that_was_cut_off_is_named_by_the_head_that_covers_it(books: Books) -> None:
    await cut_after(books.owner, 4)
    await books.owner.execute("update seal_state set position = 4")
    finding = only(await books.verified())
    assert (finding.kind, finding.position, finding.seq) == (K.TAIL_CUT, 4, seq(5, 0))
    assert "position 5" in finding.text


async def test_a_tail_that_no_head_covers_is_missed_by_the_sealer(books: Books) -> None:
    await cut_after(books.owner, 5)
    finding = only(await books.verified())
    assert (finding.kind, finding.position, finding.seq) == (K.TAIL_CUT, 5, seq(6, 0))


async def test_heads_deleted_with_the_tail_count_when_they_were_kept(books: Books) -> None:
    await cut_after(books.owner, 4)
    await books.owner.execute("update seal_state set position = 4")
    await books.owner.execute("delete from heads where position = 5")
    assert (await verify(books.owner, [], trust=TRUST)).is_clean, "nobody kept a head"
    assert only(await books.verified()).kind is K.TAIL_CUT


async def test_a_batch_sealed_by_nobody_is_named(books: Books) -> None:
    await post_batch(books.owner, 1)
    (chain_hash,) = await books.owner.fetchrow(CHAIN_HASH, 6) or (b"",)
    await books.owner.execute(
        "update batches set position = 7, chain_hash = sha256($1) where position is null",
        chain_hash,
    )
    kinds = [each.kind for each in (await books.verified()).findings]
    assert sorted(kinds) == [K.CHAIN_BROKEN, K.INSERTED]


# Heads.


async def test_a_changed_head_in_the_database_is_named(books: Books) -> None:
    await books.owner.execute("update heads set transfers_total = 1 where position = 3")
    finding = only(await books.verified())
    assert (finding.kind, "signature" in finding.text) == (K.HEAD_UNSIGNED, True)


async def test_what_never_was_a_head_is_named(books: Books) -> None:
    await books.owner.execute("update heads set campus = 'Some Where' where position = 3")
    finding = only(await books.verified())
    assert (finding.kind, "campus name" in finding.text) == (K.HEAD_UNSIGNED, True)


async def test_a_head_that_miscounts_the_transfers_is_named(books: Books) -> None:
    link = books.heads[1].head.link
    miscounting = SIGNER.sign(link, transfers_total=7, at=NOON)
    report = await verify(books.owner, [miscounting], trust=TRUST)
    assert (only(report).kind, "counts 7" in only(report).text) == (K.HEAD_MISMATCH, True)


async def test_two_heads_of_one_position_that_differ_are_named(books: Books) -> None:
    forked = SIGNER.sign(Link(5, bytes(32)), transfers_total=17, at=NOON)
    report = await verify(books.owner, [*books.heads, forked], trust=TRUST)
    assert (only(report).kind, only(report).position) == (K.HEAD_MISMATCH, 5)
    assert report.proven_position == 5
