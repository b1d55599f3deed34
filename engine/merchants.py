"""Merchants: who is paid. What the university owes one stands on its payable account."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from engine.actions import CampusAction
from engine.audit_trail import Actor, AuditEvent, Subject, record
from engine.campus_errors import InvalidName, MerchantNameTaken, MerchantNotFound
from engine.chart import AccountKind, blank_account
from engine.errors import IllegalTransition, Problem
from engine.people import text_problem
from ledger.book import LedgerConnection, open_accounts
from ledger.ids import uuid7
from ledger.queries import load

if TYPE_CHECKING:
    from asyncpg import Record

_SQL = load("engine.sql", "merchants")
_NAME_MAX: Final = 64


class MerchantState(StrEnum):
    """Whether a merchant's tills take money."""

    OPEN = "open"
    CLOSED = "closed"


class MerchantEvent(StrEnum):
    """What changes a merchant's state."""

    CLOSE = "close"
    REOPEN = "reopen"


TRANSITIONS: Final[Mapping[tuple[MerchantState, MerchantEvent], MerchantState]] = MappingProxyType(
    {
        (MerchantState.OPEN, MerchantEvent.CLOSE): MerchantState.CLOSED,
        (MerchantState.CLOSED, MerchantEvent.REOPEN): MerchantState.OPEN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A merchant on record."""

    id: UUID
    name: str
    payable: UUID
    """The account of what we owe the merchant."""
    state: MerchantState
    created_at: datetime


def check_name(field: str, name: str) -> None:
    """Refuse a name that is empty, too long for a receipt, or not printable. Raises InvalidName."""
    problem = Problem.TOO_LONG if len(name) > _NAME_MAX else text_problem(name)
    if problem is not None:
        raise InvalidName(field, problem)


async def add_merchant(
    connection: LedgerConnection, name: str, *, actor: Actor, at: datetime
) -> Merchant:
    """Add a merchant, open, with its account. Raises InvalidName, MerchantNameTaken."""
    check_name("name", name)
    merchant_id = uuid7(at)
    account = blank_account(AccountKind.MERCHANT_PAYABLE, merchant_id)
    await open_accounts(connection, [account])
    row = await connection.fetchrow(_SQL.get("add_merchant"), merchant_id, name, account.id)
    if row is None:
        raise MerchantNameTaken("another merchant has this name")
    merchant = _read(row)
    await _record(connection, CampusAction.MERCHANT_ADDED, merchant, actor=actor, at=at)
    return merchant


async def change_merchant(
    connection: LedgerConnection,
    merchant_id: UUID,
    event: MerchantEvent,
    *,
    actor: Actor,
    at: datetime,
) -> Merchant:
    """Close a merchant, whose tills take no money from the commit on, or open it again.

    Raises MerchantNotFound, IllegalTransition.
    """
    row = await connection.fetchrow(_SQL.get("lock_merchant"), merchant_id)
    if row is None:
        raise MerchantNotFound("there is no such merchant")
    before = MerchantState(row["state"])
    after = TRANSITIONS.get((before, event))
    if after is None:
        raise IllegalTransition(before, event)
    merchant = _read(await connection.fetchrow(_SQL.get("move_merchant"), merchant_id, after))
    action = CampusAction.MERCHANT_STATE_CHANGED
    await _record(connection, action, merchant, actor=actor, at=at)
    return merchant


async def list_merchants(connection: LedgerConnection) -> list[Merchant]:
    """Return all merchants in order of their names."""
    return [_read(row) for row in await connection.fetch(_SQL.get("list_merchants"))]


async def _record(
    connection: LedgerConnection,
    action: CampusAction,
    merchant: Merchant,
    *,
    actor: Actor,
    at: datetime,
) -> None:
    event = AuditEvent(
        at=at,
        actor=actor,
        action=action,
        subject=Subject(kind="merchant", id=merchant.id),
        details={"name": merchant.name, "state": merchant.state.value},
    )
    await record(connection, event)


def _read(row: "Record | None") -> Merchant:
    assert row is not None, "a locked row does not vanish"
    return Merchant(
        id=row["id"],
        name=row["name"],
        payable=row["payable"],
        state=MerchantState(row["state"]),
        created_at=row["created_at"],
    )
