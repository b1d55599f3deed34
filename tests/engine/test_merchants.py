"""Merchants: their names, their account, open and closed."""

from typing import TYPE_CHECKING

import pytest

from engine.campus_errors import InvalidName, MerchantNameTaken, MerchantNotFound
from engine.errors import IllegalTransition
from engine.merchants import (
    MerchantEvent,
    MerchantState,
    add_merchant,
    change_merchant,
    list_merchants,
)
from ledger.accounts import Rule
from ledger.book import find_accounts
from ledger.ids import uuid7
from tests.identities import START, SYSTEM

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection


async def test_a_merchant_has_an_account_without_a_rule(connection: "Connection[Record]") -> None:
    merchant = await add_merchant(connection, "第一食堂", actor=SYSTEM, at=START)
    account = (await find_accounts(connection, [merchant.payable]))[merchant.payable]
    assert (account.kind, account.rule) == ("merchant_payable", Rule.NONE)
    assert await list_merchants(connection) == [merchant]


async def test_a_merchant_closes_and_opens_again(connection: "Connection[Record]") -> None:
    merchant = await add_merchant(connection, "第一食堂", actor=SYSTEM, at=START)
    for event, state in (
        (MerchantEvent.CLOSE, MerchantState.CLOSED),
        (MerchantEvent.REOPEN, MerchantState.OPEN),
    ):
        changed = await change_merchant(connection, merchant.id, event, actor=SYSTEM, at=START)
        assert changed.state is state
        with pytest.raises(IllegalTransition):
            await change_merchant(connection, merchant.id, event, actor=SYSTEM, at=START)


async def test_two_merchants_do_not_share_a_name(connection: "Connection[Record]") -> None:
    await add_merchant(connection, "第一食堂", actor=SYSTEM, at=START)
    with pytest.raises(MerchantNameTaken):
        await add_merchant(connection, "第一食堂", actor=SYSTEM, at=START)


@pytest.mark.parametrize("name", ["", " x", "x" * 65, "a\nb"])
async def test_a_name_must_fit_a_receipt(connection: "Connection[Record]", name: str) -> None:
    with pytest.raises(InvalidName):
        await add_merchant(connection, name, actor=SYSTEM, at=START)


async def test_who_does_not_exist_is_not_closed(connection: "Connection[Record]") -> None:
    with pytest.raises(MerchantNotFound):
        await change_merchant(connection, uuid7(), MerchantEvent.CLOSE, actor=SYSTEM, at=START)
