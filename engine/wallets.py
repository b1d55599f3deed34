"""Wallets: the cash and the subsidy wallet of each person, and what is on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.campus_errors import WalletNotFound
from engine.chart import AccountKind, account_id, blank_account
from ledger.book import LedgerConnection, find_accounts, open_accounts
from ledger.money import Fen
from ledger.queries import load

_SQL = load("engine.sql", "wallets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a person has, at the moment of asking."""

    cash: Fen
    subsidy: Fen
    available: Fen
    """Both together, less what is held: what can be spent."""

    @property
    def total(self) -> Fen:
        """Both together."""
        return self.cash + self.subsidy


async def open_wallets(connection: LedgerConnection, person_ids: Sequence[UUID]) -> None:
    """Open both wallets for people, in the caller's transaction; who has them is left alone."""
    cash = [blank_account(AccountKind.CASH_WALLET, each) for each in person_ids]
    subsidy = [blank_account(AccountKind.SUBSIDY_WALLET, each) for each in person_ids]
    await open_accounts(connection, [*cash, *subsidy])
    await connection.execute(
        _SQL.get("add_spenders"),
        list(person_ids),
        [account.id for account in cash],
        [account.id for account in subsidy],
    )


async def find_people_without_wallets(connection: LedgerConnection) -> list[UUID]:
    """Return the people for whom wallets are still to be opened, as after an import."""
    rows = await connection.fetch(_SQL.get("find_people_without"))
    return [row["id"] for row in rows]


async def lock_spender(connection: LedgerConnection, person_id: UUID) -> None:
    """Hold a person's purchases off until the caller's transaction ends. Raises WalletNotFound.

    It waits for those that are being committed; the others are decided again after it.
    """
    if await connection.fetchval(_SQL.get("lock_spender"), person_id) is None:
        raise WalletNotFound("this person has no wallets")


async def find_balance(connection: LedgerConnection, person_id: UUID) -> Balance:
    """Return what a person has, in one consistent read. Raises WalletNotFound."""
    cash_id = account_id(AccountKind.CASH_WALLET, person_id)
    subsidy_id = account_id(AccountKind.SUBSIDY_WALLET, person_id)
    accounts = await find_accounts(connection, [cash_id, subsidy_id])
    if len(accounts) < len((cash_id, subsidy_id)):
        raise WalletNotFound("this person has no wallets")
    cash, subsidy = accounts[cash_id], accounts[subsidy_id]
    return Balance(
        cash=cash.balance,
        subsidy=subsidy.balance,
        available=cash.available + subsidy.available,
    )
