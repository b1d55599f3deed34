"""Accounts: four running sums, and a rule they may not break."""

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from ledger.money import Fen

_tuple = tuple.__new__  # makes a named tuple in half the time that its own constructor takes


class Rule(StrEnum):
    """What an account's sums must obey, pending ones included."""

    NONE = "none"
    DEBITS_MUST_NOT_EXCEED_CREDITS = "debits_must_not_exceed_credits"
    """A liability of ours, such as a wallet: it cannot be overspent."""
    CREDITS_MUST_NOT_EXCEED_DEBITS = "credits_must_not_exceed_debits"
    """An asset of ours that cannot go below zero."""


_ASSET_RULE = Rule.CREDITS_MUST_NOT_EXCEED_DEBITS


class Account(NamedTuple):
    """An account as it stands after its transfer number `version`; the sums are in fen.

    A tuple rather than a dataclass, because deciding makes two of them for every transfer.
    """

    id: UUID
    kind: str
    unit: str
    rule: Rule
    is_closed: bool
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int
    version: int
    last_transfer: UUID | None

    @property
    def balance(self) -> Fen:
        """What stands on the account's own side: credits less debits, for an asset the reverse."""
        difference = self.credits_posted - self.debits_posted
        return Fen(-difference if self.is_asset else difference)

    @property
    def available(self) -> Fen:
        """The balance less what is held: what may still leave an account with a rule."""
        return Fen(self.available_fen)

    @property
    def available_fen(self) -> int:
        """The same as a number of fen."""
        if self.is_asset:
            return self.debits_posted - self.credits_posted - self.credits_pending
        return self.credits_posted - self.debits_posted - self.debits_pending

    @property
    def is_asset(self) -> bool:
        """Tell whether the account's own side is the debit side, by its rule."""
        return self.rule is _ASSET_RULE

    def debited(self, transfer_id: UUID, pending: int, posted: int) -> "Account":
        """Return the account after one more transfer that debits it."""
        return _tuple(
            Account,
            (
                self.id,
                self.kind,
                self.unit,
                self.rule,
                self.is_closed,
                self.debits_pending + pending,
                self.debits_posted + posted,
                self.credits_pending,
                self.credits_posted,
                self.version + 1,
                transfer_id,
            ),
        )

    def credited(self, transfer_id: UUID, pending: int, posted: int) -> "Account":
        """Return the account after one more transfer that credits it."""
        return _tuple(
            Account,
            (
                self.id,
                self.kind,
                self.unit,
                self.rule,
                self.is_closed,
                self.debits_pending,
                self.debits_posted,
                self.credits_pending + pending,
                self.credits_posted + posted,
                self.version + 1,
                transfer_id,
            ),
        )


def new_account(
    account_id: UUID, kind: str, *, rule: Rule = Rule.NONE, unit: str = "CNY"
) -> Account:
    """Return an account with nothing on it."""
    return Account(account_id, kind, unit, rule, False, 0, 0, 0, 0, 0, None)
