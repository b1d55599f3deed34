"""The book: all that touches the ledger's tables in PostgreSQL, but for the proofs.

Functions take the connection first and open no transaction: the caller's block is the unit.
`post` is for rare flows that have a transaction of their own; flows that come by the thousand
hand their entries to `ledger.poster`, which writes with the same functions.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from asyncpg import Connection, Record
from asyncpg.pool import PoolConnectionProxy

from ledger.accounts import Account, Rule
from ledger.answers import Outcome, Recorded, Whole, replay
from ledger.batch import Batch
from ledger.decide import Hold, HoldState, Line
from ledger.errors import AccountConflict, AccountInUse, EffectRefused
from ledger.proof import leaf_hash, merkle_root
from ledger.queries import load
from ledger.rows import (
    BATCH_BITS,
    BATCH_MAX,
    COLUMNS,
    COPY_HEADER,
    COPY_TRAILER,
    encode,
    microseconds,
)
from ledger.transfers import Effect, Intent, Phase

LedgerConnection: TypeAlias = "Connection[Record] | PoolConnectionProxy[Record]"

_SQL = load("ledger.sql", "book")
_ROWS_IN_CHUNK: Final = 256
_MARK_LENGTH: Final = 4
_NO_RULE = Rule.NONE


class Asked(NamedTuple):
    """What a caller hands in: an intent, and the effects that must come with it."""

    intent: Intent
    effects: tuple[Effect, ...] = ()


class Written(NamedTuple):
    """A batch that is written but for its own record, which `record` adds: a row of `batches`."""

    number: int
    transfers: int
    root: bytes
    leaf_marks: bytes
    posted_at: datetime


class Stale(Exception):
    """An account no longer stands as it was decided on. Nothing may be committed."""


async def open_accounts(connection: LedgerConnection, accounts: Sequence[Account]) -> None:
    """Create accounts. One that exists with the same kind, unit and rule is left as it is.

    Raises AccountConflict naming the field that differs from the account on record.
    """
    await connection.execute(
        _SQL.get("open_accounts"),
        [account.id for account in accounts],
        [account.kind for account in accounts],
        [account.unit for account in accounts],
        [account.rule.value for account in accounts],
    )
    on_record = await find_accounts(connection, [account.id for account in accounts])
    for account in accounts:
        found = on_record[account.id]
        for field in ("kind", "unit", "rule"):
            if getattr(found, field) != getattr(account, field):
                raise AccountConflict(field)


async def close_account(connection: LedgerConnection, account_id: UUID) -> None:
    """Close an account for good: no transfer will touch it again.

    Raises AccountInUse when it does not exist, is closed already, or money is held on it.
    """
    if await connection.fetchval(_SQL.get("close_account"), account_id) is None:
        raise AccountInUse("the account is not open, or money is held on it")


async def find_accounts(
    connection: LedgerConnection, account_ids: Iterable[UUID]
) -> dict[UUID, Account]:
    """Return the accounts that exist among these ids."""
    rows = await connection.fetch(_SQL.get("find_accounts"), list(account_ids))
    return {row["id"]: _account(row) for row in rows}


async def find_holds(connection: LedgerConnection, hold_ids: Iterable[UUID]) -> dict[UUID, Hold]:
    """Return the holds that exist among these ids."""
    rows = await connection.fetch(_SQL.get("find_holds"), list(hold_ids))
    return {row["id"]: _hold(row) for row in rows}


async def due_holds(connection: LedgerConnection, moment: datetime, *, limit: int) -> list[Hold]:
    """Return pending holds whose time is over at a moment, the oldest first."""
    rows = await connection.fetch(_SQL.get("due_holds"), moment, limit)
    return [_hold(row) for row in rows]


async def find_lines(
    connection: LedgerConnection, transfer_ids: Iterable[UUID]
) -> dict[UUID, Recorded]:
    """Return what is on record under these transfer ids, refusals included."""
    rows = await connection.fetch(_SQL.get("find_lines"), list(transfer_ids))
    return {row["id"]: _recorded(row) for row in rows}


async def find_entries(
    connection: LedgerConnection, transfer_ids: Iterable[UUID]
) -> dict[UUID, Whole]:
    """Return the whole entries that these transfers are part of, under each of their ids."""
    rows = await connection.fetch(_SQL.get("find_entries"), list(transfer_ids))
    records = [_recorded(row) for row in rows]
    entries = {
        entry_id: tuple(whole)
        for entry_id, whole in groupby(records, key=lambda record: record.line.entry_id)
    }
    return {record.line.id: entries[record.line.entry_id] for record in records}


async def find_answers(
    connection: LedgerConnection, intents: Sequence[Intent]
) -> list[Outcome | None]:
    """Return the answer that each intent has on record, or None where it has none."""
    records = await find_entries(connection, [each for intent in intents for each in intent.ids()])
    holds = await find_holds(connection, [each for intent in intents for each in intent.hold_ids()])
    return [replay(intent, records, holds) for intent in intents]


async def post(connection: LedgerConnection, asked: Sequence[Asked]) -> list[Outcome]:
    """Post entries one after the other within the caller's transaction; answers in their order.

    An intent that is on record already is answered as it was then. All accounts are locked, so
    what is decided here cannot be overtaken. Raises EffectRefused when an effect of what was
    posted did not hold; the caller's transaction must then be rolled back, as after any other
    error.
    """
    intents = [each.intent for each in asked]
    hold_ids = [each for intent in intents for each in intent.hold_ids()]
    accounts = await _lock_accounts(
        connection,
        {each for intent in intents for each in intent.account_ids()}
        | _accounts_of(await find_holds(connection, hold_ids)),
    )
    # Only now, with the accounts locked, does what is read here stay true until we write.
    records = await find_entries(connection, [each for intent in intents for each in intent.ids()])
    holds = await find_holds(connection, hold_ids)
    accounts |= await _lock_accounts(connection, _accounts_of(holds) - accounts.keys())
    batch = Batch(accounts, holds)
    fresh: dict[UUID, tuple[Line, ...]] = {}
    for intent, effects in asked:
        if intent.id not in fresh and not any(each in records for each in intent.ids()):
            fresh[intent.id] = batch.add(intent, effects)
    if fresh:
        written = await write(connection, batch)
        await connection.execute(record(written))
        for lines in fresh.values():
            whole = tuple(Recorded(line, written.posted_at) for line in lines)
            records |= {line.id: whole for line in lines}
    return [_on_record(intent, records, batch.holds) for intent in intents]


async def write(connection: LedgerConnection, batch: Batch) -> Written:
    """Write a batch within the caller's transaction, which must not end without its record.

    Raises Stale when an account was moved by somebody else since it was read, EffectRefused when
    an effect did not hold. Then nothing may be committed.
    """
    moves, read = batch.moves(), batch.only_read()
    row = await connection.fetchrow(_SQL.get("move_accounts"), *columns_of(moves, read))
    assert row is not None
    if row["moved"] != len(moves) or row["stood"] != len(read):
        raise Stale
    posted_at: datetime = row["posted_at"]
    leaves = await _copy_lines(connection, batch, row["number"], posted_at)
    await _write_holds(connection, batch)
    for sql, rows in batch.effects.items():
        if await connection.fetchval(sql, *zip(*rows, strict=True)) != len(rows):
            raise EffectRefused("a condition that the posting depends on does not hold")
    marks = b"".join([leaf[:_MARK_LENGTH] for leaf in leaves])
    return Written(row["number"], len(leaves), merkle_root(leaves), marks, posted_at)


def record(written: Written, *, end: str = "") -> str:
    """Return the statement that adds a batch's record, with what is to be sent along with it.

    A commit takes no parameters, so the values are written out: numbers, hashes and a time, all of
    our own making.
    """
    number, transfers, root, leaf_marks, posted_at = written
    values = (
        f"{number:d}, {transfers:d}, '\\x{root.hex()}', '\\x{leaf_marks.hex()}', "
        f"'{posted_at.isoformat()}'"
    )
    return f"{_SQL.get('add_batch').replace('$values', values)}; {end}"


def columns_of(
    moves: Sequence[tuple[Account, Account]], read: Sequence[Account]
) -> tuple[list[object], ...]:
    """Return the arguments of the statement `move_accounts`."""
    columns: tuple[list[object], ...] = tuple([] for _ in range(8))
    add_id, add_debits_pending, add_debits, add_credits_pending, add_credits, *rest = (
        column.append for column in columns
    )
    add_version, add_transfers, add_last_transfer = rest
    for before, after in moves:  # one pass: accounts lie far apart in memory
        _, _, _, rule, _, held_out, paid_out, held_in, paid_in, version, _ = before
        account_id, _, _, _, _, *sums, version_after, last_transfer = after
        add_id(account_id)
        add_debits_pending(sums[0] - held_out)
        add_debits(sums[1] - paid_out)
        add_credits_pending(sums[2] - held_in)
        add_credits(sums[3] - paid_in)
        add_version(None if rule is _NO_RULE else version)
        add_transfers(version_after - version)
        add_last_transfer(last_transfer)
    if not any(columns[1]) and not any(columns[3]):
        columns[1].clear()
        columns[3].clear()
    return (
        *columns,
        [account.id for account in read],
        [account.version for account in read],
        [account.is_closed for account in read],
    )


async def make_months(connection: LedgerConnection, moments: Iterable[datetime]) -> int:
    """Make the partitions for the months of these moments; return how many were new."""
    made = [await connection.fetchval(_SQL.get("make_month"), moment) for moment in moments]
    return sum(made)


async def _lock_accounts(
    connection: LedgerConnection, account_ids: Collection[UUID]
) -> dict[UUID, Account]:
    if not account_ids:
        return {}
    rows = await connection.fetch(_SQL.get("lock_accounts"), list(account_ids))
    return {row["id"]: _account(row) for row in rows}


def _accounts_of(holds: Mapping[UUID, Hold]) -> set[UUID]:
    return {each for hold in holds.values() for each in (hold.debit_account, hold.credit_account)}


def _on_record(intent: Intent, records: dict[UUID, Whole], holds: dict[UUID, Hold]) -> Outcome:
    outcome = replay(intent, records, holds)
    assert outcome is not None, "an intent that was decided has lines"
    return outcome


async def _copy_lines(
    connection: LedgerConnection, batch: Batch, number: int, posted_at: datetime
) -> list[bytes]:
    """Write the lines of a batch, and return the hashes of their rows."""
    leaves: list[bytes] = []
    await connection.copy_to_table(
        "transfers",
        source=_encoded(batch, number << BATCH_BITS, microseconds(posted_at), leaves),
        columns=COLUMNS,
        format="binary",
    )
    return leaves


async def _encoded(
    batch: Batch, first_seq: int, posted_at: int, leaves: list[bytes]
) -> AsyncIterator[bytes]:
    """Yield the rows of a batch in pieces, so that PostgreSQL works while we encode."""
    assert len(batch.lines) <= BATCH_MAX, "the caller bounds its batches"
    piece = [COPY_HEADER]
    for position, line in enumerate(batch.lines):
        row = encode(line, seq=first_seq + position, posted_at=posted_at)
        leaves.append(leaf_hash(row))
        piece.append(row)
        if len(piece) >= _ROWS_IN_CHUNK:
            yield b"".join(piece)
            piece.clear()
    piece.append(COPY_TRAILER)
    yield b"".join(piece)


async def _write_holds(connection: LedgerConnection, batch: Batch) -> None:
    new = [batch.holds[each] for each in sorted(batch.new_holds)]
    if new:
        await connection.execute(
            _SQL.get("add_holds"),
            [hold.id for hold in new],
            [hold.debit_account for hold in new],
            [hold.credit_account for hold in new],
            [hold.amount_fen for hold in new],
            [hold.expires_at for hold in new],
            [hold.state.value for hold in new],
            [hold.ended_by for hold in new],
        )
    ended = [batch.holds[each] for each in sorted(batch.ended_holds)]
    if ended:
        status = await connection.execute(
            _SQL.get("end_holds"),
            [hold.id for hold in ended],
            [hold.state.value for hold in ended],
            [hold.ended_by for hold in ended],
        )
        if status != f"UPDATE {len(ended)}":
            raise Stale


def _account(row: Record) -> Account:
    account_id, kind, unit, rule, *rest = row
    return Account(account_id, kind, unit, Rule(rule), *rest)


def _hold(row: Record) -> Hold:
    return Hold(
        row["id"],
        row["debit_account"],
        row["credit_account"],
        row["amount_fen"],
        HoldState(row["state"]),
        row["expires_at"],
        row["ended_by"],
    )


def _recorded(row: Record) -> Recorded:
    kind, phase, *rest, posted_at = row
    return Recorded(Line(kind, Phase(phase), *rest), posted_at)
