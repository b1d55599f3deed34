"""The chart of accounts (科目表), and what money moves for between them.

Each kind of account has a side and a rule. Accounts of a person or a merchant have ids derived from
theirs; the campus's own accounts, one of a kind, have ids derived from the kind. So an account is
found without looking it up.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from ledger.accounts import Account, Rule, new_account
from ledger.book import LedgerConnection, open_accounts
from ledger.ids import derived_id


class Side(StrEnum):
    """What an account is to the university."""

    ASSET = "asset"
    LIABILITY = "liability"
    EXPENSE = "expense"


class AccountKind(StrEnum):
    """The kinds of accounts."""

    CASH_WALLET = "cash_wallet"
    """What a person paid in and has not spent."""
    SUBSIDY_WALLET = "subsidy_wallet"
    """What the university gave a person and they have not spent."""
    MERCHANT_PAYABLE = "merchant_payable"
    """What the university owes a merchant for purchases."""
    CASH_DESK = "cash_desk"
    """Banknotes in the drawer of the card centre."""
    BANK = "bank"
    """The university's bank account, as far as campus money is on it."""
    SUBSIDY_FUNDING = "subsidy_funding"
    """What the university gave away in subsidies."""
    LOST_CARD_LOSS = "lost_card_loss"
    """Purchases after the loss report of their card, which the university bears."""
    SUSPENSE = "suspense"
    """Money that is here and cannot yet be placed."""


class TransferKind(StrEnum):
    """What money moves for. A word here is never renamed: old transfers keep theirs."""

    PURCHASE = "purchase"
    REFUND = "refund"
    """A merchant gives money of a purchase back."""
    REVERSAL = "reversal"
    """A terminal takes a purchase back whose answer it never got."""
    CASH_PAYMENT = "cash_payment"
    """A person pays banknotes in."""
    SUBSIDY = "subsidy"
    SUBSIDY_UNDO = "subsidy_undo"
    """A subsidy that was handed out by mistake is taken back."""


class Chapter(NamedTuple):
    """What holds for all accounts of a kind."""

    side: Side
    rule: Rule
    is_single: bool
    """Whether the campus has one account of the kind, or one for each person or merchant."""


CHART: Final[Mapping[AccountKind, Chapter]] = MappingProxyType(
    {
        AccountKind.CASH_WALLET: Chapter(
            Side.LIABILITY, Rule.DEBITS_MUST_NOT_EXCEED_CREDITS, is_single=False
        ),
        AccountKind.SUBSIDY_WALLET: Chapter(
            Side.LIABILITY, Rule.DEBITS_MUST_NOT_EXCEED_CREDITS, is_single=False
        ),
        AccountKind.MERCHANT_PAYABLE: Chapter(Side.LIABILITY, Rule.NONE, is_single=False),
        AccountKind.CASH_DESK: Chapter(Side.ASSET, Rule.NONE, is_single=True),
        AccountKind.BANK: Chapter(Side.ASSET, Rule.NONE, is_single=True),
        AccountKind.SUBSIDY_FUNDING: Chapter(Side.EXPENSE, Rule.NONE, is_single=True),
        AccountKind.LOST_CARD_LOSS: Chapter(Side.EXPENSE, Rule.NONE, is_single=True),
        AccountKind.SUSPENSE: Chapter(Side.LIABILITY, Rule.NONE, is_single=True),
    }
)

_CAMPUS: Final = UUID("00000000-0000-7000-8000-000000000000")  # a UUIDv7 of the year 1970


def account_id(kind: AccountKind, owner: UUID | None = None) -> UUID:
    """Return the id of the campus's account of a kind, or of that of a person or merchant."""
    assert CHART[kind].is_single is (owner is None), f"{kind} has an owner or has none"
    return derived_id(_CAMPUS if owner is None else owner, kind)


def blank_account(kind: AccountKind, owner: UUID | None = None) -> Account:
    """Return the same account with nothing on it."""
    return new_account(account_id(kind, owner), kind, rule=CHART[kind].rule)


async def open_campus_accounts(connection: LedgerConnection) -> None:
    """Open the accounts of which the campus has one of a kind; those that exist are left alone."""
    single = [kind for kind, chapter in CHART.items() if chapter.is_single]
    await open_accounts(connection, [blank_account(kind) for kind in single])
