"""Which role may do what: every operation of staff, tried by every role."""

from uuid import uuid4

from engine.api import AnyOperation, Method
from engine.app import operations
from engine.permissions import Role
from ledger.ids import uuid7
from tests.engine.api.callers import Body, Caller, staff_caller
from tests.engine.running import RunningEngine

CENTRE, FINANCE, AUDITOR, OPERATOR = Role
ALL = set(Role)
READERS = {CENTRE, FINANCE, AUDITOR}

ALLOWED: dict[str, set[Role]] = {
    "search_people": READERS,
    "show_person": READERS,
    "list_transactions": READERS,
    "add_person": {CENTRE},
    "change_person": {CENTRE},
    "issue_password_code": {CENTRE},
    "issue_pin_code": {CENTRE},
    "list_cards": READERS,
    "issue_card": {CENTRE},
    "change_card": {CENTRE},
    "replace_card": {CENTRE},
    "pay_in_cash": {CENTRE},
    "refund_any_purchase": {FINANCE},
    "rehearse_subsidy": {FINANCE},
    "prepare_subsidy": {FINANCE},
    "list_subsidies": {FINANCE, AUDITOR},
    "approve_subsidy": {FINANCE},
    "cancel_subsidy": {FINANCE},
    "undo_subsidy": {FINANCE},
    "list_merchants": ALL,
    "add_merchant": {FINANCE},
    "change_merchant": {FINANCE},
    "list_terminals": ALL,
    "add_terminal": {OPERATOR},
    "issue_enrolment_code": {OPERATOR},
    "revoke_terminal": {OPERATOR},
    "list_members": {OPERATOR},
    "add_member": {OPERATOR},
    "change_roles": {OPERATOR},
    "change_member": {OPERATOR},
    "issue_member_code": {OPERATOR},
    "show_settings": ALL,
    "change_settings": {FINANCE},
    "show_trial_balance": {FINANCE, AUDITOR},
    "list_audit_events": {AUDITOR},
}

SOMETHING = str(uuid4())
SHARES = [{"number": "20199999", "amount_fen": 1}]

BODIES: dict[str, Body] = {
    "search_people": {},
    "add_person": {"number": "?", "name": "?", "kind": "temporary"},
    "change_person": {"event": "suspend"},
    "issue_card": {"expires_on": "2040-01-01"},
    "change_card": {"event": "close"},
    "replace_card": {"expires_on": "2040-01-01"},
    "pay_in_cash": {"id": str(uuid7()), "person_id": SOMETHING, "amount_fen": 1},
    "refund_any_purchase": {"id": str(uuid7()), "purchase_id": SOMETHING, "amount_fen": 1},
    "rehearse_subsidy": {"shares": SHARES},
    "prepare_subsidy": {"id": str(uuid7()), "title": "?", "shares": SHARES},
    "undo_subsidy": {},
    "add_merchant": {"name": ""},
    "change_merchant": {"event": "close"},
    "add_terminal": {"place": "?", "merchant_id": SOMETHING},
    "add_member": {"name": "?", "roles": []},
    "change_roles": {"roles": []},
    "change_member": {"event": "disable"},
    "change_settings": {"no_pin_limit_fen": 1, "day_limit_fen": 1, "reversal_window_s": 1},
}
"""A body for each operation that has one: well formed, and about nothing there is."""


async def refuses(caller: Caller, operation: AnyOperation) -> bool:
    """Tell whether a caller hears that this is not allowed."""
    path = operation.path
    for name in ("person_id", "card_id", "batch_id", "merchant_id", "terminal_id", "staff_id"):
        path = path.replace(f"{{{name}}}", SOMETHING)
    response = await caller.ask(operation.method, path, BODIES.get(operation.name))
    assert response.status_code not in {400, 401, 415, 429, 500}, response.text
    return response.status_code == 403


async def test_every_role_may_do_its_own_work_and_no_other(engine: RunningEngine) -> None:
    of_staff = [each for each in operations(engine.parts) if each.path.startswith("/v1/staff/")]
    callers = {role: await staff_caller(engine, role.replace("_", "."), role) for role in Role}
    allowed = {
        operation.name: {
            role for role, caller in callers.items() if not await refuses(caller, operation)
        }
        for operation in of_staff
    }
    assert allowed == ALLOWED


async def test_a_member_of_staff_without_a_role_may_change_nothing(engine: RunningEngine) -> None:
    caller = await staff_caller(engine, "nobody")
    changing = [
        each
        for each in operations(engine.parts)
        if each.path.startswith("/v1/staff/") and each.method is not Method.GET
    ]
    assert all([await refuses(caller, each) for each in changing])


async def test_people_are_no_staff(engine: RunningEngine) -> None:
    response = await Caller(engine.client).ask("GET", "/v1/staff/merchants")
    assert (response.status_code, response.json()["code"]) == (401, "not_signed_in")
