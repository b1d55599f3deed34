"""Refusals in their published order.

The rows of a table are a ladder: each request breaks the rule of its row and, as far as one
request can, those of all rows below it. So each row shows that its rule is looked at first.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

import pytest

from ledger.accounts import Account, Rule, new_account
from ledger.answers import Outcome, Posted
from ledger.book import (
    Asked,
    LedgerConnection,
    close_account,
    find_accounts,
    find_lines,
    open_accounts,
    post,
)
from ledger.errors import TRANSIENT_REFUSALS, RefusalCode, TransferRefused
from ledger.ids import uuid7
from ledger.money import AMOUNT_MAX_FEN
from ledger.transfers import Entry, Phase, Transfer
from tests.ledger.accounts_in import pay_in
from tests.ledger.asking import end, hold, single

if TYPE_CHECKING:
    from asyncpg import Connection, Record

TOO_LARGE: Final = AMOUNT_MAX_FEN + 1
POSTED: Final = "posted"

STARTS: Final = [
    # debit, credit, amount, answer
    ("nobody", "nobody", 0, "amount_must_be_positive"),
    ("nobody", "nobody", -1, "amount_must_be_positive"),
    ("nobody", "nobody", TOO_LARGE, "amount_too_large"),
    ("nobody", "nobody", 1000, "accounts_must_differ"),
    ("poor", "poor", 1000, "accounts_must_differ"),
    ("nobody", "nobody_else", 1000, "debit_account_not_found"),
    ("closed_poor", "nobody", 1000, "credit_account_not_found"),
    ("closed_poor", "closed_meter", 1000, "units_must_match"),
    ("closed_poor", "closed_safe", 1000, "debit_account_closed"),
    ("poor", "closed_safe", 1000, "credit_account_closed"),
    ("poor", "safe", 1000, "insufficient_funds"),
    ("poor", "shop", 101, "insufficient_funds"),
    ("bank", "safe", 101, "credits_would_exceed_debits"),
    ("poor", "safe", 100, POSTED),
    ("bank", "shop", AMOUNT_MAX_FEN, POSTED),
]
ENDS: Final = [
    # phase, hold, amount, answer; every hold is of 100
    ("post", "nothing", 0, "amount_must_be_positive"),
    ("post", "voided", -1, "amount_must_be_positive"),
    ("post", "nothing", TOO_LARGE, "amount_too_large"),
    ("post", "posted", TOO_LARGE, "amount_too_large"),
    ("post", "nothing", 1000, "hold_not_found"),
    ("void", "nothing", None, "hold_not_found"),
    ("expire", "nothing", None, "hold_not_found"),
    ("post", "refused", None, "hold_not_found"),
    ("post", "no_hold", None, "hold_not_found"),
    ("post", "posted", 1000, "hold_already_posted"),
    ("post", "partly_posted", 1, "hold_already_posted"),
    ("void", "posted", None, "hold_already_posted"),
    ("expire", "posted", None, "hold_already_posted"),
    ("post", "voided", 1000, "hold_already_voided"),
    ("void", "voided", None, "hold_already_voided"),
    ("expire", "voided", None, "hold_already_voided"),
    ("post", "expired", 1000, "hold_already_expired"),
    ("void", "expired", None, "hold_already_expired"),
    ("expire", "expired", None, "hold_already_expired"),
    ("post", "open", 101, "amount_exceeds_hold"),
    ("post", "open", 100, POSTED),
    ("post", "open", 1, POSTED),
    ("post", "open", None, POSTED),
    ("void", "open", None, POSTED),
    ("expire", "open", None, POSTED),
]
LINKED: Final = RefusalCode.LINKED_TRANSFER_REFUSED


@dataclass(frozen=True, slots=True)
class Town:
    """Accounts and holds by the names that the tables use."""

    connection: LedgerConnection
    ids: dict[str, UUID]

    async def ask(self, *transfers: Transfer) -> Outcome:
        (outcome,) = await post(self.connection, [Asked(Entry(*transfers))])
        return outcome

    def single(self, debit: str, credit: str, amount_fen: int) -> Transfer:
        return single(self.ids[debit], self.ids[credit], amount_fen)

    def hold(self, debit: str, credit: str, amount_fen: int) -> Transfer:
        return hold(self.ids[debit], self.ids[credit], amount_fen)

    async def accounts(self) -> dict[UUID, Account]:
        return await find_accounts(self.connection, self.ids.values())


@pytest.fixture
async def town(connection: "Connection[Record]") -> Town:
    wallet, safe = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS, Rule.CREDITS_MUST_NOT_EXCEED_DEBITS
    accounts = {
        "bank": new_account(uuid7(), "bank"),
        "shop": new_account(uuid7(), "shop"),
        "poor": new_account(uuid7(), "wallet", rule=wallet),
        "closed_poor": new_account(uuid7(), "wallet", rule=wallet),
        "safe": new_account(uuid7(), "safe", rule=safe),
        "closed_safe": new_account(uuid7(), "safe", rule=safe),
        "closed_meter": new_account(uuid7(), "meter", rule=safe, unit="kWh"),
    }
    ids = {name: account.id for name, account in accounts.items()}
    await open_accounts(connection, list(accounts.values()))
    for name, id_ in ids.items():
        if name.startswith("closed"):
            await close_account(connection, id_)
    await pay_in(
        connection,
        [(ids["bank"], ids["poor"], 100), (ids["safe"], ids["bank"], 100)],
    )
    return Town(connection, ids | {"nobody": uuid7(), "nobody_else": uuid7()})


@pytest.fixture
async def holds(town: Town) -> dict[str, UUID]:
    """One hold of 100 in each state, and two transfers that are none."""
    names = ("open", "posted", "partly_posted", "voided", "expired")
    started = {name: town.hold("bank", "shop", 100) for name in names}
    started["refused"] = town.hold("poor", "shop", 1000)
    started["no_hold"] = town.single("bank", "shop", 100)
    for transfer in started.values():
        await town.ask(transfer)
    ids = {name: transfer.id for name, transfer in started.items()}
    await town.ask(end(ids["posted"]))
    await town.ask(end(ids["partly_posted"], amount_fen=40))
    await town.ask(end(ids["voided"], Phase.VOID))
    await town.ask(end(ids["expired"], Phase.EXPIRE))
    return ids | {"nothing": uuid7()}


def code_of(outcome: Outcome) -> str:
    return POSTED if isinstance(outcome, Posted) else outcome.code


@pytest.mark.parametrize(("debit", "credit", "amount_fen", "answer"), STARTS)
@pytest.mark.parametrize("is_hold", [False, True])
async def test_a_start_is_answered_by_the_first_rule_it_breaks(
    town: Town, debit: str, credit: str, amount_fen: int, answer: str, *, is_hold: bool
) -> None:
    start = town.hold if is_hold else town.single
    assert code_of(await town.ask(start(debit, credit, amount_fen))) == answer


@pytest.mark.parametrize("row", ENDS)
async def test_an_end_is_answered_by_the_first_rule_it_breaks(
    town: Town, holds: dict[str, UUID], row: tuple[str, str, int | None, str]
) -> None:
    phase, name, amount_fen, answer = row
    ending = end(holds[name], Phase(phase), amount_fen=amount_fen)
    assert code_of(await town.ask(ending)) == answer


def test_every_refusal_has_its_row_in_the_published_order() -> None:
    places = [code.value for code in RefusalCode]
    for table in (STARTS, ENDS):
        answers = [row[-1] for row in table if row[-1] != POSTED]
        assert answers == sorted(answers, key=places.index)
    assert {row[-1] for row in (*STARTS, *ENDS)} == {*places, POSTED} - {LINKED}


async def test_the_others_of_an_entry_are_refused_as_linked(town: Town) -> None:
    transfers = [
        town.single("bank", "shop", 1),
        town.single("poor", "shop", 101),
        town.single("nobody", "shop", 1),  # would be refused for itself, if it were looked at
    ]
    outcome = await town.ask(*transfers)
    assert code_of(outcome) == "insufficient_funds"
    on_record = await find_lines(town.connection, [each.id for each in transfers])
    refusals = [on_record[each.id].line.refusal for each in transfers]
    assert refusals == [LINKED, "insufficient_funds", LINKED]


@pytest.mark.parametrize("row", [row for row in STARTS if row[-1] != POSTED])
async def test_a_refusal_changes_no_account(town: Town, row: tuple[str, str, int, str]) -> None:
    before = await town.accounts()
    debit, credit, amount_fen, _ = row
    await town.ask(town.single("bank", "shop", 1), town.single(debit, credit, amount_fen))
    assert await town.accounts() == before


async def test_lack_of_funds_says_what_was_needed_and_there(town: Town) -> None:
    outcome = await town.ask(town.hold("poor", "shop", 30), town.single("poor", "shop", 71))
    assert isinstance(outcome, TransferRefused)
    assert (outcome.needed_fen, outcome.available_fen) == (71, 70)


async def test_a_full_safe_says_what_it_could_take(town: Town) -> None:
    outcome = await town.ask(town.hold("bank", "safe", 30), town.single("bank", "safe", 71))
    assert isinstance(outcome, TransferRefused)
    assert (outcome.needed_fen, outcome.available_fen) == (71, 70)


async def test_other_refusals_speak_of_no_money(town: Town) -> None:
    outcome = await town.ask(town.single("nobody", "shop", 71))
    assert isinstance(outcome, TransferRefused)
    assert (outcome.needed_fen, outcome.available_fen) == (None, None)


@pytest.mark.parametrize("code", RefusalCode)
def test_only_lack_of_money_may_pass_by_itself(code: RefusalCode) -> None:
    is_about_money = code in {
        RefusalCode.INSUFFICIENT_FUNDS,
        RefusalCode.CREDITS_WOULD_EXCEED_DEBITS,
    }
    assert TransferRefused(code).transient == is_about_money == (code in TRANSIENT_REFUSALS)


async def test_a_refusal_stays_when_its_reason_is_gone(town: Town) -> None:
    asked = town.single("poor", "shop", 101)
    first = await town.ask(asked)
    await pay_in(town.connection, [(town.ids["bank"], town.ids["poor"], 1000)])
    again = await town.ask(asked)
    assert isinstance(first, TransferRefused)
    assert isinstance(again, TransferRefused)
    assert (again.code, again.needed_fen, again.available_fen) == ("insufficient_funds", 101, 100)


@pytest.mark.parametrize(("amount_fen", "answer"), [(60, "insufficient_funds"), (40, POSTED)])
async def test_what_is_held_is_not_available(town: Town, amount_fen: int, answer: str) -> None:
    await town.ask(town.hold("poor", "shop", 60))
    assert code_of(await town.ask(town.single("poor", "bank", amount_fen))) == answer


async def test_what_comes_in_pending_is_not_there_yet(town: Town) -> None:
    await town.ask(town.hold("bank", "poor", 1000))
    assert code_of(await town.ask(town.single("poor", "shop", 101))) == "insufficient_funds"


async def test_a_later_transfer_of_an_entry_may_spend_what_an_earlier_one_brings(
    town: Town,
) -> None:
    outcome = await town.ask(town.single("bank", "poor", 50), town.single("poor", "shop", 150))
    assert code_of(outcome) == POSTED


async def test_a_later_transfer_may_not_bring_what_an_earlier_one_spends(town: Town) -> None:
    outcome = await town.ask(town.single("poor", "shop", 150), town.single("bank", "poor", 50))
    assert code_of(outcome) == "insufficient_funds"


async def test_an_entry_may_end_its_own_hold(town: Town) -> None:
    held = town.hold("poor", "shop", 100)
    assert code_of(await town.ask(held, end(held.id, amount_fen=30))) == POSTED
    assert code_of(await town.ask(town.single("poor", "bank", 71))) == "insufficient_funds"
    assert code_of(await town.ask(town.single("poor", "bank", 70))) == POSTED
