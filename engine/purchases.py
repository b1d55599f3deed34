"""Purchases: a card, an amount, and a yes or no that holds for ever under the purchase's id.

With everything in memory a purchase costs no read: one decision, one posting. The posting carries
the condition that what was decided on still holds (`spenders.spend`), so any number of processes
may keep spenders in memory and none can be wrong for longer than one try (docs/adr/0008).

Which answers are final for the id, and which leave it free to be asked again:

- final: approved; every `Declined`, whether of ours or of the ledger (lack of funds);
- free: PinRequired and all errors of `Pins.verify`, so that the holder can try again;
  LedgerBusy, which took nothing in; LedgerUnavailable, whose outcome is open; a request that makes
  no sense (InvalidTransfer, TransferConflict, NotATill).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.bulk_reads import BulkReads
from engine.campus_errors import DeclineCode, NotATill, PinRequired, declined
from engine.chart import TransferKind
from engine.devices import Device, DeviceState, get_device
from engine.merchants import MerchantState
from engine.pins import Channel, Pins
from engine.spenders import Spender, Spenders, spend
from ledger.accounts import Account
from ledger.answers import Posted
from ledger.book import find_answers
from ledger.errors import (
    CampusError,
    EffectRefused,
    LedgerBusy,
    TransferConflict,
    TransferRefused,
)
from ledger.money import Fen
from ledger.poster import Poster
from ledger.statements import balances_at
from ledger.time import Clock, business_day
from ledger.transfers import Draw, Refuse

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_TRIES_MAX: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseRequest:
    """What a terminal asks; the same again under the same id gets the same answer."""

    id: UUID
    card: str = field(repr=False)
    amount: Fen
    event_at: datetime
    pin: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The purchase is debited, durably."""

    id: UUID
    amount: Fen
    subsidy: Fen
    """The part of it that the subsidy wallet paid; the cash wallet paid the rest."""
    cash: Fen
    balance_after: Fen
    """Both wallets together, right after this purchase."""
    holder: str
    """The holder's name with all but its last character hidden, for the cashier's eye."""
    posted_at: datetime


