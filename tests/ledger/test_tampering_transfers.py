"""Someone with every right on the database changes transfers; verification names each."""

from uuid import UUID

import pytest

from engine.database.target import Role
from ledger.proof.findings import FindingKind
from ledger.rows import BATCH_MAX
from ledger.verify import verify
from tests.databases import Database, open_connection
from tests.ledger.books import post_batches
from tests.ledger.histories import TRUST
from tests.ledger.tampering import TARGET, Books, only, post_and_sign, seq

K = FindingKind
NOBODY = UUID("01960000-0000-7000-8000-000000000009")


async def test_before_anybody_changes_them_the_books_are_clean(books: Books) -> None:
    report = await books.verified()
    assert report.is_clean
    assert (report.proven_position, report.batches_beyond_heads) == (5, 1)


EDITS = {
    "kind": "update transfers set kind = 'refund' where seq = $1",
    "phase": "update transfers set phase = 'pending' where seq = $1",
    "refusal": "update transfers set refusal = 'insufficient_funds' where seq = $1",
    "entry_id": "update transfers set entry_id = gen_random_uuid() where seq = $1",
    "debit_account": "update transfers set debit_account = credit_account where seq = $1",
    "credit_account": "update transfers set credit_account = debit_account where seq = $1",
    "amount_fen": "update transfers set amount_fen = amount_fen + 1 where seq = $1",
    "event_at": "update transfers set event_at = event_at + interval '1us' where seq = $1",
    "posted_at": "update transfers set posted_at = posted_at + interval '1us' where seq = $1",
    "debit_version": "update transfers set debit_version = debit_version + 1 where seq = $1",
    "debit_balance_fen": "update transfers set debit_balance_fen = 1000000 where seq = $1",
    "debit_previous": "update transfers set debit_previous = id where seq = $1",
    "credit_version": "update transfers set credit_version = 1 where seq = $1",
    "credit_balance_fen": "update transfers set credit_balance_fen = 1 where seq = $1",
    "credit_previous": "update transfers set credit_previous = id where seq = $1",
    "hold_id": "update transfers set hold_id = id where seq = $1",
    "expires_at": "update transfers set expires_at = now() where seq = $1",
    "about": "update transfers set about = id where seq = $1",
    "null for a value": "update transfers set debit_previous = null where seq = $1",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_an_edited_transfer_is_named(books: Books, edit: str) -> None:
    await books.owner.execute(edit, TARGET)
    finding = only(await books.verified())
    assert (finding.kind, finding.seq, finding.transfer_id) == (K.ALTERED, TARGET, books.target)


async def test_a_transfer_under_another_id_is_named_by_both(books: Books) -> None:
    await books.owner.execute("update transfers set id = $2 where seq = $1", TARGET, NOBODY)
    report = await books.verified()
    finding = only(report)
    assert (finding.kind, finding.seq, finding.transfer_id) == (K.ALTERED, TARGET, NOBODY)
    assert report.lost_ids == (books.target,)


async def test_a_dropped_transfer_is_named_by_place_and_by_who_follows_it(books: Books) -> None:
    await books.owner.execute("delete from transfers where seq = $1", TARGET)
    report = await books.verified()
    finding = only(report)
    assert (finding.kind, finding.seq, finding.transfer_id) == (K.DROPPED, TARGET, books.target)
    assert report.lost_ids == (books.target,)


async def test_a_dropped_transfer_that_nobody_follows_is_named_by_place(books: Books) -> None:
    last = seq(6, 3)  # the refused one: no balance rests on it
    await books.owner.execute("delete from transfers where seq = $1", last)
    finding = only(await books.verified())
    assert (finding.kind, finding.seq, finding.transfer_id) == (K.DROPPED, last, None)


COPY_TARGET_TO = """
    insert into transfers
    select (jsonb_populate_record(t, jsonb_build_object('id', $2::uuid, 'seq', $3::bigint))).*
    from transfers t where t.seq = $1
"""


@pytest.mark.parametrize("place", [seq(3, 6), seq(3, BATCH_MAX - 1), TARGET, seq(3, 0)])
async def test_a_transfer_slipped_into_a_batch_is_named(books: Books, place: int) -> None:
    await books.owner.execute(COPY_TARGET_TO, TARGET, NOBODY, place)
    finding = only(await books.verified())
    assert (finding.kind, finding.seq, finding.transfer_id) == (K.INSERTED, place, NOBODY)


@pytest.mark.parametrize("place", [-(2**63), -1, 0, seq(7, 0), 2**63 - 1])
async def test_a_transfer_of_no_batch_is_named(books: Books, place: int) -> None:
    await books.owner.execute(COPY_TARGET_TO, TARGET, NOBODY, place)
    finding = only(await books.verified())
    assert (finding.kind, finding.seq, finding.transfer_id) == (K.INSERTED, place, NOBODY)


async def test_transfers_that_changed_places_are_named(books: Books) -> None:
    await books.owner.execute(
        "update transfers set seq = 2 * $1::bigint + 1 - seq where seq - $1::bigint in (0, 1)",
        TARGET,
    )
    report = await books.verified()
    assert [(each.kind, each.seq) for each in report.findings] == [
        (K.REORDERED, TARGET),
        (K.REORDERED, TARGET + 1),
    ]
    assert [each.transfer_id for each in report.findings] == books.ids[2][3:1:-1]


async def test_a_transfer_moved_behind_the_others_is_named(books: Books) -> None:
    await books.owner.execute("update transfers set seq = seq + 100 where seq = $1", TARGET)
    finding = only(await books.verified())
    assert (finding.kind, finding.seq) == (K.REORDERED, TARGET + 100)
    assert str(TARGET) in finding.text
    assert finding.transfer_id == books.target


async def test_transfers_that_changed_batches_are_both_named(books: Books) -> None:
    await books.owner.execute(
        "update transfers set seq = $1::bigint + $2 - seq where seq in ($1, $2)",
        TARGET,
        seq(5, 1),
    )
    report = await books.verified()
    assert [(each.kind, each.seq) for each in report.findings] == [
        (K.ALTERED, TARGET),
        (K.ALTERED, seq(5, 1)),
    ]


async def test_the_first_of_several_changes_comes_first(books: Books) -> None:
    await books.owner.execute(EDITS["amount_fen"], seq(5, 1))
    await books.owner.execute(EDITS["amount_fen"], seq(2, 0))
    await books.owner.execute("delete from transfers where seq = $1", seq(4, 1))
    report = await books.verified()
    assert [each.seq for each in report.findings] == [seq(2, 0), seq(4, 1), seq(5, 1)]
    assert report.first is report.findings[0]


async def test_after_a_thousand_findings_the_rest_is_not_compared(books: Books) -> None:
    ids = await post_batches(books.owner, [600, 600, 1])
    await books.owner.execute("update transfers set amount_fen = 7 where seq >= $1", seq(7, 0))
    report = await verify(books.owner, books.heads, trust=TRUST, window_transfers=1)
    assert len(report.findings) == len(ids[0]) + len(ids[1])
    assert {each.kind for each in report.findings} == {K.ALTERED}


# An index that lies.

HIDDEN = seq(3, 100)  # 49252
LYING_INDEX = """
    create function campus.hides_one(bigint, bigint) returns integer
    language sql immutable as $$
        select case
            when $1 = 49252 then case when $2 = 49252 then 0 else -1 end
            when $2 = 49252 then 1
            else btint8cmp($1, $2)
        end
    $$;
    create operator class campus.hides_one for type bigint using btree as
        operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >,
        function 1 campus.hides_one(bigint, bigint);
    create index on campus.transfers using btree (seq campus.hides_one);
    set enable_seqscan = off;
    set enable_bitmapscan = off;
"""


async def test_a_transfer_that_an_index_hides_is_counted(database: Database) -> None:
    posted = await post_and_sign(database)
    async with open_connection(database.target(Role.SUPERUSER)) as superuser:
        await superuser.execute(COPY_TARGET_TO, TARGET, NOBODY, HIDDEN)
        await superuser.execute(LYING_INDEX)
        report = await verify(superuser, posted.heads, trust=TRUST)
    assert (only(report).kind, "hides 1" in only(report).text) == (K.INSERTED, True)
