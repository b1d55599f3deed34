"""Deciding whether an entry may post, and how the books would stand then.

No I/O, no clock, no randomness. What the poster runs before it writes is what the tests judge
against a second implementation, and what an auditor can run again over old transfers.

The refusals are looked for in the order of `RefusalCode`; the first that applies is the answer.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from ledger.accounts import Account, Rule
from ledger.errors import RefusalCode
from ledger.money import AMOUNT_MAX_FEN
from ledger.transfers import ENDS_A_HOLD, Entry, Phase, Refuse, Transfer


class HoldState(StrEnum):
    """How far a pending transfer has come; all but the first are final."""

    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"


class Hold(NamedTuple):
    """A pending transfer as it stands, and the transfer that ended it."""

    id: UUID
    debit_account: UUID
    credit_account: UUID
    amount_fen: int
    state: HoldState
    expires_at: datetime | None
    ended_by: UUID | None


class Line(NamedTuple):
    """One decided transfer: a row of `transfers` but for when and where in our order it came.

    The fields after it (version, posted balance, the transfer before) are filled for an account
    with a rule. A refusal leaves them empty, but for lack of funds keeps in `debit_balance_fen`
    (or `credit_balance_fen`) what was available.
    """

    kind: str
    phase: Phase
    refusal: str | None
    id: UUID
    debit_account: UUID | None
    credit_account: UUID | None
    amount_fen: int
    event_at: datetime
    debit_version: int | None
    debit_balance_fen: int | None
    debit_previous: UUID | None
    credit_version: int | None
    credit_balance_fen: int | None
    credit_previous: UUID | None
    hold_id: UUID | None
    about: UUID | None


class Decision(NamedTuple):
    """What becomes of an entry: its lines, and the accounts and holds that differ after it.

    A refusal changes none. `read` names the accounts whose balance a refusal rests on: it holds
    only as long as they stand as they stood.
    """

    lines: tuple[Line, ...]
    accounts: Mapping[UUID, Account]
    holds: Mapping[UUID, Hold]
    refusal: RefusalCode | None
    read: tuple[UUID, ...]


def decide(accounts: Mapping[UUID, Account], holds: Mapping[UUID, Hold], entry: Entry) -> Decision:
    """Apply one entry to accounts and holds, neither of which changes, and return the result.

    Every transfer sees what those before it in the entry did. If one is refused, all are: that
    one with its code, the others as linked to it.
    """
    books = _Books(accounts, holds)
    lines = []
    for transfer in entry.transfers:
        ends = transfer.phase in ENDS_A_HOLD
        line = _end(books, transfer) if ends else _start(books, transfer)
        if isinstance(line, _No):
            return _refuse(holds, entry, transfer, line)
        lines.append(line)
    return Decision(tuple(lines), books.changed_accounts, books.changed_holds, None, ())


def refused_line(asked: Refuse) -> Line:
    """Return the line that takes an id out of use, which needs no deciding."""
    amount_fen = 0 if asked.amount is None else asked.amount.value
    named = (asked.kind, Phase.SINGLE, asked.code, asked.id, None, None, amount_fen, asked.event_at)
    return Line(*named, *_NO_POSTING, *_NO_POSTING, None, asked.about)


class _No(NamedTuple):
    """A refusal on its way out, with the account it rests on and what that had left."""

    code: RefusalCode
    read: UUID | None = None
    debit_available: int | None = None
    credit_available: int | None = None


_END_STATE = {
    Phase.POST: HoldState.POSTED,
    Phase.VOID: HoldState.VOIDED,
    Phase.EXPIRE: HoldState.EXPIRED,
}
_ALREADY_ENDED = {
    HoldState.POSTED: _No(RefusalCode.HOLD_ALREADY_POSTED),
    HoldState.VOIDED: _No(RefusalCode.HOLD_ALREADY_VOIDED),
    HoldState.EXPIRED: _No(RefusalCode.HOLD_ALREADY_EXPIRED),
}
_NO_POSTING = (None, None, None)


class _Books:
    """The books as the transfers of one entry find and leave them, one after the other."""

    __slots__ = ("accounts", "changed_accounts", "changed_holds", "holds")

    def __init__(self, accounts: Mapping[UUID, Account], holds: Mapping[UUID, Hold]) -> None:
        self.accounts = accounts
        self.holds = holds
        self.changed_accounts: dict[UUID, Account] = {}
        self.changed_holds: dict[UUID, Hold] = {}

    def account(self, account_id: UUID | None) -> Account | None:
        if account_id is None:
            return None
        if self.changed_accounts and account_id in self.changed_accounts:
            return self.changed_accounts[account_id]
        return self.accounts.get(account_id)

    def hold(self, hold_id: UUID | None) -> Hold | None:
        if hold_id is None:
            return None
        return self.changed_holds.get(hold_id) or self.holds.get(hold_id)

    def move(
        self, transfer: Transfer, sides: tuple[Account, Account], *, pending: int, posted: int
    ) -> Line:
        """Change the sums of both sides, in fen, and return the line of it."""
        debit, credit = sides
        debit_after = debit.debited(transfer.id, pending, posted)
        credit_after = credit.credited(transfer.id, pending, posted)
        self.changed_accounts[debit.id] = debit_after
        self.changed_accounts[credit.id] = credit_after
        return Line(
            transfer.kind,
            transfer.phase,
            None,
            transfer.id,
            debit.id,
            credit.id,
            posted or abs(pending),
            transfer.event_at,
            *_posting(debit, debit_after),
            *_posting(credit, credit_after),
            transfer.hold_id,
            transfer.about,
        )


def _posting(before: Account, after: Account) -> tuple[int | None, int | None, UUID | None]:
    """Return the version and balance after a transfer, and the transfer before it."""
    rule = before.rule
    if rule is Rule.NONE:
        return _NO_POSTING
    balance = after.credits_posted - after.debits_posted
    if rule is Rule.CREDITS_MUST_NOT_EXCEED_DEBITS:
        balance = -balance
    return after.version, balance, before.last_transfer


def _start(books: _Books, transfer: Transfer) -> Line | _No:  # noqa: C901, PLR0911, PLR0912  one refusal a line
    """Decide a transfer that moves or holds an amount."""
    amount = _asked(transfer)
    if amount <= 0:
        return _No(RefusalCode.AMOUNT_MUST_BE_POSITIVE)
    if amount > AMOUNT_MAX_FEN:
        return _No(RefusalCode.AMOUNT_TOO_LARGE)
    if transfer.debit_account == transfer.credit_account:
        return _No(RefusalCode.ACCOUNTS_MUST_DIFFER)
    debit = books.account(transfer.debit_account)
    if debit is None:
        return _No(RefusalCode.DEBIT_ACCOUNT_NOT_FOUND)
    credit = books.account(transfer.credit_account)
    if credit is None:
        return _No(RefusalCode.CREDIT_ACCOUNT_NOT_FOUND)
    if debit.unit != credit.unit:
        return _No(RefusalCode.UNITS_MUST_MATCH)
    if debit.is_closed:
        return _No(RefusalCode.DEBIT_ACCOUNT_CLOSED)
    if credit.is_closed:
        return _No(RefusalCode.CREDIT_ACCOUNT_CLOSED)
    if debit.rule is Rule.DEBITS_MUST_NOT_EXCEED_CREDITS:
        left = debit.credits_posted - debit.debits_posted - debit.debits_pending
        if amount > left:
            return _No(RefusalCode.INSUFFICIENT_FUNDS, debit.id, debit_available=left)
    if credit.rule is Rule.CREDITS_MUST_NOT_EXCEED_DEBITS:
        left = credit.debits_posted - credit.credits_posted - credit.credits_pending
        if amount > left:
            return _No(RefusalCode.CREDITS_WOULD_EXCEED_DEBITS, credit.id, credit_available=left)
    # From here on nothing is refused.
    if transfer.phase is Phase.SINGLE:
        return books.move(transfer, (debit, credit), pending=0, posted=amount)
    books.changed_holds[transfer.id] = Hold(
        transfer.id, debit.id, credit.id, amount, HoldState.PENDING, transfer.expires_at, None
    )
    return books.move(transfer, (debit, credit), pending=amount, posted=0)


def _end(books: _Books, transfer: Transfer) -> Line | _No:  # noqa: PLR0911  one refusal a line
    """Decide a transfer that ends a hold. The hold's own amount is already within the rules."""
    if transfer.amount is not None and transfer.amount.value <= 0:
        return _No(RefusalCode.AMOUNT_MUST_BE_POSITIVE)
    hold = books.hold(transfer.hold_id)
    if hold is None:
        return _No(RefusalCode.HOLD_NOT_FOUND)
    if hold.state is not HoldState.PENDING:
        return _ALREADY_ENDED[hold.state]
    posted = 0
    if transfer.phase is Phase.POST:
        posted = hold.amount_fen if transfer.amount is None else transfer.amount.value
        if posted > hold.amount_fen:
            return _No(RefusalCode.AMOUNT_EXCEEDS_HOLD)
    debit = books.account(hold.debit_account)
    if debit is None:
        return _No(RefusalCode.DEBIT_ACCOUNT_NOT_FOUND)
    credit = books.account(hold.credit_account)
    if credit is None:
        return _No(RefusalCode.CREDIT_ACCOUNT_NOT_FOUND)
    # From here on nothing is refused: an account with a hold on it cannot have been closed.
    books.changed_holds[hold.id] = hold._replace(
        state=_END_STATE[transfer.phase], ended_by=transfer.id
    )
    return books.move(transfer, (debit, credit), pending=-hold.amount_fen, posted=posted)


