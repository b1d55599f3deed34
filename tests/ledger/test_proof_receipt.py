import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.errors import BadHead, BadProof
from ledger.proof.receipt import Receipt, check_receipt, dump_receipt, load_receipt
from tests.ledger.histories import TRUST, a_history, signer_of
from tests.ledger.json_changes import Place, changed, name_of, places, slightly_other

HISTORY = a_history([3, 1, 5, 2, 8, 1, 1, 4, 6, 2, 7, 3])
LAST = len(HISTORY.batches)
OTHER_HISTORY = a_history([3, 1, 4, 2, 8, 1, 1, 4, 6, 2, 7, 3])
RECEIPT = HISTORY.receipt(3, 2, HISTORY.head(LAST))
DOCUMENT = dump_receipt(RECEIPT)


def check_with_own_head(document: str) -> None:
    receipt = load_receipt(document)
    check_receipt(receipt, receipt.head, TRUST)


PROVEN = [place for place in places(json.loads(DOCUMENT)) if place[0] != "head"]
COPIED_HEAD = [place for place in places(json.loads(DOCUMENT)) if place[0] == "head"]


@given(data=st.data())
def test_every_receipt_holds_for_its_head(data: st.DataObject) -> None:
    position = data.draw(st.integers(1, LAST))
    index = data.draw(st.integers(0, len(HISTORY.batches[position - 1]) - 1))
    head = HISTORY.head(data.draw(st.integers(position, LAST)))
    receipt = load_receipt(dump_receipt(HISTORY.receipt(position, index, head)))
    check_receipt(receipt, head, TRUST)


@pytest.mark.parametrize("place", PROVEN, ids=name_of)
def test_a_receipt_with_any_value_changed_is_refused(place: Place) -> None:
    with pytest.raises(BadProof):
        check_receipt(load_receipt(changed(DOCUMENT, place, slightly_other)), RECEIPT.head, TRUST)


@pytest.mark.parametrize("place", COPIED_HEAD, ids=name_of)
def test_a_head_that_came_with_the_receipt_and_was_changed_is_refused(place: Place) -> None:
    with pytest.raises((BadHead, BadProof)):
        check_with_own_head(changed(DOCUMENT, place, slightly_other))


@pytest.mark.parametrize("place", list(places(json.loads(DOCUMENT))), ids=name_of)
def test_a_receipt_with_a_value_of_another_type_is_refused(place: Place) -> None:
    with pytest.raises(BadProof):
        load_receipt(changed(DOCUMENT, place, lambda _value: [3.5]))


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (("batch", "path"), lambda path: path[:-1]),
        (("batch", "path"), lambda path: [*path, path[-1]]),
        (("steps",), lambda steps: steps[:-1]),
        (("steps",), lambda steps: [*steps, steps[-1]]),
        (("steps",), lambda steps: steps[::-1]),
        (("link", "position"), lambda _position: 0),
        (("link", "position"), lambda _position: LAST + 1),
        (("link", "position"), lambda _position: 2**63 - 1),
        (("batch", "transfers"), lambda _count: 0),
        (("batch", "transfers"), lambda _count: 2),
        (("transfer", "seq"), lambda seq: seq - 1),
        (("transfer", "seq"), lambda _seq: -1),
    ],
)
def test_a_receipt_of_another_shape_is_refused(place: Place, change: Any) -> None:
    with pytest.raises(BadProof):
        check_receipt(load_receipt(changed(DOCUMENT, place, change)), RECEIPT.head, TRUST)


@pytest.mark.parametrize(
    "within", [("transfer",), ("batch",), ("link",), ("steps", 0), ("head",), ()]
)
def test_an_unknown_field_is_refused(within: Place) -> None:
    document: Any = json.loads(DOCUMENT)
    target = document
    for step in within:
        target = target[step]
    target["note"] = "paid twice"
    with pytest.raises(BadProof, match="note"):
        load_receipt(json.dumps(document))


@pytest.mark.parametrize("document", ["", "{}", "[]", "null", "[" * 100_000])
def test_what_is_not_a_receipt_is_refused(document: str) -> None:
    with pytest.raises(BadProof):
        load_receipt(document)


def test_a_receipt_for_another_head_names_the_one_it_needs() -> None:
    with pytest.raises(BadProof, match=f"position {LAST}.*not to the one at {LAST - 1}"):
        check_receipt(RECEIPT, HISTORY.head(LAST - 1), TRUST)


def test_a_receipt_is_refused_by_the_head_of_another_history() -> None:
    with pytest.raises(BadProof, match="history"):
        check_receipt(RECEIPT, OTHER_HISTORY.head(LAST), TRUST)


def test_what_lies_before_the_first_difference_has_receipts_in_both_histories() -> None:
    # The receipts differ: another history means another way to its head.
    ours, theirs = (each.receipt(1, 0, each.head(LAST)) for each in (HISTORY, OTHER_HISTORY))
    check_receipt(theirs, OTHER_HISTORY.head(LAST), TRUST)
    assert (ours.transfer, ours.batch_path) == (theirs.transfer, theirs.batch_path)
    with pytest.raises(BadProof, match="history"):
        check_receipt(theirs, HISTORY.head(LAST), TRUST)


def test_the_head_of_another_key_is_refused() -> None:
    with pytest.raises(BadHead, match="trusted"):
        check_receipt(RECEIPT, HISTORY.head(LAST, signer_of(9)), TRUST)


def test_the_head_of_another_campus_is_refused() -> None:
    with pytest.raises(BadHead, match="campus north"):
        check_receipt(RECEIPT, HISTORY.head(LAST, signer_of(1, "north")), TRUST)


def test_the_transfer_of_one_receipt_does_not_fit_into_another() -> None:
    neighbour = HISTORY.receipt(3, 1, RECEIPT.head)
    moved: Receipt = replace(RECEIPT, transfer=neighbour.transfer)
    with pytest.raises(BadProof):
        check_receipt(moved, RECEIPT.head, TRUST)


def test_the_time_zone_of_a_moment_does_not_matter() -> None:
    shanghai = changed(DOCUMENT, ("transfer", "event_at"), lambda at: at.replace("Z", "+00:00"))
    check_receipt(load_receipt(shanghai), RECEIPT.head, TRUST)
