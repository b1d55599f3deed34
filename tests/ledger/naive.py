"""A second ledger, too simple to be wrong: it keeps a list and counts it all for every question.

It shares the vocabulary with `ledger.decide`, and no code.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from ledger.accounts import Rule
from ledger.errors import RefusalCode
from ledger.money import Fen
from ledger.transfers import Draw, Entry, Phase, Transfer, draw_id

WALLET = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS
SAFE = Rule.CREDITS_MUST_NOT_EXCEED_DEBITS
AMOUNT_MAX_FEN = 1_000_000_000_000

ALREADY = {
    Phase.POST: RefusalCode.HOLD_ALREADY_POSTED,
    Phase.VOID: RefusalCode.HOLD_ALREADY_VOIDED,
    Phase.EXPIRE: RefusalCode.HOLD_ALREADY_EXPIRED,
}


@dataclass(frozen=True, slots=True)
class NaiveAccount:
    """What is fixed about an account."""

    id: UUID
    unit: str
    rule: Rule


class Sums(NamedTuple):
    """The four sums of an account."""

    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


class Side(NamedTuple):
    """What a line says of one of its accounts."""

    account: UUID | None
    version: int | None = None
    balance_fen: int | None = None
    previous: UUID | None = None


class NaiveLine(NamedTuple):
    """What became of one transfer."""

    id: UUID
    phase: Phase
    refusal: str | None
    amount_fen: int
    debit: Side
    credit: Side
    hold_id: UUID | None


class Moved(NamedTuple):
    """One posted transfer: what it added to the pending and to the posted sums of both sides."""

    id: UUID
    phase: Phase
    debit: UUID
    credit: UUID
    pending: int
    posted: int
    hold_id: UUID | None


class NaiveBook:
    """Accounts, those of them that are closed, and all that was posted, in order."""

    def __init__(self, accounts: Sequence[NaiveAccount]) -> None:
        self.accounts = {account.id: account for account in accounts}
        self.closed: set[UUID] = set()
        self.history: list[Moved] = []

    def ask(self, entry: Entry) -> list[NaiveLine]:
        """Post an entry, or leave all as it is; return its lines either way."""
        before = list(self.history)
        lines = []
        for transfer in entry.transfers:
            for code in self._reasons(transfer):
                left = self._left(transfer, code)
                self.history = before
                return [
                    self._refused(each, code, left) if each is transfer else self._linked(each)
                    for each in entry.transfers
                ]
            lines.append(self._post(transfer))
        return lines

    def entry_of(self, draw: Draw) -> Entry:
        """Split a draw by what its accounts have now."""
        left = draw.amount.value
        parts: list[tuple[UUID, int]] = []
        for account_id in draw.debit_accounts[:-1]:
            if account_id in self.accounts and account_id not in self.closed:
                is_bounded = self.accounts[account_id].rule is WALLET
                given = min(left, self.available(account_id)) if is_bounded else left
                if given > 0:
                    parts.append((account_id, given))
                    left -= given
        if left != 0 or parts == []:
            parts.append((draw.debit_accounts[-1], left))
        transfers = [
            Transfer(
                id=draw_id(draw.id, index),
                kind=draw.kind,
                event_at=draw.event_at,
                amount=Fen(amount),
                debit_account=account_id,
                credit_account=draw.credit_account,
                about=draw.about,
            )
            for index, (account_id, amount) in enumerate(parts)
        ]
        return Entry(*transfers)

    def sums(self, account_id: UUID) -> Sums:
        """Count the four sums of an account."""
        debits = [each for each in self.history if each.debit == account_id]
        credits_ = [each for each in self.history if each.credit == account_id]
        return Sums(
            sum(each.pending for each in debits),
            sum(each.posted for each in debits),
            sum(each.pending for each in credits_),
            sum(each.posted for each in credits_),
        )

    def touches(self, account_id: UUID) -> list[UUID]:
        """List the transfers of an account."""
        return [each.id for each in self.history if account_id in (each.debit, each.credit)]

    def balance(self, account_id: UUID) -> int:
        """Count the posted balance on the account's own side."""
        sums = self.sums(account_id)
        difference = sums.credits_posted - sums.debits_posted
        return -difference if self.accounts[account_id].rule is SAFE else difference

    def available(self, account_id: UUID) -> int:
        """Count the balance less what is held."""
        sums = self.sums(account_id)
        is_safe = self.accounts[account_id].rule is SAFE
        held = sums.credits_pending if is_safe else sums.debits_pending
        return self.balance(account_id) - held

    def held(self, account_id: UUID) -> int:
        """Count what holds stand on either side of an account."""
        sums = self.sums(account_id)
        return sums.debits_pending + sums.credits_pending

    def holds(self) -> list[UUID]:
        """List all pending transfers, ended or not."""
        return [each.id for each in self.history if each.phase is Phase.PENDING]

    def find_hold(self, hold_id: UUID | None) -> Moved | None:
        """Find a pending transfer, ended or not."""
        found = [each for each in self.history if (each.id, each.phase) == (hold_id, Phase.PENDING)]
        return found[0] if found else None

    def find_end(self, hold_id: UUID | None) -> Moved | None:
        """Find what ended a hold."""
        found = [each for each in self.history if hold_id is not None and each.hold_id == hold_id]
        return found[0] if found else None

    def _reasons(self, transfer: Transfer) -> Iterator[RefusalCode]:
        amount = None if transfer.amount is None else transfer.amount.value
        if amount is not None and amount <= 0:
            yield RefusalCode.AMOUNT_MUST_BE_POSITIVE
        if amount is not None and amount > AMOUNT_MAX_FEN:
            yield RefusalCode.AMOUNT_TOO_LARGE
        if transfer.phase in (Phase.SINGLE, Phase.PENDING):
            assert transfer.debit_account is not None
            assert transfer.credit_account is not None
            assert amount is not None
            yield from self._reasons_of_start(
                transfer.debit_account, transfer.credit_account, amount
            )
        else:
            yield from self._reasons_of_end(transfer.hold_id, amount)

    def _reasons_of_start(self, debit: UUID, credit: UUID, amount: int) -> Iterator[RefusalCode]:
        if debit == credit:
            yield RefusalCode.ACCOUNTS_MUST_DIFFER
        if debit not in self.accounts:
            yield RefusalCode.DEBIT_ACCOUNT_NOT_FOUND
        if credit not in self.accounts:
            yield RefusalCode.CREDIT_ACCOUNT_NOT_FOUND
        if self.accounts[debit].unit != self.accounts[credit].unit:
            yield RefusalCode.UNITS_MUST_MATCH
        if debit in self.closed:
            yield RefusalCode.DEBIT_ACCOUNT_CLOSED
        if credit in self.closed:
            yield RefusalCode.CREDIT_ACCOUNT_CLOSED
        if self.accounts[debit].rule is WALLET and self.available(debit) < amount:
            yield RefusalCode.INSUFFICIENT_FUNDS
        if self.accounts[credit].rule is SAFE and self.available(credit) < amount:
            yield RefusalCode.CREDITS_WOULD_EXCEED_DEBITS

    def _reasons_of_end(self, hold_id: UUID | None, amount: int | None) -> Iterator[RefusalCode]:
        hold = self.find_hold(hold_id)
        if hold is None:
            yield RefusalCode.HOLD_NOT_FOUND
            return
        end = self.find_end(hold_id)
        if end is not None:
            yield ALREADY[end.phase]
        if amount is not None and amount > hold.pending:
            yield RefusalCode.AMOUNT_EXCEEDS_HOLD

    def _post(self, transfer: Transfer) -> NaiveLine:
        moved = self._moved(transfer)
        debit_before, credit_before = self.touches(moved.debit), self.touches(moved.credit)
        self.history.append(moved)
        return NaiveLine(
            transfer.id,
            transfer.phase,
            None,
            moved.posted or abs(moved.pending),
            self._side(moved.debit, debit_before),
            self._side(moved.credit, credit_before),
            transfer.hold_id,
        )

    def _moved(self, transfer: Transfer) -> Moved:
        id_, phase = transfer.id, transfer.phase
        hold = self.find_hold(transfer.hold_id)
        if hold is not None:
            asked = hold.pending if transfer.amount is None else transfer.amount.value
            posted = asked if phase is Phase.POST else 0
            return Moved(id_, phase, hold.debit, hold.credit, -hold.pending, posted, hold.id)
        assert transfer.debit_account is not None
        assert transfer.credit_account is not None
        assert transfer.amount is not None
        amount = transfer.amount.value
        sums = (amount, 0) if phase is Phase.PENDING else (0, amount)
        return Moved(id_, phase, transfer.debit_account, transfer.credit_account, *sums, None)

    def _side(self, account_id: UUID, before: list[UUID]) -> Side:
        if self.accounts[account_id].rule is Rule.NONE:
            return Side(account_id)
        previous = before[-1] if before else None
        return Side(account_id, len(before) + 1, self.balance(account_id), previous)

    def _left(self, transfer: Transfer, code: RefusalCode) -> tuple[int | None, int | None]:
        if code is RefusalCode.INSUFFICIENT_FUNDS and transfer.debit_account:
            return self.available(transfer.debit_account), None
        if code is RefusalCode.CREDITS_WOULD_EXCEED_DEBITS and transfer.credit_account:
            return None, self.available(transfer.credit_account)
        return None, None

    def _linked(self, transfer: Transfer) -> NaiveLine:
        return self._refused(transfer, RefusalCode.LINKED_TRANSFER_REFUSED, (None, None))

    def _refused(
        self, transfer: Transfer, code: RefusalCode, left: tuple[int | None, int | None]
    ) -> NaiveLine:
        hold = self.find_hold(transfer.hold_id)
        debit = hold.debit if hold else transfer.debit_account
        credit = hold.credit if hold else transfer.credit_account
        debit_left, credit_left = left
        return NaiveLine(
            transfer.id,
            transfer.phase,
            code,
            0 if transfer.amount is None else transfer.amount.value,
            Side(debit, balance_fen=debit_left),
            Side(credit, balance_fen=credit_left),
            transfer.hold_id,
        )
