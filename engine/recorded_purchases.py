"""Purchases as they stand in the books: what was paid from where, and what went back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from engine.campus_errors import DeclineCode
from engine.chart import TransferKind
from ledger.answers import Recorded
from ledger.book import LedgerConnection, find_lines
from ledger.ids import derived_id
from ledger.money import Fen
from ledger.queries import load
from ledger.transfers import draw_id
from terminals.messages import PurchaseState

_SQL = load("engine.sql", "recorded_purchases")

_NONE: Final = Fen(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPurchase:
    """A purchase that was posted."""

    id: UUID
    device_id: UUID
    payable: UUID
    """The account of the merchant."""
    person_id: UUID
    cash_account: UUID
    subsidy_account: UUID
    cash: Fen
    subsidy: Fen
    happened_at: datetime
    posted_at: datetime
    refunded: Fen
    """What was given back so far."""
    is_reversed: bool

    @property
    def paid(self) -> Fen:
        """What was paid from both wallets."""
        return self.cash + self.subsidy

    @property
    def left(self) -> Fen:
        """What can still be given back."""
        return self.paid - self.refunded


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseStatus:
    """What became of a purchase, for the terminal that asked for it."""

    state: PurchaseState
    amount: Fen = _NONE
    refunded: Fen = _NONE
    posted_at: datetime | None = None
    code: str | None = None
    """Why it was declined."""


def reversal_id(purchase_id: UUID) -> UUID:
    """Return the id under which the reversal of a purchase is posted."""
    return derived_id(purchase_id, "reversal")


async def find_purchase(connection: LedgerConnection, purchase_id: UUID) -> RecordedPurchase | None:
    """Return a purchase that was posted, if there is one under this id."""
    records = await _find_records(connection, purchase_id)
    lines = [record.line for record in records if record.line.refusal is None]
    if not lines or lines[0].kind != TransferKind.PURCHASE:
        return None
    first = lines[0]
    assert first.about is not None, "a purchase names its terminal"
    assert first.credit_account is not None, "and its merchant"
    row = await connection.fetchrow(
        _SQL.get("find_facts"), purchase_id, first.debit_account, reversal_id(purchase_id)
    )
    assert row is not None, "the payer of a purchase is a spender"
    paid = {line.debit_account: Fen(line.amount_fen) for line in lines}
    return RecordedPurchase(
        id=purchase_id,
        device_id=first.about,
        payable=first.credit_account,
        person_id=row["person_id"],
        cash_account=row["cash_account"],
        subsidy_account=row["subsidy_account"],
        cash=paid.get(row["cash_account"], _NONE),
        subsidy=paid.get(row["subsidy_account"], _NONE),
        happened_at=first.event_at,
        posted_at=records[0].posted_at,
        refunded=Fen(row["refunded_fen"]),
        is_reversed=row["is_reversed"],
    )


async def find_status(
    connection: LedgerConnection, *, purchase_id: UUID, device_id: UUID
) -> PurchaseStatus:
    """Tell a terminal what became of its purchase; one of another terminal is unknown to it."""
    records = await _find_records(connection, purchase_id)
    if (
        not records
        or records[0].line.kind != TransferKind.PURCHASE
        or records[0].line.about != device_id
    ):
        return PurchaseStatus(state=PurchaseState.UNKNOWN)
    code = records[0].line.refusal
    if code is not None:
        is_reversed = code == DeclineCode.REVERSED
        return PurchaseStatus(
            state=PurchaseState.REVERSED if is_reversed else PurchaseState.DECLINED, code=code
        )
    purchase = await find_purchase(connection, purchase_id)
    assert purchase is not None, "it is on record"
    return PurchaseStatus(
        state=PurchaseState.REVERSED if purchase.is_reversed else PurchaseState.APPROVED,
        amount=purchase.paid,
        refunded=purchase.refunded,
        posted_at=purchase.posted_at,
    )


async def _find_records(connection: LedgerConnection, purchase_id: UUID) -> list[Recorded]:
    """Return what is on record of a purchase, at most a part for each wallet, in their order."""
    ids = [draw_id(purchase_id, part) for part in range(2)]
    found = await find_lines(connection, ids)
    return [found[each] for each in ids if each in found]
