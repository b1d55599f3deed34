"""Reading the books: an account's statement, its balance at a past moment, the trial balance."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from ledger.accounts import Account, Rule
from ledger.book import LedgerConnection, find_accounts
from ledger.errors import AccountNotFound
from ledger.money import Fen
from ledger.queries import load

_SQL = load("ledger.sql", "statements")


class Side(StrEnum):
    """The side of a transfer on which an account stands."""

    DEBIT = "debit"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One posting of an account: a side of a transfer, and the balance after it."""

    transfer_id: UUID
    entry_id: UUID
    kind: str
    side: Side
    amount: Fen
    balance_after: Fen
    counter_account: UUID
    event_at: datetime
    posted_at: datetime
    about: UUID | None


class StatementCursor(NamedTuple):
    """Where the next page goes on: after this transfer, with this balance before it."""

    after: UUID
    balance_fen: int


class StatementPage(NamedTuple):
    """Lines, newest first, and the cursor of the next page if there may be one."""

    lines: tuple[StatementLine, ...]
    next: StatementCursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalanceRow:
    """The sums of all accounts of a kind."""

    kind: str
    unit: str
    accounts: int
    debits_posted: Fen
    credits_posted: Fen
    debits_pending: Fen
    credits_pending: Fen


async def statement(
    connection: LedgerConnection,
    account_id: UUID,
    *,
    limit: int,
    cursor: StatementCursor | None = None,
) -> StatementPage:
    """Return a page of an account's postings, newest first.

    A cursor is stable: what is posted later never changes the pages after it. Raises
    AccountNotFound.
    """
    account = await _get_account(connection, account_id)
    after = None if cursor is None else cursor.after
    if account.rule is Rule.NONE:
        rows = await connection.fetch(_SQL.get("side_page"), account_id, after, limit)
        balances = _running(rows, account_id, None if cursor is None else cursor.balance_fen)
    else:
        rows = await connection.fetch(_SQL.get("chain_page"), account_id, after, limit)
        balances = [row["balance_fen"] for row in rows]
    lines = tuple(
        _line(row, account_id, balance) for row, balance in zip(rows, balances, strict=True)
    )
    if len(lines) < limit:
        return StatementPage(lines, None)
    before_last = balances[-1] - _effect(rows[-1], account)
    return StatementPage(lines, StatementCursor(lines[-1].transfer_id, before_last))


async def balance_at(connection: LedgerConnection, account_id: UUID, moment: datetime) -> Fen:
    """Return the posted balance that an account had at a moment. Raises AccountNotFound."""
    account = await _get_account(connection, account_id)
    name = "side_balance" if account.rule is Rule.NONE else "chain_balance"
    balance = await connection.fetchval(_SQL.get(name), account_id, moment)
    return Fen(int(balance or 0))


async def balances_at(
    connection: LedgerConnection, wanted: Collection[tuple[UUID, datetime]]
) -> dict[tuple[UUID, datetime], Fen]:
    """Return the posted balances that accounts with a rule had at moments.

    Those that nothing has touched since, which are most when the moment was just now, take one
    query together. Raises AccountNotFound.
    """
    accounts, moments = zip(*wanted, strict=True)
    rows = await connection.fetch(_SQL.get("untouched_balances"), accounts, moments)
    found = {(row["account"], row["moment"]): Fen(row["balance_fen"]) for row in rows}
    for account_id, moment in wanted:
        if (account_id, moment) not in found:
            found[account_id, moment] = await balance_at(connection, account_id, moment)
    return found


async def trial_balance(connection: LedgerConnection) -> list[TrialBalanceRow]:
    """Return the sums by kind of account, all of one instant."""
    rows = await connection.fetch(_SQL.get("trial_balance"))
    return [
        TrialBalanceRow(
            kind=row["kind"],
            unit=row["unit"],
            accounts=row["accounts"],
            debits_posted=Fen(row["debits_posted"]),
            credits_posted=Fen(row["credits_posted"]),
            debits_pending=Fen(row["debits_pending"]),
            credits_pending=Fen(row["credits_pending"]),
        )
        for row in rows
    ]


async def _get_account(connection: LedgerConnection, account_id: UUID) -> Account:
    found = await find_accounts(connection, [account_id])
    if account_id not in found:
        raise AccountNotFound("there is no such account")
    return found[account_id]


def _running(rows: Sequence[Record], account_id: UUID, balance: int | None) -> list[int]:
    """Return the balance after each line of an account without a rule, from the newest back."""
    balances = []
    for row in rows:
        if balance is None:
            balance = row["balance_fen"]
        balances.append(balance)
        balance -= row["amount_fen"] if row["credit_account"] == account_id else -row["amount_fen"]
    return balances


def _effect(row: Record, account: Account) -> int:
    """Return what a line added to the account's balance, in fen."""
    is_credit = row["credit_account"] == account.id
    amount: int = row["amount_fen"]
    return amount if is_credit is not account.is_asset else -amount


def _line(row: Record, account_id: UUID, balance_fen: int) -> StatementLine:
    is_debit = row["debit_account"] == account_id
    return StatementLine(
        transfer_id=row["id"],
        entry_id=row["entry_id"],
        kind=row["kind"],
        side=Side.DEBIT if is_debit else Side.CREDIT,
        amount=Fen(row["amount_fen"]),
        balance_after=Fen(balance_fen),
        counter_account=row["credit_account"] if is_debit else row["debit_account"],
        event_at=row["event_at"],
        posted_at=row["posted_at"],
        about=row["about"],
    )
