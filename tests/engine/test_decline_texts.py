from engine.api.statuses import codes_of
from engine.decline_texts import decline_text
from engine.terminal_requests import PURCHASE_ERRORS, REFUND_ERRORS, REVERSAL_ERRORS

TEXT_MAX = 48  # docs/terminal-protocol.md: text(48)
NEVER_A_DECLINE = {"ledger_unavailable"}  # the outcome is open, which the link says otherwise

CODES = {
    code for kind in (*PURCHASE_ERRORS, *REVERSAL_ERRORS, *REFUND_ERRORS) for code in codes_of(kind)
} - NEVER_A_DECLINE


def test_every_code_has_a_text_of_its_own_for_the_cashier() -> None:
    without = {code for code in CODES if decline_text(code) == decline_text("no such code")}
    assert without == {"linked_transfer_refused"}  # which says only that another one was


def test_every_text_fits_the_display() -> None:
    assert max(len(decline_text(code)) for code in CODES) <= TEXT_MAX
