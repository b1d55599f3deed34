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
from ledger.transfers import Draw, Entry, Intent, Phase, Refuse, Transfer


class Posted(NamedTuple):
    """An entry that is on disk: its lines in order, and when it was written."""

    lines: tuple[Line, ...]
    posted_at: datetime

    @property
    def id(self) -> UUID:
        """The id of the entry."""
        return self.lines[0].id


_DECIDED = frozenset({None, *RefusalCode})  # anything else was taken out of use by a caller

Outcome = Posted | CampusError
"""Posted, or TransferRefused, TransferConflict, EffectRefused, LedgerUnavailable as a value."""


class Recorded(NamedTuple):
    """A line as it stands in the ledger, and when it was written."""

    line: Line
    posted_at: datetime


def answer(intent: Intent, lines: tuple[Line, ...], posted_at: datetime) -> Outcome:
    """Return the answer to an intent that was decided with these lines."""
    if lines[0].refusal is None:
        return Posted(lines, posted_at)
    culprit = next(line for line in lines if line.refusal != RefusalCode.LINKED_TRANSFER_REFUSED)
    return _refused(intent, culprit)


def replay(
    intent: Intent, records: Mapping[UUID, Recorded], holds: Mapping[UUID, Hold]
) -> Outcome | None:
    """Return the answer that an intent already has, or None when none of its ids is taken.

    Anything in the request that differs from what is on record makes it a TransferConflict.
    """
    found = [records[each] for each in intent.ids() if each in records]
    if not found:
        return None
    field = _difference(intent, found, holds)
    if field is not None:
        return TransferConflict(field)
    return answer(intent, tuple(record.line for record in found), found[0].posted_at)


def _difference(
    intent: Intent, found: Sequence[Recorded], holds: Mapping[UUID, Hold]
) -> str | None:
    """Return the first field in which a request differs from what is on record under its ids."""
    if isinstance(intent, Refuse):
        return None
    if found[0].line.refusal not in _DECIDED:
        return _refused_difference(intent, found[0].line)
    if isinstance(intent, Draw):
        return _draw_difference(intent, found)
    return _entry_difference(intent, found, holds)


def _refused(intent: Intent, culprit: Line) -> TransferRefused:
    """Return a refusal; a draw is told what all its accounts had together."""
    assert culprit.refusal is not None
    available = culprit.debit_balance_fen
    if available is None:
        available = culprit.credit_balance_fen
    needed = None if available is None else culprit.amount_fen
    if isinstance(intent, Draw) and available is not None:
        short = culprit.amount_fen - available
        needed, available = intent.amount.value, intent.amount.value - short
    return TransferRefused(culprit.refusal, needed_fen=needed, available_fen=available)


def _refused_difference(intent: Entry | Draw, line: Line) -> str | None:
    """Return the field in which an intent differs from what a caller took out of use."""
    asked = intent if isinstance(intent, Draw) else intent.transfers[0]
    if asked.kind != line.kind:
        return "kind"
    is_other_amount = asked.amount is not None and asked.amount.value != line.amount_fen
    return "amount" if line.amount_fen and is_other_amount else None


def _draw_difference(draw: Draw, found: Sequence[Recorded]) -> str | None:
    lines = [record.line for record in found]
    first = lines[0]
    differs = {
        "transfers": any(line.entry_id != draw.id for line in lines),
        "kind": first.kind != draw.kind,
        "phase": first.phase is not Phase.SINGLE,
        "debit_accounts": any(line.debit_account not in draw.debit_accounts for line in lines),
        "credit_account": first.credit_account != draw.credit_account,
        "amount": sum(line.amount_fen for line in lines) != draw.amount.value,
        "event_at": first.event_at != draw.event_at,
        "about": first.about != draw.about,
    }
    return next((field for field, is_different in differs.items() if is_different), None)


def _entry_difference(
    entry: Entry, found: Sequence[Recorded], holds: Mapping[UUID, Hold]
) -> str | None:
    if len(found) < len(entry.transfers) or any(each.line.entry_id != entry.id for each in found):
        return "transfers"
    for transfer, record in zip(entry.transfers, found, strict=True):
        field = _transfer_difference(transfer, record.line, holds.get(transfer.id))
        if field is not None:
            return field
    return None


def _transfer_difference(transfer: Transfer, line: Line, hold: Hold | None) -> str | None:
    asked = transfer.amount
    ends = transfer.hold_id is not None
    differs = {
        "kind": transfer.kind != line.kind,
        "phase": transfer.phase is not line.phase,
        "hold_id": transfer.hold_id != line.hold_id,
        "debit_account": not ends and transfer.debit_account != line.debit_account,
        "credit_account": not ends and transfer.credit_account != line.credit_account,
        "amount": asked is not None and asked.value != line.amount_fen,
        "event_at": transfer.event_at != line.event_at,
        "expires_at": hold is not None and transfer.expires_at != hold.expires_at,
        "about": transfer.about != line.about,
    }
    return next((field for field, is_different in differs.items() if is_different), None)
