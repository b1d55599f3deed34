"""Money that staff move: cash paid in at the desk, and refunds of purchases."""

from http import HTTPStatus
from uuid import UUID

from engine.api import (
    AmountFen,
    Answer,
    AnyOperation,
    Call,
    CampusTime,
    Method,
    Nothing,
    Operation,
    Received,
    campus_time,
)
from engine.api.staff.acting import ALLOWED, WORKING, StaffDesk
from engine.api.terminals.forms import RefundedPurchase, refunded_purchase
from engine.campus_errors import CashPaymentRefused, WalletNotFound
from engine.cash_desk import CashPayment, pay_in
from engine.permissions import Permission
from engine.principals import StaffPrincipal
from engine.refunds import RefundRequest, Refunds
from engine.staff import require
from engine.terminal_requests import REFUND_ERRORS
from ledger.errors import InvalidAmount, TransferConflict
from ledger.ids import time_of
from ledger.money import Fen


class NewCashPayment(Received, frozen=True, kw_only=True):
    """Banknotes that a person pays in."""

    id: UUID | None = None
    person_id: UUID
    amount_fen: AmountFen


class CashPaid(Answer, frozen=True, kw_only=True):
    """The cash wallet is credited. The same payment again gets the same answer."""

    id: UUID
    amount_fen: int
    cash_after_fen: int
    posted_at: CampusTime


class NewStaffRefund(Received, frozen=True, kw_only=True):
    """Part or all of a purchase to be given back."""

    id: UUID | None = None
    purchase_id: UUID
    amount_fen: AmountFen


class MoneyOperations:
    """What staff do with money."""

    def __init__(self, desk: StaffDesk, refunds: Refunds) -> None:
        self._desk = desk
        self._refunds = refunds

    async def pay_in(self, call: Call[NewCashPayment, Nothing, StaffPrincipal]) -> CashPaid:
        """Credit a person's cash wallet."""
        form = call.body
        payment = CashPayment(
            id=call.idempotency_id, person_id=form.person_id, amount=Fen(form.amount_fen)
        )
        async with self._desk.acting(call.principal, Permission.TAKE_CASH) as act:
            receipt = await pay_in(act.connection, payment, actor=act.actor, at=act.at)
        return CashPaid(
            id=receipt.id,
            amount_fen=receipt.amount.value,
            cash_after_fen=receipt.cash_after.value,
            posted_at=campus_time(receipt.posted_at),
        )

    async def refund(self, call: Call[NewStaffRefund, Nothing, StaffPrincipal]) -> RefundedPurchase:
        """Give back part or all of any purchase."""
        staff = require(call.principal, Permission.REFUND_PURCHASES)
        refund = RefundRequest(
            id=call.idempotency_id,
            purchase_id=call.body.purchase_id,
            amount=Fen(call.body.amount_fen),
            event_at=time_of(call.idempotency_id),
        )
        return refunded_purchase(await self._refunds.refund_by_staff(refund, actor=staff.actor))

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (
            Operation(
                name="pay_in_cash",
                method=Method.POST,
                path="/v1/staff/cash-payments",
                summary="Credit what a person pays in at the desk",
                handler=self.pay_in,
                body=NewCashPayment,
                parameters=Nothing,
                response=CashPaid,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(
                    *ALLOWED,
                    WalletNotFound,
                    InvalidAmount,
                    TransferConflict,
                    CashPaymentRefused,
                ),
                moves_money=True,
            ),
            Operation(
                name="refund_any_purchase",
                method=Method.POST,
                path="/v1/staff/refunds",
                summary="Give back part or all of any purchase",
                handler=self.refund,
                body=NewStaffRefund,
                parameters=Nothing,
                response=RefundedPurchase,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, *REFUND_ERRORS),
                moves_money=True,
            ),
        )
