"""Cards, as the card centre makes, changes and replaces them."""

from datetime import date
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from engine.api import AnyOperation, Call, Method, Nothing, Operation, Received
from engine.api.cards import CardPlace, CardShown, CardsShown, card_shown
from engine.api.staff.acting import ALLOWED, WORKING, StaffDesk
from engine.api.staff.people import PersonPlace
from engine.campus_errors import CardAlreadyHeld, CardNotFound, InvalidExpiry, WalletNotFound
from engine.cards import CardEvent, change_card, issue_card, list_cards, replace_card
from engine.errors import IllegalTransition, PersonNotFound
from engine.people import get_person
from engine.permissions import Permission
from engine.principals import StaffPrincipal


class CardChange(StrEnum):
    """What staff may do to a card. What needs a new card is a replacement."""

    ACTIVATE = "activate"
    REPORT_LOST = "report_lost"
    FIND = "find"
    CLOSE = "close"


_EVENTS: Final = {change: CardEvent(change.value) for change in CardChange}


class NewCard(Received, frozen=True, kw_only=True):
    """The last day on which the card is to pay."""

    expires_on: date


class ChangeOfCard(Received, frozen=True, kw_only=True):
    """What is to happen to a card."""

    event: CardChange


class CardOperations:
    """What staff do about cards."""

    def __init__(self, desk: StaffDesk) -> None:
        self._desk = desk

    async def list_cards(self, call: Call[Nothing, PersonPlace, StaffPrincipal]) -> CardsShown:
        """List a person's cards."""
        person_id = call.parameters.person_id
        async with self._desk.acting(call.principal, Permission.READ_PEOPLE) as act:
            await get_person(act.connection, person_id)
            cards = await list_cards(act.connection, person_id)
            await act.record_reading(person_id, "cards")
        return CardsShown(items=[card_shown(card) for card in cards])

    async def issue(self, call: Call[NewCard, PersonPlace, StaffPrincipal]) -> CardShown:
        """Make a person's card; it pays once it is activated."""
        async with self._desk.acting(call.principal, Permission.MANAGE_CARDS) as act:
            card = await issue_card(
                act.connection,
                call.parameters.person_id,
                expires_on=call.body.expires_on,
                actor=act.actor,
                at=act.at,
            )
        return card_shown(card)

    async def change(self, call: Call[ChangeOfCard, CardPlace, StaffPrincipal]) -> CardShown:
        """Activate a card, and so on."""
        event = _EVENTS[call.body.event]
        async with self._desk.acting(call.principal, Permission.MANAGE_CARDS) as act:
            card = await change_card(
                act.connection, call.parameters.card_id, event, actor=act.actor, at=act.at
            )
        return card_shown(card)

    async def replace(self, call: Call[NewCard, CardPlace, StaffPrincipal]) -> CardShown:
        """Put a new card, active at once, in the place of another. The money stays."""
        async with self._desk.acting(call.principal, Permission.MANAGE_CARDS) as act:
            card = await replace_card(
                act.connection,
                call.parameters.card_id,
                expires_on=call.body.expires_on,
                actor=act.actor,
                at=act.at,
            )
        return card_shown(card)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (*self._of_people(), *self._of_cards())

    def _of_people(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="list_cards",
                method=Method.GET,
                path="/v1/staff/people/{person_id}/cards",
                summary="List all cards that a person ever had; the person can see who looked",
                handler=self.list_cards,
                body=Nothing,
                parameters=PersonPlace,
                response=CardsShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, PersonNotFound),
            ),
            Operation(
                name="issue_card",
                method=Method.POST,
                path="/v1/staff/people/{person_id}/cards",
                summary="Make a person's card; it pays once it is activated",
                handler=self.issue,
                body=NewCard,
                parameters=PersonPlace,
                response=CardShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, WalletNotFound, CardAlreadyHeld, InvalidExpiry),
            ),
        )

    def _of_cards(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="change_card",
                method=Method.POST,
                path="/v1/staff/cards/{card_id}/state",
                summary="Activate a card, take it out of use or back into use, or close it",
                handler=self.change,
                body=ChangeOfCard,
                parameters=CardPlace,
                response=CardShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, CardNotFound, IllegalTransition),
            ),
            Operation(
                name="replace_card",
                method=Method.POST,
                path="/v1/staff/cards/{card_id}/replacement",
                summary="Put a new card, active at once, in the place of another",
                handler=self.replace,
                body=NewCard,
                parameters=CardPlace,
                response=CardShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, CardNotFound, IllegalTransition, InvalidExpiry),
            ),
        )
