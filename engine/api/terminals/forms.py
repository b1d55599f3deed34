"""What terminals send and get over HTTP, request by request, as JSON with names."""

from typing import Annotated
from uuid import UUID

import msgspec

from engine.api import AmountFen, Answer, CampusTime, Moment, Received, campus_time
from engine.devices import Device
from engine.purchases import Approved, PurchaseRequest
from engine.recorded_purchases import PurchaseStatus
from engine.refunds import Refunded, RefundRequest
from engine.reversals import ReversalRequest
from ledger.money import Fen
from terminals.messages import PurchaseState, ReversalState

Card = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, description="What the card said it is.")
]
Pin = Annotated[
    str, msgspec.Meta(pattern="^[0-9]{6}$", description="The six digits that the holder typed.")
]
Code = Annotated[
    str, msgspec.Meta(min_length=1, max_length=40, description="16 digits, spaces as one likes.")
]
PublicKey = Annotated[
    bytes, msgspec.Meta(min_length=32, max_length=32, description="Ed25519, in base64.")
]


class NewPurchase(Received, frozen=True, kw_only=True):
    """A purchase to be debited."""

    id: UUID | None = None
    card: Card
    amount_fen: AmountFen
    event_at: Moment
    pin: Pin | None = None

    def request(self, purchase_id: UUID) -> PurchaseRequest:
        """Return it as the campus decides it."""
        return PurchaseRequest(
            id=purchase_id,
            card=self.card,
            amount=Fen(self.amount_fen),
            event_at=self.event_at,
            pin=self.pin,
        )

    def __repr__(self) -> str:
        """Show neither card nor PIN: this text may end in a log."""
        return f"NewPurchase(id={self.id}, amount_fen={self.amount_fen})"


class ApprovedPurchase(Answer, frozen=True, kw_only=True):
    """The purchase is debited, durably. The same again gets the same answer."""

    id: UUID
    amount_fen: int
    subsidy_fen: int
    cash_fen: int
    balance_after_fen: int
    holder: str
    posted_at: CampusTime


class PurchasePlace(Received, frozen=True, kw_only=True):
    """Which purchase."""

    purchase_id: UUID


class PurchaseFound(Answer, frozen=True, kw_only=True):
    """What became of a purchase of this terminal."""

    purchase_id: UUID
    state: PurchaseState
    amount_fen: int
    refunded_fen: int
    posted_at: CampusTime | None
    code: str | None


class NewReversal(Received, frozen=True, kw_only=True):
    """A purchase that is not to stand. May be asked as often as needed: it happens once."""

    purchase_id: UUID
    event_at: Moment

    def request(self) -> ReversalRequest:
        """Return it as the campus decides it."""
        return ReversalRequest(purchase_id=self.purchase_id, event_at=self.event_at)


class ReversedPurchase(Answer, frozen=True, kw_only=True):
    """The purchase does not stand, whatever it was before."""

    purchase_id: UUID
    state: ReversalState


class NewRefund(Received, frozen=True, kw_only=True):
    """Part or all of a purchase to be given back."""

    id: UUID | None = None
    purchase_id: UUID
    amount_fen: AmountFen
    event_at: Moment

    def request(self, refund_id: UUID) -> RefundRequest:
        """Return it as the campus decides it."""
        return RefundRequest(
            id=refund_id,
            purchase_id=self.purchase_id,
            amount=Fen(self.amount_fen),
            event_at=self.event_at,
        )


class RefundedPurchase(Answer, frozen=True, kw_only=True):
    """The refund is credited, durably. The same again gets the same answer."""

    id: UUID
    amount_fen: int
    refunded_total_fen: int
    posted_at: CampusTime


class NewEnrolment(Received, frozen=True, kw_only=True):
    """A terminal's public key, and the code that staff made for this terminal."""

    code: Code
    public_key: PublicKey

    def __repr__(self) -> str:
        """Leave the code out: this text may end in a log."""
        return "NewEnrolment()"


class Enrolled(Answer, frozen=True, kw_only=True):
    """What a terminal has to know of itself from now on."""

    terminal_id: UUID
    campus: str
    kind: str
    place: str
    merchant: str | None


def approved_purchase(approved: Approved) -> ApprovedPurchase:
    """Render the answer to a purchase."""
    return ApprovedPurchase(
        id=approved.id,
        amount_fen=approved.amount.value,
        subsidy_fen=approved.subsidy.value,
        cash_fen=approved.cash.value,
        balance_after_fen=approved.balance_after.value,
        holder=approved.holder,
        posted_at=campus_time(approved.posted_at),
    )


def purchase_found(purchase_id: UUID, status: PurchaseStatus) -> PurchaseFound:
    """Render what became of a purchase."""
    return PurchaseFound(
        purchase_id=purchase_id,
        state=status.state,
        amount_fen=status.amount.value,
        refunded_fen=status.refunded.value,
        posted_at=None if status.posted_at is None else campus_time(status.posted_at),
        code=status.code,
    )


def refunded_purchase(refunded: Refunded) -> RefundedPurchase:
    """Render the answer to a refund."""
    return RefundedPurchase(
        id=refunded.id,
        amount_fen=refunded.amount.value,
        refunded_total_fen=refunded.refunded_total.value,
        posted_at=campus_time(refunded.posted_at),
    )


def enrolled(device: Device, *, campus: str) -> Enrolled:
    """Render a terminal that was enrolled."""
    return Enrolled(
        terminal_id=device.id,
        campus=campus,
        kind=device.kind,
        place=device.place,
        merchant=None if device.till is None else device.till.merchant_name,
    )
