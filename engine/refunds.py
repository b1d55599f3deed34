"""Refunds: a merchant gives money of a purchase back, in parts or whole, never more than was paid.

The money goes back to the wallets it came from, the last taken first: cash, then subsidy. So the
wallets stand as if the purchase had been that much smaller.

One row for each purchase says how much went back. A refund is decided over it and posted on the
condition that it still stands: of two refunds at once, or a refund and a reversal, the second is
decided again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.actions import CampusAction
from engine.audit_trail import Actor, ActorKind, AuditEvent, Subject, record
from engine.campus_errors import DeclineCode, Declined, NotATill, declined
from engine.chart import TransferKind
from engine.devices import Device, DeviceState, get_device
from engine.recorded_purchases import RecordedPurchase, find_purchase
from engine.spenders import give_back
from ledger.answers import Posted
from ledger.book import Asked, LedgerConnection, find_lines, post
from ledger.errors import (
    CampusError,
    EffectRefused,
    InvalidAmount,
    LedgerBusy,
    RefusalCode,
    TransferConflict,
    TransferRefused,
)
from ledger.ids import derived_id
from ledger.money import Fen
from ledger.poster import Poster
from ledger.queries import load
from ledger.time import Clock, business_day
from ledger.transfers import Effect, Entry, Refuse, Transfer

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_SQL = load("engine.sql", "refunds")

_TRIES_MAX: Final = 10
_LINKED: Final = RefusalCode.LINKED_TRANSFER_REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What is asked; the same again under the same id gets the same answer."""

    id: UUID
    purchase_id: UUID
    amount: Fen
    event_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """The refund is credited, durably."""

    id: UUID
    amount: Fen
    refunded_total: Fen
    """What of the purchase was given back up to and with this."""
    posted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """At which terminal or by which member of staff money is given back."""

    device_id: UUID | None = None
    staff_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBack:
    """Money of a purchase on its way back, as decided over what went back before."""

    id: UUID
    kind: TransferKind
    purchase: RecordedPurchase
    amount: Fen
    event_at: datetime
    asker: Asker

    def entry(self) -> Entry:
        """Return the transfers to the wallets that the money came from."""
        purchase = self.purchase
        to_cash = min(self.amount, max(purchase.cash - purchase.refunded, Fen(0)))
        shares = (
            (purchase.cash_account, to_cash),
            (purchase.subsidy_account, self.amount - to_cash),
        )
        parts = [(wallet, share) for wallet, share in shares if share]
        return Entry(*(self._part(index, *part) for index, part in enumerate(parts)))

    def effects(self) -> tuple[Effect, Effect]:
        """Return the condition that no other money went back meanwhile, and the day's limit."""
        purchase = self.purchase
        row = (
            self.id,
            purchase.id,
            purchase.paid.value,
            purchase.refunded.value,
            self.amount.value,
            self.asker.device_id,
            self.asker.staff_id,
        )
        day = business_day(purchase.happened_at)
        return (
            Effect(_SQL.get("add_refund"), row),
            give_back(purchase.person_id, day=day, amount=self.amount),
        )

    def _part(self, index: int, wallet: UUID, amount: Fen) -> Transfer:
        return Transfer(
            id=part_ids(self.id)[index],
            kind=self.kind,
            event_at=self.event_at,
            amount=amount,
            debit_account=self.purchase.payable,
            credit_account=wallet,
            about=self.purchase.id,
        )


PostMoneyBack = Callable[[MoneyBack], Awaitable[Posted]]


