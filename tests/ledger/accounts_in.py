"""Accounts for tests that work on a database."""

from dataclasses import dataclass
from uuid import UUID

from ledger.accounts import Account, Rule, new_account
from ledger.answers import Posted
from ledger.book import Asked, LedgerConnection, find_accounts, open_accounts, post
from ledger.ids import uuid7
from ledger.transfers import Entry
from tests.ledger.asking import single


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The accounts of one test: a bank and a shop without a rule, two wallets and a safe."""

    bank: UUID
    shop: UUID
    wallet: UUID
    subsidy: UUID
    safe: UUID

    def ids(self) -> tuple[UUID, ...]:
        return (self.bank, self.shop, self.wallet, self.subsidy, self.safe)


async def open_chart(
    connection: LedgerConnection, *, wallet_fen: int = 0, subsidy_fen: int = 0, safe_fen: int = 0
) -> Chart:
    """Open new accounts, with so much in the wallets and the safe."""
    accounts = [
        new_account(uuid7(), "bank"),
        new_account(uuid7(), "shop"),
        new_account(uuid7(), "wallet", rule=Rule.DEBITS_MUST_NOT_EXCEED_CREDITS),
        new_account(uuid7(), "subsidy", rule=Rule.DEBITS_MUST_NOT_EXCEED_CREDITS),
        new_account(uuid7(), "safe", rule=Rule.CREDITS_MUST_NOT_EXCEED_DEBITS),
    ]
    bank, shop, wallet, subsidy, safe = (account.id for account in accounts)
    moves = [(bank, wallet, wallet_fen), (bank, subsidy, subsidy_fen), (safe, bank, safe_fen)]
    await open_accounts(connection, accounts)
    await pay_in(connection, [move for move in moves if move[2]])
    return Chart(bank=bank, shop=shop, wallet=wallet, subsidy=subsidy, safe=safe)


async def open_wallets(connection: LedgerConnection, count: int) -> list[UUID]:
    """Open so many wallets with nothing in them."""
    rule = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS
    wallets = [new_account(uuid7(), "wallet", rule=rule) for _ in range(count)]
    await open_accounts(connection, wallets)
    return [wallet.id for wallet in wallets]


async def pay_in(connection: LedgerConnection, moves: list[tuple[UUID, UUID, int]]) -> None:
    """Move amounts, each given by debit account, credit account and fen."""
    async with connection.transaction():
        outcomes = await post(connection, [Asked(Entry(single(*move))) for move in moves])
    assert all(isinstance(outcome, Posted) for outcome in outcomes)


async def get_account(connection: LedgerConnection, account_id: UUID) -> Account:
    """Return an account as it is on record."""
    return (await find_accounts(connection, [account_id]))[account_id]
