"""Loss reports (挂失): from the commit of one on, its card pays for nothing online.

Reporting needs the transaction PIN, so that nobody else can take a card out of use, and so does
the undoing, so that a thief with the phone cannot put it back.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from engine.campus_errors import CardNotFound
from engine.cards import Card, CardEvent, CardState, change_card, get_card
from engine.pins import Channel, Pins
from engine.principals import PersonPrincipal
from engine.wallets import lock_spender
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool


class LossReports:
    """Takes loss reports for people's own cards, and takes them back."""

    def __init__(self, pool: "Pool[Record]", *, pins: Pins, clock: Clock) -> None:
        self._pool = pool
        self._pins = pins
        self._clock = clock

    async def report(self, principal: PersonPrincipal, card_id: UUID, *, pin: str) -> Card:
        """Report one's own card lost; one that is lost already stays so.

        Raises CardNotFound, IllegalTransition, and what `Pins.verify` raises.
        """
        return await self._change(principal, card_id, CardEvent.REPORT_LOST, pin=pin)

    async def undo(self, principal: PersonPrincipal, card_id: UUID, *, pin: str) -> Card:
        """Put a card that was found back into use, unless it was replaced meanwhile.

        Raises the same.
        """
        return await self._change(principal, card_id, CardEvent.FIND, pin=pin)

    async def _change(
        self, principal: PersonPrincipal, card_id: UUID, event: CardEvent, *, pin: str
    ) -> Card:
        done = CardState.LOST if event is CardEvent.REPORT_LOST else CardState.ACTIVE
        await self._pins.verify(principal.person_id, pin, channel=Channel.SESSION)
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_spender(connection, principal.person_id)
            card = await get_card(connection, card_id)
            if card.person_id != principal.person_id:
                raise CardNotFound("there is no such card of this person")
            if card.state is done:
                return card
            return await change_card(
                connection, card_id, event, actor=principal.actor, at=self._clock()
            )