def _refuse(holds: Mapping[UUID, Hold], entry: Entry, culprit: Transfer, answer: _No) -> Decision:
    """Return the decision that refuses a whole entry because of one of its transfers."""
    linked = _No(RefusalCode.LINKED_TRANSFER_REFUSED)
    lines = tuple(
        _refused_line(holds, transfer, answer if transfer is culprit else linked)
        for transfer in entry.transfers
    )
    read = () if answer.read is None else (answer.read,)
    return Decision(lines, {}, {}, answer.code, read)


def _refused_line(holds: Mapping[UUID, Hold], transfer: Transfer, answer: _No) -> Line:
    """Return the line of a refused transfer: what was asked, and why not."""
    hold = holds.get(transfer.hold_id) if transfer.hold_id else None
    return Line(
        transfer.kind,
        transfer.phase,
        answer.code,
        transfer.id,
        hold.debit_account if hold else transfer.debit_account,
        hold.credit_account if hold else transfer.credit_account,
        _asked(transfer),
        transfer.event_at,
        None,
        answer.debit_available,
        None,
        None,
        answer.credit_available,
        None,
        transfer.hold_id,
        transfer.about,
    )


def _asked(transfer: Transfer) -> int:
    """Return the amount that a transfer names itself, in fen; 0 for all that a hold has."""
    return 0 if transfer.amount is None else transfer.amount.value
