"""Merchants and terminals, at the command line."""

import pytest

from tests.engine.cli.conftest import Terminal


@pytest.fixture
def shop(terminal: Terminal) -> Terminal:
    terminal.ask("merchant", "create", "第一食堂")
    return terminal


def test_a_till_awaits_the_code_that_enrols_it(shop: Terminal) -> None:
    made = shop.ask("terminal", "create", "1号窗口", "--merchant", "第一食堂")
    assert len(str(made["code"]).replace(" ", "")) == 16
    assert shop.ask("terminal", "list") == {
        "terminals": [
            {
                "id": made["id"],
                "kind": "till",
                "place": "1号窗口",
                "merchant": "第一食堂",
                "state": "awaiting",
            }
        ]
    }


def test_a_terminal_without_a_merchant_is_a_door(terminal: Terminal) -> None:
    terminal.ask("terminal", "create", "东门")
    listed = terminal.ask("terminal", "list")["terminals"]
    assert isinstance(listed, list)
    assert [(each["kind"], each["merchant"]) for each in listed] == [("door", None)]


def test_a_code_that_was_lost_is_made_anew(shop: Terminal) -> None:
    made = shop.ask("terminal", "create", "1号窗口", "--merchant", "第一食堂")
    again = shop.ask("terminal", "enrol", str(made["id"]))
    assert again["id"] == made["id"]
    assert again["code"] != made["code"]


def test_a_revoked_terminal_stays_revoked(shop: Terminal) -> None:
    made = shop.ask("terminal", "create", "1号窗口", "--merchant", "第一食堂")
    assert shop.ask("terminal", "revoke", str(made["id"]))["state"] == "revoked"
    for verb in ("enrol", "revoke"):
        typed = shop.type("terminal", verb, str(made["id"]), "--json")
        assert (typed.code, typed.document["code"]) == (1, "illegal_transition")


def test_a_merchant_closes_and_reopens(shop: Terminal) -> None:
    assert shop.ask("merchant", "close", "第一食堂")["state"] == "closed"
    assert shop.ask("merchant", "reopen", "第一食堂")["state"] == "open"


def test_a_till_of_nobody_is_refused(shop: Terminal) -> None:
    typed = shop.type("terminal", "create", "1号窗口", "--merchant", "第二食堂", "--json")
    assert (typed.code, typed.document["code"]) == (1, "merchant_not_found")
