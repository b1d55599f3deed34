"""The books, at the command line: read, audited, verified and proven to a stranger."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases import Database
from tests.engine.cli.conftest import Terminal


@pytest.fixture
def paid(campus: Terminal, sealed: Callable[[], None]) -> str:
    """The id of a payment that is sealed under a signed head."""
    payment = campus.ask("recharge", "20230001", "12.50")
    sealed()
    return str(payment["id"])


@pytest.fixture
def kept(campus: Terminal, paid: str, tmp_path: Path) -> Path:
    """A head that was kept elsewhere."""
    assert paid
    file = tmp_path / "kept.jsonl"
    file.write_text(campus.type("ledger", "head").stdout, encoding="ascii")
    return file


@pytest.fixture
def receipt(campus: Terminal, paid: str, tmp_path: Path) -> Path:
    file = tmp_path / "receipt.json"
    file.write_text(campus.type("ledger", "receipt", paid).stdout, encoding="utf-8")
    return file


async def alter(database: Database, amount_fen: int) -> None:
    """Change an amount, as one can who owns the database."""
    async with database.owner() as owner, owner.transaction():
        await owner.execute("alter table transfers disable trigger all")
        await owner.execute("update transfers set amount_fen = $1", amount_fen)
        await owner.execute("alter table transfers enable trigger all")


def test_untouched_books_are_clean(campus: Terminal, paid: str) -> None:
    assert paid
    verified = campus.ask("ledger", "verify")
    assert verified["is_clean"] is True
    assert (verified["transfers"], verified["proven_position"]) == (1, 1)
    assert campus.ask("ledger", "audit")["findings"] == []


def test_a_receipt_holds_under_the_kept_head(
    campus: Terminal, receipt: Path, kept: Path, paid: str
) -> None:
    checked = campus.ask("ledger", "check-receipt", receipt, "--head", kept)
    assert (checked["transfer_id"], checked["amount_fen"]) == (paid, 1250)


def test_a_stranger_needs_the_public_key_alone(campus: Terminal, receipt: Path, kept: Path) -> None:
    keys = campus.ask("ledger", "public-keys")["public_keys"]
    assert isinstance(keys, list)
    (key,) = keys
    words = ("ledger", "check-receipt", receipt, "--head", kept, "--public-key")
    assert campus.type(*words, key).code == 0
    assert campus.type(*words, "00" * 32).code == 1
    assert campus.type(*words, "no key").code == 2


def test_a_receipt_with_another_amount_is_refused(
    campus: Terminal, receipt: Path, kept: Path
) -> None:
    document = json.loads(receipt.read_text(encoding="utf-8"))
    document["transfer"]["amount_fen"] += 1
    receipt.write_text(json.dumps(document), encoding="utf-8")
    typed = campus.type("ledger", "check-receipt", receipt, "--head", kept, "--json")
    assert (typed.code, typed.document["code"]) == (1, "bad_proof")


async def test_an_altered_transfer_is_named(
    campus: Terminal, paid: str, kept: Path, database: Database
) -> None:
    await alter(database, 99_999)
    typed = await asyncio.to_thread(campus.type, "ledger", "verify", "--head", kept, "--json")
    assert typed.code == 1
    findings = typed.document["findings"]
    assert isinstance(findings, list)
    assert (findings[0]["kind"], findings[0]["transfer_id"]) == ("altered", paid)


async def test_an_audit_sees_sums_that_do_not_follow(
    campus: Terminal, paid: str, database: Database
) -> None:
    assert paid
    await alter(database, 99_999)
    typed = await asyncio.to_thread(campus.type, "ledger", "audit", "--json")
    assert typed.code == 1
    findings = typed.document["findings"]
    assert isinstance(findings, list)
    assert "sums_follow_transfers" in {each["kind"] for each in findings}


def test_no_transfer_has_no_receipt(campus: Terminal, paid: str) -> None:
    other = "0198c2a4-1f2e-7c3a-9d4b-000000000000"
    assert other != paid
    typed = campus.type("ledger", "receipt", other, "--json")
    assert (typed.code, typed.document["code"]) == (1, "unknown_transfer")
