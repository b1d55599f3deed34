"""Deciding whether an entry may post, and how the books would stand then.

No I/O, no clock, no randomness. What the poster runs before it writes is what the tests judge
against a second implementation, and what an auditor can run again over old transfers.

The refusals are looked for in the order of `RefusalCode`; the first that applies is the answer.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from ledger.accounts import Account, Rule
from ledger.errors import RefusalCode
from ledger.money import AMOUNT_MAX_FEN
from ledger.transfers import Entry, Phase, Refuse, Transfer


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
    entry_id: UUID
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
    expires_at: datetime | None
    about: UUID | None


class Decision(NamedTuple):
    """What becomes of an entry: its lines, and the accounts and holds as they stand after it.

    Only what changed is named; a refusal changes nothing. `read` names the accounts whose
    balance a refusal rests on: it holds only as long as they stand as they stood.
    """

    lines: tuple[Line, ...]
    accounts: Collection[Account]
    holds: Collection[Hold]
    refusal: RefusalCode | None
    read: tuple[UUID, ...]


def decide(accounts: Mapping[UUID, Account], holds: Mapping[UUID, Hold], entry: Entry) -> Decision:
    """Apply one entry to accounts and holds, neither of which changes, and return the result.

    Every transfer sees what those before it in the entry did. If one is refused, all are: that
    one with its code, the others as linked to it.
    """
    if len(entry.transfers) > 1:
        return _decide_linked(accounts, holds, entry)
    transfer = entry.transfers[0]
    moved = _decide_transfer(accounts.get, holds.get, transfer, transfer.id)
    if isinstance(moved, _No):
        return _refuse(holds, entry, transfer, moved)
    line, debit, credit, hold = moved
    return _tuple(Decision, ((line,), (debit, credit), () if hold is None else (hold,), None, ()))


def refused_line(asked: Refuse) -> Line:
    """Return the line that takes an id out of use, which needs no deciding."""
    amount_fen = 0 if asked.amount is None else asked.amount.value
    named = (asked.kind, Phase.SINGLE, asked.code, asked.id, asked.id)
    return Line(
        *named,
        None,
        None,
        amount_fen,
        asked.event_at,
        *_NO_POSTING,
        *_NO_POSTING,
        None,
        None,
        asked.about,
    )


_FindAccount = Callable[[UUID], Account | None]
_FindHold = Callable[[UUID], Hold | None]


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
# Looked up once: a member of an enum is found several times as fast under a name of its own.
_SINGLE = Phase.SINGLE
_NO_RULE = Rule.NONE
_LIABILITY_RULE = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS
_ASSET_RULE = Rule.CREDITS_MUST_NOT_EXCEED_DEBITS
_tuple = tuple.__new__  # makes a named tuple in half the time that its own constructor takes


class _Moved(NamedTuple):
    """A transfer that was not refused: its line, and what it touched as that stands after it."""

    line: Line
    debit: Account
    credit: Account
    hold: Hold | None


def _decide_linked(
    accounts: Mapping[UUID, Account], holds: Mapping[UUID, Hold], entry: Entry
) -> Decision:
    lines: list[Line] = []
    changed: dict[UUID, Account] = {}
    ended: dict[UUID, Hold] = {}

    def find_account(account_id: UUID) -> Account | None:
        return changed.get(account_id) or accounts.get(account_id)

    def find_hold(hold_id: UUID) -> Hold | None:
        return ended.get(hold_id) or holds.get(hold_id)

    for transfer in entry.transfers:
        moved = _decide_transfer(find_account, find_hold, transfer, entry.id)
        if isinstance(moved, _No):
            return _refuse(holds, entry, transfer, moved)
        lines.append(moved.line)
        changed[moved.debit.id] = moved.debit
        changed[moved.credit.id] = moved.credit
        if moved.hold is not None:
            ended[moved.hold.id] = moved.hold
    return Decision(tuple(lines), changed.values(), ended.values(), None, ())


def _decide_transfer(
    find_account: _FindAccount, find_hold: _FindHold, transfer: Transfer, entry_id: UUID
) -> _Moved | _No:
    if transfer.hold_id is not None:
        return _end(find_account, find_hold(transfer.hold_id), transfer, entry_id)
    return _start(find_account, transfer, entry_id)


def _start(  # noqa: C901, PLR0911, PLR0912  one refusal a line
    find_account: _FindAccount, transfer: Transfer, entry_id: UUID
) -> _Moved | _No:
    """Decide a transfer that moves or holds an amount."""
    debit_account, credit_account = transfer.debit_account, transfer.credit_account
    amount = transfer.amount.value if transfer.amount is not None else 0
    if amount <= 0:
        return _No(RefusalCode.AMOUNT_MUST_BE_POSITIVE)
    if amount > AMOUNT_MAX_FEN:
        return _No(RefusalCode.AMOUNT_TOO_LARGE)
    if debit_account == credit_account:
        return _No(RefusalCode.ACCOUNTS_MUST_DIFFER)
    if debit_account is None or (debit := find_account(debit_account)) is None:
        return _No(RefusalCode.DEBIT_ACCOUNT_NOT_FOUND)
    if credit_account is None or (credit := find_account(credit_account)) is None:
        return _No(RefusalCode.CREDIT_ACCOUNT_NOT_FOUND)
    if debit.unit != credit.unit:
        return _No(RefusalCode.UNITS_MUST_MATCH)
    if debit.is_closed:
        return _No(RefusalCode.DEBIT_ACCOUNT_CLOSED)
    if credit.is_closed:
        return _No(RefusalCode.CREDIT_ACCOUNT_CLOSED)
    if debit.rule is _LIABILITY_RULE:
        left = debit.credits_posted - debit.debits_posted - debit.debits_pending
        if amount > left:
            return _No(RefusalCode.INSUFFICIENT_FUNDS, debit.id, debit_available=left)
    if credit.rule is _ASSET_RULE:
        left = credit.debits_posted - credit.credits_posted - credit.credits_pending
        if amount > left:
            return _No(RefusalCode.CREDITS_WOULD_EXCEED_DEBITS, credit.id, credit_available=left)
    # From here on nothing is refused.
    if transfer.phase is _SINGLE:
        return _move(transfer, entry_id, (debit, credit), change=(0, amount))
    held = Hold(
        transfer.id, debit.id, credit.id, amount, HoldState.PENDING, transfer.expires_at, None
    )
    return _move(transfer, entry_id, (debit, credit), change=(amount, 0), hold=held)


def _end(  # noqa: PLR0911  one refusal a line
    find_account: _FindAccount, hold: Hold | None, transfer: Transfer, entry_id: UUID
) -> _Moved | _No:
    """Decide a transfer that ends a hold. The hold's own amount is already within the rules."""
    if transfer.amount is not None and transfer.amount.value <= 0:
        return _No(RefusalCode.AMOUNT_MUST_BE_POSITIVE)
    if transfer.amount is not None and transfer.amount.value > AMOUNT_MAX_FEN:
        return _No(RefusalCode.AMOUNT_TOO_LARGE)
    if hold is None:
        return _No(RefusalCode.HOLD_NOT_FOUND)
    if hold.state is not HoldState.PENDING:
        return _ALREADY_ENDED[hold.state]
    posted = 0
    if transfer.phase is Phase.POST:
        posted = hold.amount_fen if transfer.amount is None else transfer.amount.value
        if posted > hold.amount_fen:
            return _No(RefusalCode.AMOUNT_EXCEEDS_HOLD)
    debit = find_account(hold.debit_account)
    if debit is None:
        return _No(RefusalCode.DEBIT_ACCOUNT_NOT_FOUND)
    credit = find_account(hold.credit_account)
    if credit is None:
        return _No(RefusalCode.CREDIT_ACCOUNT_NOT_FOUND)
    # From here on nothing is refused: an account with a hold on it cannot have been closed.
    ended = hold._replace(state=_END_STATE[transfer.phase], ended_by=transfer.id)
    return _move(transfer, entry_id, (debit, credit), change=(-hold.amount_fen, posted), hold=ended)