class Refunds:
    """Gives money of purchases back, at a terminal of the merchant or by staff."""

    def __init__(self, pool: "Pool[Record]", poster: Poster, *, clock: Clock) -> None:
        self._pool = pool
        self._poster = poster
        self._clock = clock

    async def refund(self, device: Device, request: RefundRequest) -> Refunded:
        """Refund a purchase of a terminal's merchant, whichever of its tills took it.

        Raises Declined, NotATill, InvalidAmount, TransferConflict, LedgerBusy, LedgerUnavailable.
        """
        if device.till is None:
            raise NotATill("this terminal stands at a door")

        async def post_at_once(back: MoneyBack) -> Posted:
            return await self._poster.post(back.entry(), *back.effects())

        return await self._refund(request, Asker(device_id=device.id), post_at_once)

    async def refund_by_staff(self, request: RefundRequest, *, actor: Actor) -> Refunded:
        """Refund any purchase, and record which member of staff did. Raises the same."""
        assert actor.kind is ActorKind.STAFF, "a refund is asked by somebody who can be asked back"

        async def post_and_record(back: MoneyBack) -> Posted:
            async with self._pool.acquire() as connection, connection.transaction():
                (outcome,) = await post(connection, [Asked(back.entry(), back.effects())])
                if isinstance(outcome, Posted):
                    await record(connection, _event(back, actor=actor, at=self._clock()))
            if isinstance(outcome, CampusError):
                raise outcome
            return outcome

        return await self._refund(request, Asker(staff_id=actor.id), post_and_record)

    async def _refund(
        self, request: RefundRequest, asker: Asker, post_back: PostMoneyBack
    ) -> Refunded:
        if request.amount <= Fen(0):
            raise InvalidAmount("nothing is given back")
        for _ in range(_TRIES_MAX):
            async with self._pool.acquire() as connection:
                if (answer := await _find_answer(connection, request, asker)) is not None:
                    return answer
                purchase = await find_purchase(connection, request.purchase_id)
                code = await _refusal(connection, purchase, request, asker)
            try:
                if code is not None:
                    await self._poster.post(_refuse(request, code))
                    continue
                assert purchase is not None, "one that is unknown is refused"
                back = MoneyBack(
                    id=request.id,
                    kind=TransferKind.REFUND,
                    purchase=purchase,
                    amount=request.amount,
                    event_at=request.event_at,
                    asker=asker,
                )
                await post_back(back)
            except TransferRefused as refused:
                raise declined(refused) from refused
            except (EffectRefused, TransferConflict):
                continue  # what it was decided on has changed, or the same refund came in between
        raise LedgerBusy("too much of this purchase is given back at once")


def part_ids(refund_id: UUID) -> tuple[UUID, UUID]:
    """Return the ids of the transfers of a refund or reversal, which has one or both."""
    return refund_id, derived_id(refund_id, "part 1")


async def _find_answer(
    connection: LedgerConnection, request: RefundRequest, asker: Asker
) -> Refunded | None:
    """Return the answer that is on record. Raises Declined, TransferConflict."""
    records = await find_lines(connection, part_ids(request.id))
    recorded = records.get(request.id)
    if recorded is None:
        return None
    line = recorded.line
    if line.refusal is not None:
        _compare(kind=line.kind == TransferKind.REFUND, about=line.about == request.purchase_id)
        codes = [each.line.refusal for each in records.values()]
        raise Declined(next(code for code in codes if code != _LINKED and code is not None))
    row = await connection.fetchrow(_SQL.get("find_refund"), request.id)
    _compare(
        kind=line.kind == TransferKind.REFUND and row is not None,
        about=line.about == request.purchase_id,
        event_at=line.event_at == request.event_at,
    )
    assert row is not None, "it was just compared"
    _compare(
        amount=row["amount_fen"] == request.amount.value,
        terminal=row["device_id"] == asker.device_id and row["staff_id"] == asker.staff_id,
    )
    return Refunded(
        id=request.id,
        amount=request.amount,
        refunded_total=Fen(row["total_fen"]),
        posted_at=recorded.posted_at,
    )


def _compare(**is_same: bool) -> None:
    """Raise TransferConflict for the first field that is not the same as on record."""
    for field, same in is_same.items():
        if not same:
            raise TransferConflict(field)


async def _refusal(
    connection: LedgerConnection,
    purchase: RecordedPurchase | None,
    request: RefundRequest,
    asker: Asker,
) -> DeclineCode | None:
    """Return why a refund is declined, or None. The first reason that applies is told."""
    if asker.device_id is not None:
        device = await get_device(connection, asker.device_id)
        if device.state is not DeviceState.ENROLLED:
            return DeclineCode.TERMINAL_REVOKED
        if device.till is None or purchase is None or purchase.payable != device.till.payable:
            return DeclineCode.PURCHASE_NOT_FOUND
    if purchase is None:
        return DeclineCode.PURCHASE_NOT_FOUND
    return DeclineCode.REFUND_EXCEEDS_PURCHASE if request.amount > purchase.left else None


def _refuse(request: RefundRequest, code: DeclineCode) -> Refuse:
    return Refuse(
        id=request.id,
        kind=TransferKind.REFUND,
        code=code,
        event_at=request.event_at,
        amount=request.amount,
        about=request.purchase_id,
    )


def _event(back: MoneyBack, *, actor: Actor, at: datetime) -> AuditEvent:
    return AuditEvent(
        at=at,
        actor=actor,
        action=CampusAction.PURCHASE_REFUNDED,
        subject=Subject(kind="person", id=back.purchase.person_id),
        details={
            "refund_id": str(back.id),
            "purchase_id": str(back.purchase.id),
            "amount_fen": back.amount.value,
        },
    )
