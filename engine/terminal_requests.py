"""What terminals ask, carried out: the same for the link and for HTTP (docs/terminal-protocol.md).

A yes or no is an answer. Only an outcome that is not known is raised: the terminal then hears that
it is open, and asks again or reverses.
"""

import time
from typing import TYPE_CHECKING, Final, assert_never
from uuid import UUID

from engine.api.link_connection import TerminalSession
from engine.campus_errors import Declined, NotATill, PinRequired, PurchaseNotFound, ReversalTooLate
from engine.decline_texts import decline_text
from engine.devices import Device
from engine.errors import PinNotSet, PinPaused, PinWrong, TooBusy
from engine.purchase_figures import APPROVED, PurchaseFigures
from engine.purchases import Approved, PurchaseRequest, Purchases
from engine.recorded_purchases import PurchaseStatus, find_status
from engine.refunds import Refunded, RefundRequest, Refunds
from engine.reversals import ReversalRequest, Reversals
from ledger.errors import (
    CampusError,
    InvalidAmount,
    InvalidTransfer,
    LedgerBusy,
    LedgerUnavailable,
    TransferConflict,
)
from ledger.money import Fen
from ledger.writer import LOST
from terminals import messages
from terminals.messages import from_moment, to_moment

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

PURCHASE_ERRORS: Final[tuple[type[CampusError], ...]] = (
    InvalidTransfer,
    NotATill,
    Declined,
    PinRequired,
    PinNotSet,
    PinPaused,
    PinWrong,
    TooBusy,
    TransferConflict,
    LedgerBusy,
    LedgerUnavailable,
)
REVERSAL_ERRORS: Final[tuple[type[CampusError], ...]] = (
    InvalidTransfer,
    PurchaseNotFound,
    ReversalTooLate,
    Declined,
    LedgerBusy,
    LedgerUnavailable,
)
REFUND_ERRORS: Final[tuple[type[CampusError], ...]] = (
    InvalidTransfer,
    InvalidAmount,
    NotATill,
    Declined,
    TransferConflict,
    LedgerBusy,
    LedgerUnavailable,
)

_UNDECIDED: Final = "undecided"


class TerminalRequests:
    """Carries out what terminals ask, by whichever door, and counts their purchases."""

    def __init__(
        self,
        pool: "Pool[Record]",
        *,
        purchases: Purchases,
        reversals: Reversals,
        refunds: Refunds,
        figures: PurchaseFigures,
    ) -> None:
        self._pool = pool
        self._purchases = purchases
        self._reversals = reversals
        self._refunds = refunds
        self._figures = figures

    async def handle(self, session: TerminalSession, request: messages.Request) -> messages.Answer:
        """Answer one request of the link. Raises LedgerUnavailable: the outcome is open."""
        try:
            return await self._answer(session.device, request)
        except LedgerUnavailable:
            raise
        except CampusError as error:
            return _no(request.no, error)
        except LOST as error:
            raise LedgerUnavailable("the database cannot be reached") from error

    async def purchase(self, device: Device, request: PurchaseRequest) -> Approved:
        """Debit a card for a till. Raises PURCHASE_ERRORS."""
        started = time.perf_counter()
        outcome = _UNDECIDED
        try:
            approved = await self._purchases.purchase(device, request)
            outcome = APPROVED
        except CampusError as error:
            outcome = error.code
            raise
        finally:
            self._figures.took(outcome, time.perf_counter() - started)
        return approved

    async def reverse(self, device: Device, request: ReversalRequest) -> messages.ReversalState:
        """See to it that a purchase does not stand. Raises REVERSAL_ERRORS."""
        if request.purchase_id.version != 7:  # noqa: PLR2004  RFC 9562 calls it version 7
            raise InvalidTransfer("purchase_id", "must be a UUIDv7")
        return await self._reversals.reverse(device, request)

    async def refund(self, device: Device, request: RefundRequest) -> Refunded:
        """Give back part or all of a purchase. Raises REFUND_ERRORS."""
        return await self._refunds.refund(device, request)

    async def status(self, device: Device, purchase_id: UUID) -> PurchaseStatus:
        """Tell what became of a purchase of this terminal."""
        async with self._pool.acquire() as connection:
            return await find_status(connection, purchase_id=purchase_id, device_id=device.id)

    async def _answer(self, device: Device, request: messages.Request) -> messages.Answer:
        match request:
            case messages.Purchase():
                return _approved(request, await self.purchase(device, _purchase(request)))
            case messages.Reversal():
                state = await self.reverse(device, _reversal(request))
                return messages.Reversed(no=request.no, id=request.id, state=state)
            case messages.Refund():
                return _refunded(request, await self.refund(device, _refund(request)))
            case messages.Query():
                return _status(request, await self.status(device, request.purchase_id))
            case messages.Ping():
                raise RuntimeError("the link answers a ping itself")
            case _:
                assert_never(request)


def _purchase(request: messages.Purchase) -> PurchaseRequest:
    return PurchaseRequest(
        id=request.id,
        card=request.card,
        amount=Fen(request.amount_fen),
        event_at=from_moment(request.event_at),
        pin=request.pin,
    )


def _reversal(request: messages.Reversal) -> ReversalRequest:
    return ReversalRequest(purchase_id=request.purchase_id, event_at=from_moment(request.event_at))


def _refund(request: messages.Refund) -> RefundRequest:
    return RefundRequest(
        id=request.id,
        purchase_id=request.purchase_id,
        amount=Fen(request.amount_fen),
        event_at=from_moment(request.event_at),
    )


def _approved(request: messages.Purchase, approved: Approved) -> messages.Approved:
    return messages.Approved(
        no=request.no,
        id=approved.id,
        amount_fen=approved.amount.value,
        subsidy_fen=approved.subsidy.value,
        cash_fen=approved.cash.value,
        balance_after_fen=approved.balance_after.value,
        posted_at=to_moment(approved.posted_at),
        holder=approved.holder,
    )


def _refunded(request: messages.Refund, refunded: Refunded) -> messages.Refunded:
    return messages.Refunded(
        no=request.no,
        id=refunded.id,
        amount_fen=refunded.amount.value,
        refunded_total_fen=refunded.refunded_total.value,
        posted_at=to_moment(refunded.posted_at),
    )


def _status(query: messages.Query, status: PurchaseStatus) -> messages.Status:
    return messages.Status(
        no=query.no,
        purchase_id=query.purchase_id,
        state=status.state,
        amount_fen=status.amount.value,
        refunded_fen=status.refunded.value,
        posted_at=None if status.posted_at is None else to_moment(status.posted_at),
        code=status.code,
    )


def _no(no: int, error: CampusError) -> messages.Declined:
    needed, available = None, None
    if isinstance(error, Declined):
        needed, available = error.needed, error.available
    return messages.Declined(
        no=no,
        code=error.code,
        transient=error.transient,
        text=decline_text(error.code),
        needed_fen=None if needed is None else needed.value,
        available_fen=None if available is None else available.value,
    )
