"""Answers to a caller: what was posted, or the error that says why not.

An answer is made from the lines that are on record, so the first answer and every later one to
the same request are built by the same code from the same facts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ledger.decide import Hold, Line
from ledger.errors import CampusError, RefusalCode, TransferConflict, TransferRefused
from ledger.transfers import Draw, Entry, Intent, Phase, Refuse, Transfer, draw_id


class Posted(NamedTuple):
    """An entry that is on disk: its lines in order, and when it was written."""

    lines: tuple[Line, ...]
    posted_at: datetime

    @property
    def id(self) -> UUID:
        """The id of the entry."""
        return self.lines[0].id


_tuple = tuple.__new__  # makes a named tuple in half the time that its own constructor takes

Outcome = Posted | CampusError
"""Posted, or TransferRefused, TransferConflict, EffectRefused, LedgerUnavailable as a value."""


class Recorded(NamedTuple):
    """A line as it stands in the ledger, and when it was written."""

    line: Line
    posted_at: datetime


Whole = tuple[Recorded, ...]
"""All lines of an entry, in their order."""


def answer(lines: tuple[Line, ...], posted_at: datetime) -> Outcome:
    """Return the answer to whoever asked for what was decided with these lines."""
    if lines[0].refusal is None:
        return _tuple(Posted, (lines, posted_at))
    culprit = next(line for line in lines if line.refusal != RefusalCode.LINKED_TRANSFER_REFUSED)
    return _refused(lines, culprit)


def replay(
    intent: Intent, records: Mapping[UUID, Whole], holds: Mapping[UUID, Hold]
) -> Outcome | None:
    """Return the answer that an intent already has, or None when none of its ids is taken.

    `records` has, under each id that is taken, the whole entry that it is part of. Anything in
    the request that differs from what is on record makes it a TransferConflict.
    """
    whole = next((records[each] for each in intent.ids() if each in records), None)
    if whole is None:
        return None
    field = _difference(intent, [record.line for record in whole], holds)
    if field is not None:
        return TransferConflict(field)
    return answer(tuple(record.line for record in whole), whole[0].posted_at)


def _difference(intent: Intent, lines: Sequence[Line], holds: Mapping[UUID, Hold]) -> str | None:
    """Return the first field in which a request differs from what is on record under its ids."""
    if isinstance(intent, Refuse):
        return None
    if _was_taken_out_of_use(lines[0]):
        return _refused_difference(intent, lines[0])
    if isinstance(intent, Draw):
        return _draw_difference(intent, lines)
    if [line.id for line in lines] != intent.ids():
        return "transfers"
    for transfer, line in zip(intent.transfers, lines, strict=True):
        if (field := _transfer_difference(transfer, line, holds)) is not None:
            return field
    return None


def _refused(lines: Sequence[Line], culprit: Line) -> TransferRefused:
    """Return a refusal; for a draw, lack of funds is that of all its accounts together."""
    assert culprit.refusal is not None
    available = culprit.debit_balance_fen
    if available is None:
        available = culprit.credit_balance_fen
    if available is None:
        return TransferRefused(culprit.refusal)
    needed = culprit.amount_fen
    if _is_draw(lines):
        # What the parts before the culprit took was there as well; those after it were not tried.
        needed = sum(line.amount_fen for line in lines)
        available += sum(line.amount_fen for line in lines[: lines.index(culprit)])
    return TransferRefused(culprit.refusal, needed_fen=needed, available_fen=available)


def _is_draw(lines: Sequence[Line]) -> bool:
    """Tell whether lines came from a draw, by their ids."""
    return all(line.id == draw_id(lines[0].id, index) for index, line in enumerate(lines))


def _was_taken_out_of_use(line: Line) -> bool:
    """Tell a line of `Refuse` from one that was decided, which names an account or a hold."""
    return line.debit_account is None and line.hold_id is None


def _refused_difference(intent: Entry | Draw, line: Line) -> str | None:
    """Return the field in which an intent differs from what a caller took out of use."""
    asked = intent if isinstance(intent, Draw) else intent.transfers[0]
    if asked.kind != line.kind:
        return "kind"
    is_other_amount = asked.amount is not None and asked.amount.value != line.amount_fen
    return "amount" if line.amount_fen and is_other_amount else None


def _draw_difference(draw: Draw, lines: Sequence[Line]) -> str | None:
    """Compare a draw; of the accounts it may take from, only those that were taken from count.

    So the answer stays the same when a further account was added between two tries.
    """
    first = lines[0]
    places = [_place(line.debit_account, draw.debit_accounts) for line in lines]
    differs = {
        "transfers": first.entry_id != draw.id,
        "kind": first.kind != draw.kind,
        "phase": first.phase is not Phase.SINGLE,
        "debit_accounts": -1 in places or places != sorted(places),
        "credit_account": first.credit_account != draw.credit_account,
        "amount": sum(line.amount_fen for line in lines) != draw.amount.value,
        "event_at": first.event_at != draw.event_at,
        "about": first.about != draw.about,
    }
    return next((field for field, is_different in differs.items() if is_different), None)


def _transfer_difference(transfer: Transfer, line: Line, holds: Mapping[UUID, Hold]) -> str | None:
    ends = transfer.hold_id is not None
    differs = {
        "kind": transfer.kind != line.kind,
        "phase": transfer.phase is not line.phase,
        "hold_id": transfer.hold_id != line.hold_id,
        "debit_account": not ends and transfer.debit_account != line.debit_account,
        "credit_account": not ends and transfer.credit_account != line.credit_account,
        "amount": _amount_fen(transfer, line, holds) != line.amount_fen,
        "event_at": transfer.event_at != line.event_at,
        "expires_at": transfer.expires_at != line.expires_at,
        "about": transfer.about != line.about,
    }
    return next((field for field, is_different in differs.items() if is_different), None)


def _amount_fen(transfer: Transfer, line: Line, holds: Mapping[UUID, Hold]) -> int:
    """Return what a transfer would have on record as its amount, had it been the one asked."""
    if transfer.amount is not None:
        return transfer.amount.value
    hold = holds.get(transfer.hold_id) if transfer.hold_id is not None else None
    return hold.amount_fen if hold is not None and line.refusal is None else 0


def _place(account_id: UUID | None, accounts: Sequence[UUID]) -> int:
    """Return the place of an account among others, or one before all places."""
    return accounts.index(account_id) if account_id in accounts else -1
