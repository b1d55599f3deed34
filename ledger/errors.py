"""The error tree of the project, and the ledger's branch of it.

CampusError                     every error raised on purpose, in any package
├── InvalidAmount               a number that is not an amount of money
├── InvalidTransfer             a request that no ledger could decide; names the field
├── TransferRefused             the ledger decided no (`RefusalCode`); the id stays refused
├── TransferConflict            the id is taken by other content; names the field
├── EffectRefused               the caller's own condition did not hold; nothing was posted
├── LedgerBusy                  the queue is full; nothing was taken in
├── LedgerUnavailable           PostgreSQL could not be reached in time
├── AccountConflict             the account's id is taken by other content
├── AccountNotFound             there is no account with this id
└── AccountInUse                money is held on the account, it cannot be closed
"""

from enum import StrEnum
from typing import Final


class CampusError(Exception):
    """Base of every error this project raises on purpose."""

    code: str
    """Stable, machine-readable, part of the API; set by the class."""
    transient: bool = False
    """May a fresh attempt succeed later?"""


class InvalidAmount(CampusError):
    """A value that cannot be an amount of money: not an integer number of fen, or out of range."""

    code = "invalid_amount"


class InvalidTransfer(CampusError):
    """A transfer or entry whose own fields contradict each other; names the field."""

    code = "invalid_transfer"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class RefusalCode(StrEnum):
    """Why the ledger said no, in the order in which the reasons are looked for.

    The first reason that applies is the answer. The order is part of the API (`docs/api.md`).
    """

    AMOUNT_MUST_BE_POSITIVE = "amount_must_be_positive"
    AMOUNT_TOO_LARGE = "amount_too_large"
    ACCOUNTS_MUST_DIFFER = "accounts_must_differ"
    HOLD_NOT_FOUND = "hold_not_found"
    HOLD_ALREADY_POSTED = "hold_already_posted"
    HOLD_ALREADY_VOIDED = "hold_already_voided"
    HOLD_ALREADY_EXPIRED = "hold_already_expired"
    AMOUNT_EXCEEDS_HOLD = "amount_exceeds_hold"
    DEBIT_ACCOUNT_NOT_FOUND = "debit_account_not_found"
    CREDIT_ACCOUNT_NOT_FOUND = "credit_account_not_found"
    UNITS_MUST_MATCH = "units_must_match"
    DEBIT_ACCOUNT_CLOSED = "debit_account_closed"
    CREDIT_ACCOUNT_CLOSED = "credit_account_closed"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    CREDITS_WOULD_EXCEED_DEBITS = "credits_would_exceed_debits"
    LINKED_TRANSFER_REFUSED = "linked_transfer_refused"


TRANSIENT_REFUSALS: Final = frozenset(
    {RefusalCode.INSUFFICIENT_FUNDS, RefusalCode.CREDITS_WOULD_EXCEED_DEBITS}
)
"""Refusals after which a fresh attempt, under a new id, may succeed with nothing corrected."""


class TransferRefused(CampusError):
    """The ledger decided no. The same id is refused for ever; nothing moved.

    `code` is a `RefusalCode`, or the caller's own when it was refused with `Refuse`.
    `needed_fen` and `available_fen` are known for lack of funds.
    """

    code = "transfer_refused"

    def __init__(
        self, code: str, *, needed_fen: int | None = None, available_fen: int | None = None
    ) -> None:
        super().__init__(code.replace("_", " "))
        self.code = str(code)
        self.transient = code in TRANSIENT_REFUSALS
        self.needed_fen = needed_fen
        self.available_fen = available_fen


class TransferConflict(CampusError):
    """The id already belongs to a transfer with other content; `field` is the first difference."""

    code = "transfer_conflict"

    def __init__(self, field: str) -> None:
        super().__init__(f"this id was used before with another {field}")
        self.field = field


class EffectRefused(CampusError):
    """A condition that the caller attached did not hold; nothing was posted, the id is unused."""

    code = "effect_refused"
    transient = True


class LedgerBusy(CampusError):
    """The queue of the poster is full; nothing of the request was taken in."""

    code = "ledger_busy"
    transient = True


class LedgerUnavailable(CampusError):
    """PostgreSQL did not answer in time. The outcome is open: ask again under the same id."""

    code = "ledger_unavailable"
    transient = True


class AccountConflict(CampusError):
    """The account's id already belongs to an account with another kind, unit or rule."""

    code = "account_conflict"

    def __init__(self, field: str) -> None:
        super().__init__(f"this account id was used before with another {field}")
        self.field = field


class AccountNotFound(CampusError):
    """There is no account with this id."""

    code = "account_not_found"


class AccountInUse(CampusError):
    """The account cannot be closed: it does not exist, is closed, or money is held on it."""

    code = "account_in_use"
