"""Reversals (冲正): a terminal takes a purchase back whose answer it never got.

What is asked first is that the purchase's id be refused. If nothing was posted under it, nothing
ever will be, so a reversal may overtake its purchase. If the purchase was posted, all that is left
of it goes back to the wallets it came from, under an id derived from the purchase's own: however
often it is asked, it happens once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.campus_errors import (
    DeclineCode,
    Declined,
    PurchaseNotFound,
    ReversalTooLate,
    declined,
)
from engine.campus_settings import get_settings
from engine.chart import TransferKind
from engine.devices import Device, find_enrolled
from engine.recorded_purchases import find_purchase, reversal_id
from engine.refunds import Asker, MoneyBack
from ledger.errors import EffectRefused, LedgerBusy, TransferConflict, TransferRefused
from ledger.poster import Poster
from ledger.time import Clock
from ledger.transfers import Refuse
from terminals.messages import ReversalState

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_TRIES_MAX: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalRequest:
    """What a terminal asks; it may ask again as often as it likes."""

    purchase_id: UUID
    event_at: datetime


class Reversals:
    """Undoes or prevents purchases for the terminal that made them."""

    def __init__(self, pool: "Pool[Record]", poster: Poster, *, clock: Clock) -> None:
        self._pool = pool
        self._poster = poster
        self._clock = clock

    async def reverse(self, device: Device, request: ReversalRequest) -> ReversalState:
        """See to it that a purchase does not stand; return what was found, on disk.

        Raises PurchaseNotFound for what another terminal posted, ReversalTooLate, Declined when the
        terminal is revoked or the ledger cannot give it back, LedgerBusy, LedgerUnavailable.
        """
        try:
            await self._poster.post(_burn(device, request))
        except TransferRefused as refused:
            is_ours = refused.code == DeclineCode.REVERSED
            return ReversalState.PREVENTED if is_ours else ReversalState.NOTHING_TO_UNDO
        for _ in range(_TRIES_MAX):
            async with self._pool.acquire() as connection:
                purchase = await find_purchase(connection, request.purchase_id)
                is_revoked = await find_enrolled(connection, device.id) is None
                window = (await get_settings(connection)).reversal_window
            if purchase is None or purchase.device_id != device.id:
                raise PurchaseNotFound("no purchase of this terminal has this id")
            if purchase.is_reversed:
                return ReversalState.UNDONE
            if is_revoked:
                raise Declined(DeclineCode.TERMINAL_REVOKED)
            if not purchase.left:
                return ReversalState.NOTHING_TO_UNDO
            if self._clock() > purchase.posted_at + window:
                raise ReversalTooLate("only staff can give this purchase back now")
            back = MoneyBack(
                id=reversal_id(purchase.id),
                kind=TransferKind.REVERSAL,
                purchase=purchase,
                amount=purchase.left,
                event_at=request.event_at,
                asker=Asker(device_id=device.id),
            )
            try:
                await self._poster.post(back.entry(), *back.effects())
            except TransferRefused as refused:
                raise declined(refused) from refused
            except (EffectRefused, TransferConflict):
                continue  # a refund or the same reversal came in between
            return ReversalState.UNDONE
        raise LedgerBusy("too much of this purchase is given back at once")


def _burn(device: Device, request: ReversalRequest) -> Refuse:
    return Refuse(
        id=request.purchase_id,
        kind=TransferKind.PURCHASE,
        code=DeclineCode.REVERSED,
        event_at=request.event_at,
        about=device.id,
    )
