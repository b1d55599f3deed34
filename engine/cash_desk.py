"""The cash desk: people pay banknotes in, and staff credit their cash wallet."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine.actions import CampusAction
from engine.audit_trail import Actor, ActorKind, AuditEvent, Subject, record
from engine.campus_errors import CashPaymentRefused, WalletNotFound
from engine.chart import AccountKind, TransferKind, account_id
from ledger.answers import Posted
from ledger.book import Asked, LedgerConnection, post
from ledger.errors import CampusError, InvalidAmount, RefusalCode, TransferRefused
from ledger.ids import time_of
from ledger.money import Fen
from ledger.queries import load
from ledger.transfers import Entry, Transfer

_SQL = load("engine.sql", "cash_desk")


@dataclass(frozen=True, slots=True, kw_only=True)
class CashPayment:
    """Cash that a person pays in. The id is made before it is first asked."""

    id: UUID
    person_id: UUID
    amount: Fen


@dataclass(frozen=True, slots=True, kw_only=True)
class CashReceipt:
    """The payment is credited, durably once the transaction commits."""

    id: UUID
    amount: Fen
    cash_after: Fen
    """The cash wallet right after it."""
    posted_at: datetime


async def pay_in(
    connection: LedgerConnection, payment: CashPayment, *, actor: Actor, at: datetime
) -> CashReceipt:
    """Credit a person's cash wallet, in the caller's transaction.

    The same payment again gets the same receipt and is not recorded again. Raises WalletNotFound,
    InvalidAmount, TransferConflict, and CashPaymentRefused when the wallet is closed.
    """
    if payment.amount <= Fen(0):
        raise InvalidAmount("cash is paid in, not out")
    # Who asks the same at the same time waits here, and is then answered from the record.
    is_first = await connection.fetchval(
        _SQL.get("add_payment"),
        payment.id,
        payment.person_id,
        payment.amount.value,
        actor.id if actor.kind is ActorKind.STAFF else None,
        at,
    )
    (outcome,) = await post(connection, [Asked(Entry(_transfer(payment)))])
    if isinstance(outcome, TransferRefused):
        if outcome.code == RefusalCode.CREDIT_ACCOUNT_NOT_FOUND:
            raise WalletNotFound("this person has no wallets")
        raise CashPaymentRefused(outcome.code) from outcome
    if isinstance(outcome, CampusError):
        raise outcome
    if is_first:
        await _record(connection, payment, actor=actor, at=at)
    return _receipt(outcome)


def _transfer(payment: CashPayment) -> Transfer:
    return Transfer(
        id=payment.id,
        kind=TransferKind.CASH_PAYMENT,
        event_at=time_of(payment.id),
        amount=payment.amount,
        debit_account=account_id(AccountKind.CASH_DESK),
        credit_account=account_id(AccountKind.CASH_WALLET, payment.person_id),
        about=payment.person_id,
    )


def _receipt(posted: Posted) -> CashReceipt:
    (line,) = posted.lines
    assert line.credit_balance_fen is not None, "a wallet has a rule"
    return CashReceipt(
        id=posted.id,
        amount=Fen(line.amount_fen),
        cash_after=Fen(line.credit_balance_fen),
        posted_at=posted.posted_at,
    )


async def _record(
    connection: LedgerConnection, payment: CashPayment, *, actor: Actor, at: datetime
) -> None:
    event = AuditEvent(
        at=at,
        actor=actor,
        action=CampusAction.CASH_PAID_IN,
        subject=Subject(kind="person", id=payment.person_id),
        details={"payment_id": str(payment.id), "amount_fen": payment.amount.value},
    )
    await record(connection, event)
