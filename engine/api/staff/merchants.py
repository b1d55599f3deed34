"""Merchants, as staff list, add, close and open them."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec

from engine.api import (
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
from engine.campus_errors import InvalidName, MerchantNameTaken, MerchantNotFound
from engine.errors import IllegalTransition
from engine.merchants import (
    Merchant,
    MerchantEvent,
    MerchantState,
    add_merchant,
    change_merchant,
    list_merchants,
)
from engine.permissions import Permission
from engine.principals import StaffPrincipal

Name = Annotated[str, msgspec.Meta(max_length=100)]


class NewMerchant(Received, frozen=True, kw_only=True):
    """A merchant who is to be added."""

    name: Name


class MerchantPlace(Received, frozen=True, kw_only=True):
    """Which merchant."""

    merchant_id: UUID


class MerchantChange(Received, frozen=True, kw_only=True):
    """What is to happen to a merchant."""

    event: MerchantEvent


class MerchantShown(Answer, frozen=True, kw_only=True):
    """A merchant on record."""

    id: UUID
    name: str
    state: MerchantState
    created_at: CampusTime


class MerchantsShown(Answer, frozen=True, kw_only=True):
    """All merchants, in order of their names."""

    items: list[MerchantShown]


class MerchantOperations:
    """What staff do about merchants."""

    def __init__(self, desk: StaffDesk) -> None:
        self._desk = desk

    async def list_merchants(self, call: Call[Nothing, Nothing, StaffPrincipal]) -> MerchantsShown:
        """List all merchants; any member of staff may."""
        async with self._desk.acting(call.principal, None) as act:
            found = await list_merchants(act.connection)
        return MerchantsShown(items=[_shown(each) for each in found])

    async def add(self, call: Call[NewMerchant, Nothing, StaffPrincipal]) -> MerchantShown:
        """Add a merchant, open."""
        async with self._desk.acting(call.principal, Permission.MANAGE_MERCHANTS) as act:
            added = await add_merchant(act.connection, call.body.name, actor=act.actor, at=act.at)
        return _shown(added)

    async def change(
        self, call: Call[MerchantChange, MerchantPlace, StaffPrincipal]
    ) -> MerchantShown:
        """Close a merchant, or open it again."""
        merchant_id, event = call.parameters.merchant_id, call.body.event
        async with self._desk.acting(call.principal, Permission.MANAGE_MERCHANTS) as act:
            changed = await change_merchant(
                act.connection, merchant_id, event, actor=act.actor, at=act.at
            )
        return _shown(changed)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (
            Operation(
                name="list_merchants",
                method=Method.GET,
                path="/v1/staff/merchants",
                summary="List all merchants",
                handler=self.list_merchants,
                body=Nothing,
                parameters=Nothing,
                response=MerchantsShown,
                access=self._desk.access,
                rate_limit=WORKING,
            ),
            Operation(
                name="add_merchant",
                method=Method.POST,
                path="/v1/staff/merchants",
                summary="Add a merchant, open",
                handler=self.add,
                body=NewMerchant,
                parameters=Nothing,
                response=MerchantShown,
                status=HTTPStatus.CREATED,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, InvalidName, MerchantNameTaken),
            ),
            Operation(
                name="change_merchant",
                method=Method.POST,
                path="/v1/staff/merchants/{merchant_id}/state",
                summary="Close a merchant, whose tills then take no money, or open it again",
                handler=self.change,
                body=MerchantChange,
                parameters=MerchantPlace,
                response=MerchantShown,
                access=self._desk.access,
                rate_limit=WORKING,
                errors=(*ALLOWED, MerchantNotFound, IllegalTransition),
            ),
        )


def _shown(merchant: Merchant) -> MerchantShown:
    return MerchantShown(
        id=merchant.id,
        name=merchant.name,
        state=merchant.state,
        created_at=campus_time(merchant.created_at),
    )
