"""One's own cards: their state, loss reports and their undoing."""

from typing import TYPE_CHECKING, Final

from engine.api import AnyOperation, Call, Confidential, Method, Nothing, Operation
from engine.api.cards import CardPlace, CardShown, CardsShown, card_shown
from engine.api.me.pins import PIN_ERRORS, Pin
from engine.api.me.rates import CHANGING, LOOKING
from engine.api.sign_in_access import PersonAccess
from engine.campus_errors import CardNotFound
from engine.cards import list_cards
from engine.errors import IllegalTransition
from engine.loss_reports import LossReports
from engine.principals import PersonPrincipal
from ledger.errors import CampusError

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_ERRORS: Final[tuple[type[CampusError], ...]] = (CardNotFound, IllegalTransition, *PIN_ERRORS)


class WithPin(Confidential, frozen=True, kw_only=True):
    """The transaction PIN, to show that it is the holder who asks."""

    pin: Pin


class CardOperations:
    """What people do about their own cards."""

    def __init__(self, pool: "Pool[Record]", losses: LossReports, *, access: PersonAccess) -> None:
        self._pool = pool
        self._losses = losses
        self._access = access

    async def list_cards(self, call: Call[Nothing, Nothing, PersonPrincipal]) -> CardsShown:
        """List one's own cards."""
        async with self._pool.acquire() as connection:
            cards = await list_cards(connection, call.principal.person_id)
        return CardsShown(items=[card_shown(card) for card in cards])

    async def report_lost(self, call: Call[WithPin, CardPlace, PersonPrincipal]) -> CardShown:
        """Report a card lost: from now on it pays for nothing."""
        card_id = call.parameters.card_id
        return card_shown(await self._losses.report(call.principal, card_id, pin=call.body.pin))

    async def report_found(self, call: Call[WithPin, CardPlace, PersonPrincipal]) -> CardShown:
        """Put a card that was found back into use."""
        card_id = call.parameters.card_id
        return card_shown(await self._losses.undo(call.principal, card_id, pin=call.body.pin))

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (
            Operation(
                name="list_my_cards",
                method=Method.GET,
                path="/v1/me/cards",
                summary="List one's own cards, the newest first",
                handler=self.list_cards,
                body=Nothing,
                parameters=Nothing,
                response=CardsShown,
                access=self._access,
                rate_limit=LOOKING,
            ),
            Operation(
                name="report_my_card_lost",
                method=Method.POST,
                path="/v1/me/cards/{card_id}/loss",
                summary="Report one's own card lost: from now on it pays for nothing",
                handler=self.report_lost,
                body=WithPin,
                parameters=CardPlace,
                response=CardShown,
                access=self._access,
                rate_limit=CHANGING,
                errors=_ERRORS,
            ),
            Operation(
                name="report_my_card_found",
                method=Method.POST,
                path="/v1/me/cards/{card_id}/recovery",
                summary="Put one's own card, found again, back into use",
                handler=self.report_found,
                body=WithPin,
                parameters=CardPlace,
                response=CardShown,
                access=self._access,
                rate_limit=CHANGING,
                errors=_ERRORS,
            ),
        )