def _move(
    transfer: Transfer,
    entry_id: UUID,
    sides: tuple[Account, Account],
    *,
    change: tuple[int, int],
    hold: Hold | None = None,
) -> _Moved:
    """Change what is pending and posted, in fen, on both sides alike."""
    transfer_id = transfer.id
    pending, posted = change
    debit, credit = sides
    debit_after = debit.debited(transfer_id, pending, posted)
    credit_after = credit.credited(transfer_id, pending, posted)
    debit_version, debit_balance, debit_previous = _posting(debit, debit_after)
    credit_version, credit_balance, credit_previous = _posting(credit, credit_after)
    line = _tuple(
        Line,
        (
            transfer.kind,
            transfer.phase,
            None,
            transfer_id,
            entry_id,
            debit.id,
            credit.id,
            posted or abs(pending),
            transfer.event_at,
            debit_version,
            debit_balance,
            debit_previous,
            credit_version,
            credit_balance,
            credit_previous,
            transfer.hold_id,
            transfer.expires_at,
            transfer.about,
        ),
    )
    return _tuple(_Moved, (line, debit_after, credit_after, hold))


def _posting(before: Account, after: Account) -> tuple[int | None, int | None, UUID | None]:
    """Return the version and balance after a transfer, and the transfer before it."""
    rule = before.rule
    if rule is _NO_RULE:
        return _NO_POSTING
    balance = after.credits_posted - after.debits_posted
    if rule is _ASSET_RULE:
        balance = -balance
    return after.version, balance, before.last_transfer


def _refuse(holds: Mapping[UUID, Hold], entry: Entry, culprit: Transfer, answer: _No) -> Decision:
    """Return the decision that refuses a whole entry because of one of its transfers."""
    linked = _No(RefusalCode.LINKED_TRANSFER_REFUSED)
    lines = tuple(
        _refused_line(holds, entry.id, transfer, answer if transfer is culprit else linked)
        for transfer in entry.transfers
    )
    read = () if answer.read is None else (answer.read,)
    return Decision(lines, (), (), answer.code, read)


def _refused_line(
    holds: Mapping[UUID, Hold], entry_id: UUID, transfer: Transfer, answer: _No
) -> Line:
    """Return the line of a refused transfer: what was asked, and why not."""
    hold = holds.get(transfer.hold_id) if transfer.hold_id else None
    return Line(
        transfer.kind,
        transfer.phase,
        answer.code,
        transfer.id,
        entry_id,
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
        transfer.expires_at,
        transfer.about,
    )


def _asked(transfer: Transfer) -> int:
    """Return the amount that a transfer names itself, in fen; 0 for all that a hold has."""
    return 0 if transfer.amount is None else transfer.amount.value
