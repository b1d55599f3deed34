"""docs/proofs.md is enough to check a receipt: its program is our second implementation."""

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.findings import FindingKind
from ledger.proof.receipt import check_receipt, dump_receipt, load_receipt
from tests.ledger.histories import CAMPUS, SIGNER, TRUST, a_history, signer_of
from tests.ledger.json_changes import Place, changed, name_of, places, slightly_other
from tests.sources import ROOT

DOCUMENT = (ROOT / "docs/proofs.md").read_text(encoding="utf-8")
EXAMPLE_FILE = ROOT / "tests/vectors/receipt.json"
EXAMPLE = EXAMPLE_FILE.read_text(encoding="utf-8")
KEY = SIGNER.public_key.hex()
SIZES = [3, 2, 4, 1, 2]
UNREAD = [("format",), ("head", "format"), ("head", "key_id")]
READ = [place for place in places(json.loads(EXAMPLE)) if place not in UNREAD]

Check = Callable[[Any, str, str], None]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    path = tmp_path_factory.mktemp("document") / "check.py"
    path.write_text(code, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def check(program: Path) -> Check:
    found: Check = runpy.run_path(str(program))["check"]
    return found


def test_the_program_prints_what_the_document_says(program: Path) -> None:
    printed = subprocess.run(  # noqa: S603  our own program
        [sys.executable, program, EXAMPLE_FILE, CAMPUS, KEY],
        capture_output=True,
        text=True,
        check=True,
    )
    (promised,) = re.findall(r"it prints:\n\n```\n(.*?)```", DOCUMENT, re.DOTALL)
    assert printed.stdout == promised


def test_the_example_is_a_receipt_of_the_key_that_the_document_names() -> None:
    receipt = load_receipt(EXAMPLE)
    check_receipt(receipt, receipt.head, TRUST)
    assert f"`{KEY}`" in DOCUMENT


def test_the_example_is_what_we_would_write_today() -> None:
    history = a_history(SIZES)
    assert dump_receipt(history.receipt(3, 1, history.head(5))) == EXAMPLE


@given(data=st.data())
def test_the_program_accepts_what_we_accept(check: Check, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=40))
    position = data.draw(st.integers(1, len(sizes)))
    index = data.draw(st.integers(0, sizes[position - 1] - 1))
    history = a_history(sizes)
    head = history.head(data.draw(st.integers(position, len(sizes))))
    check(json.loads(dump_receipt(history.receipt(position, index, head))), CAMPUS, KEY)


@pytest.mark.parametrize("place", READ, ids=name_of)
def test_the_program_refuses_every_changed_value(check: Check, place: Place) -> None:
    with pytest.raises((AssertionError, InvalidSignature, ValueError)):
        check(json.loads(changed(EXAMPLE, place, slightly_other)), CAMPUS, KEY)


def test_the_program_refuses_another_key_and_another_campus(check: Check) -> None:
    with pytest.raises(InvalidSignature):
        check(json.loads(EXAMPLE), CAMPUS, signer_of(9).public_key.hex())
    with pytest.raises(AssertionError, match="campus"):
        check(json.loads(EXAMPLE), "north", KEY)


def test_the_document_lists_every_finding() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", DOCUMENT.partition("## Verifying")[2], re.MULTILINE)
    assert listed == [kind.value for kind in FindingKind]
