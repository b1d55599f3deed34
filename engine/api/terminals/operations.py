"""The operations of `/v1/terminals`: what the link does, one request at a time."""

from http import HTTPStatus
from typing import Final

from engine.api import Anybody, AnyOperation, Call, Method, Nothing, Operation, RateLimit, Visitor
from engine.api.terminals.access import Terminal, TerminalAccess
from engine.api.terminals.forms import (
    ApprovedPurchase,
    Enrolled,
    NewEnrolment,
    NewPurchase,
    NewRefund,
    NewReversal,
    PurchaseFound,
    PurchasePlace,
    RefundedPurchase,
    ReversedPurchase,
    approved_purchase,
    enrolled,
    purchase_found,
    refunded_purchase,
)
from engine.campus_errors import EnrolmentPaused, InvalidEnrolment
from engine.enrolments import Enrolments
from engine.terminal_requests import (
    PURCHASE_ERRORS,
    REFUND_ERRORS,
    REVERSAL_ERRORS,
    TerminalRequests,
)

SELLING: Final = RateLimit(name="selling", burst=2_000, per_second=1_000)
"""For one terminal: more than any queue of people, less than what would hold up the others."""
ENROLLING: Final = RateLimit(name="enrolling", burst=20, per_second=0.5)
"""For one address, from which many terminals may be set up. Wrong codes are paused besides."""


class TerminalOperations:
    """Enrols terminals and carries out what they ask."""

    def __init__(
        self,
        requests: TerminalRequests,
        enrolments: Enrolments,
        *,
        access: TerminalAccess,
        campus: str,
    ) -> None:
        self._requests = requests
        self._enrolments = enrolments
        self._access = access
        self._campus = campus

    async def enrol(self, call: Call[NewEnrolment, Nothing, Visitor]) -> Enrolled:
        """Take a terminal's key in."""
        device = await self._enrolments.enrol(
            call.body.code, public_key=call.body.public_key, address=call.principal.key
        )
        return enrolled(device, campus=self._campus)

    async def purchase(self, call: Call[NewPurchase, Nothing, Terminal]) -> ApprovedPurchase:
        """Debit a card for the till of this terminal."""
        request = call.body.request(call.idempotency_id)
        return approved_purchase(await self._requests.purchase(call.principal.device, request))

    async def show_purchase(self, call: Call[Nothing, PurchasePlace, Terminal]) -> PurchaseFound:
        """Tell what became of a purchase."""
        purchase_id = call.parameters.purchase_id
        status = await self._requests.status(call.principal.device, purchase_id)
        return purchase_found(purchase_id, status)

    async def reverse(self, call: Call[NewReversal, Nothing, Terminal]) -> ReversedPurchase:
        """See to it that a purchase does not stand."""
        state = await self._requests.reverse(call.principal.device, call.body.request())
        return ReversedPurchase(purchase_id=call.body.purchase_id, state=state)

    async def refund(self, call: Call[NewRefund, Nothing, Terminal]) -> RefundedPurchase:
        """Give back part or all of a purchase."""
        request = call.body.request(call.idempotency_id)
        return refunded_purchase(await self._requests.refund(call.principal.device, request))

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (self._enrolment(), *self._of_purchases(), *self._of_money_back())

    def _enrolment(self) -> AnyOperation:
        return Operation(
            name="enrol_terminal",
            method=Method.POST,
            path="/v1/terminals/enrolments",
            summary="Hand in a terminal's public key with its one-time code",
            handler=self.enrol,
            body=NewEnrolment,
            parameters=Nothing,
            response=Enrolled,
            status=HTTPStatus.CREATED,
            access=Anybody(),
            rate_limit=ENROLLING,
            errors=(InvalidEnrolment, EnrolmentPaused),
        )

    def _of_purchases(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="purchase",
                method=Method.POST,
                path="/v1/terminals/purchases",
                summary="Debit a card for the till of this terminal",
                handler=self.purchase,
                body=NewPurchase,
                parameters=Nothing,
                response=ApprovedPurchase,
                status=HTTPStatus.CREATED,
                access=self._access,
                rate_limit=SELLING,
                errors=PURCHASE_ERRORS,
                moves_money=True,
            ),
            Operation(
                name="show_purchase",
                method=Method.GET,
                path="/v1/terminals/purchases/{purchase_id}",
                summary="Ask what became of a purchase of this terminal",
                handler=self.show_purchase,
                body=Nothing,
                parameters=PurchasePlace,
                response=PurchaseFound,
                access=self._access,
                rate_limit=SELLING,
            ),
        )

    def _of_money_back(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="reverse_purchase",
                method=Method.POST,
                path="/v1/terminals/reversals",
                summary="Undo a purchase of this terminal, or prevent it; as often as needed",
                handler=self.reverse,
                body=NewReversal,
                parameters=Nothing,
                response=ReversedPurchase,
                access=self._access,
                rate_limit=SELLING,
                errors=REVERSAL_ERRORS,
            ),
            Operation(
                name="refund_purchase",
                method=Method.POST,
                path="/v1/terminals/refunds",
                summary="Give back part or all of a purchase of this merchant",
                handler=self.refund,
                body=NewRefund,
                parameters=Nothing,
                response=RefundedPurchase,
                status=HTTPStatus.CREATED,
                access=self._access,
                rate_limit=SELLING,
                errors=REFUND_ERRORS,
                moves_money=True,
            ),
        )