class Purchases:
    """Decides and posts purchases. Any number of them may work on one campus."""

    def __init__(
        self,
        pool: "Pool[Record]",
        poster: Poster,
        *,
        pins: Pins,
        clock: Clock,
        spenders_kept: int = 50_000,
    ) -> None:
        self._pool = pool
        self._poster = poster
        self._pins = pins
        self._clock = clock
        self._balances = BulkReads(self._read_balances)
        self._spenders = Spenders(pool, kept_max=spenders_kept)

    async def purchase(self, device: Device, request: PurchaseRequest) -> Approved:
        """Debit the holder of a card for the till of a terminal; return when it is on disk.

        `device` is the terminal that asks, as it was last seen. Raises Declined, PinRequired, what
        `Pins.verify` raises, TransferConflict, NotATill, LedgerBusy, LedgerUnavailable.
        """
        if device.till is None:
            raise NotATill("this terminal stands at a door")
        today = business_day(self._clock())
        spender = self._spenders.recall(request.card)
        is_fresh = is_pin_right = False
        for _ in range(_TRIES_MAX):
            code = _refusal(device, spender, request, today)
            if code is not None and is_fresh:
                return await self._decline(device, spender, request, code)
            if code is not None or (not is_fresh and _lacks_pin(spender, request)):
                # A memory may say yes; before it says no, it is read again.
                device, spender = await self._look_again(device, request)
                is_fresh = True
                continue
            assert spender is not None, "an unknown card is declined"
            draw = _draw(device, spender, request)
            if not is_pin_right and (request.pin is not None or _lacks_pin(spender, request)):
                if (posted := await self._check_pin(spender, request, draw)) is not None:
                    return await self._approved(posted, (), spender)
                is_pin_right = True
            guard = spend(
                spender, request.amount, today=today, device_id=device.id, has_pin=is_pin_right
            )
            try:
                return await self._approved(*await self._poster.draw(draw, guard), spender)
            except TransferRefused as refused:
                raise declined(refused) from refused
            except EffectRefused:
                decided_on = spender.version
                device, spender = await self._look_again(device, request)
                is_fresh = True
                if spender is None or spender.version != decided_on:
                    # Where one memory is out of date, as after an import, many may be. A limit
                    # that is reached is no such sign: nobody can empty all memory by trying.
                    self._spenders.forget_all()
        raise LedgerBusy("this person's purchases and settings change too fast")

    async def _look_again(
        self, device: Device, request: PurchaseRequest
    ) -> tuple[Device, Spender | None]:
        """Read what a decision rests on as it stands now."""
        spender = await self._spenders.read(request.card)
        async with self._pool.acquire() as connection:
            return await get_device(connection, device.id), spender

    async def _check_pin(
        self, spender: Spender, request: PurchaseRequest, draw: Draw
    ) -> Posted | None:
        """Return if the PIN is right; or return what is on record, whatever the PIN.

        Raises Declined for a refusal on record, PinRequired and what `Pins.verify` raises.
        """
        async with self._pool.acquire() as connection:
            (outcome,) = await find_answers(connection, [draw])
        match outcome:
            case Posted():
                return outcome
            case TransferRefused():
                raise declined(outcome) from outcome
            case CampusError():
                raise outcome
        if request.pin is None:
            raise PinRequired("the amount is above the limit without PIN")
        await self._pins.verify(spender.person_id, request.pin, channel=Channel.TERMINAL)
        return None

    async def _decline(
        self,
        device: Device,
        spender: Spender | None,
        request: PurchaseRequest,
        code: DeclineCode,
    ) -> Approved:
        """Decline for good, unless the purchase has its answer already; then give that."""
        try:
            await self._poster.post(
                Refuse(
                    id=request.id,
                    kind=TransferKind.PURCHASE,
                    code=code,
                    event_at=request.event_at,
                    amount=request.amount,
                    about=device.id,
                )
            )
        except TransferRefused as refused:
            raise declined(refused) from refused
        if spender is None:
            raise TransferConflict("card")
        # It was approved before. Asked again, it is compared with what is on record.
        return await self._approved(
            *await self._poster.draw(_draw(device, spender, request)), spender
        )

    async def _approved(
        self, posted: Posted, stood: Sequence[Account], spender: Spender
    ) -> Approved:
        # Cash is asked only for what the subsidy wallet lacks, which then is empty.
        subsidy = cash = balance_after = 0
        is_cash_known = False
        for line in posted.lines:
            assert line.debit_balance_fen is not None, "a wallet has a rule"
            balance_after += line.debit_balance_fen
            if line.debit_account == spender.cash_account:
                cash, is_cash_known = line.amount_fen, True
            else:
                subsidy = line.amount_fen
        if not is_cash_known and stood:
            balance_after += stood[-1].balance.value
        elif not is_cash_known:
            left = await self._balances.get((spender.cash_account, posted.posted_at))
            assert left is not None, "a spender has a cash wallet"
            balance_after += left.value
        return Approved(
            id=posted.id,
            amount=Fen(subsidy + cash),
            subsidy=Fen(subsidy),
            cash=Fen(cash),
            balance_after=Fen(balance_after),
            holder=spender.holder,
            posted_at=posted.posted_at,
        )

    async def _read_balances(
        self, wanted: Collection[tuple[UUID, datetime]]
    ) -> dict[tuple[UUID, datetime], Fen]:
        async with self._pool.acquire() as connection:
            return await balances_at(connection, wanted)


def _refusal(
    device: Device, spender: Spender | None, request: PurchaseRequest, today: date
) -> DeclineCode | None:
    """Return why a purchase is declined, or None. The first reason that applies is told."""
    assert device.till is not None, "asked at the door"
    if device.state is not DeviceState.ENROLLED:
        return DeclineCode.TERMINAL_REVOKED
    if device.till.merchant_state is not MerchantState.OPEN:
        return DeclineCode.MERCHANT_CLOSED
    if spender is None:
        return DeclineCode.CARD_UNKNOWN
    return spender.refusal(request.amount, today)


def _lacks_pin(spender: Spender | None, request: PurchaseRequest) -> bool:
    """Tell whether the amount needs the PIN and it was not given."""
    if request.pin is not None or spender is None:
        return False
    return request.amount > spender.no_pin_limit


def _draw(device: Device, spender: Spender, request: PurchaseRequest) -> Draw:
    assert device.till is not None, "asked at the door"
    return Draw(
        id=request.id,
        kind=TransferKind.PURCHASE,
        amount=request.amount,
        debit_accounts=(spender.subsidy_account, spender.cash_account),
        credit_account=device.till.payable,
        event_at=request.event_at,
        about=device.id,
    )
