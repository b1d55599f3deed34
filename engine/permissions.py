"""What staff may do: roles, and the permissions of each."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What a member of staff is; one person may have several."""

    CARD_CENTRE = "card_centre"
    FINANCE = "finance"
    AUDITOR = "auditor"
    """Sees all and changes nothing."""
    OPERATOR = "operator"
    """Runs the system and appoints staff; has no part in cards or money."""


class Permission(StrEnum):
    """One thing that staff may be allowed to do."""

    READ_PEOPLE = "read_people"
    CHANGE_PEOPLE = "change_people"
    """Add, import, suspend; let them set a password or a new PIN."""
    MANAGE_CARDS = "manage_cards"
    TAKE_CASH = "take_cash"
    """Credit what people pay in at the desk."""
    REFUND_PURCHASES = "refund_purchases"
    """Give money of any purchase back, when its terminal no longer can."""
    MANAGE_MERCHANTS = "manage_merchants"
    MANAGE_TERMINALS = "manage_terminals"
    HAND_OUT_SUBSIDIES = "hand_out_subsidies"
    SET_LIMITS = "set_limits"
    READ_BOOKS = "read_books"
    """Trial balance, statements of any account, verification."""
    READ_AUDIT_TRAIL = "read_audit_trail"
    MANAGE_STAFF = "manage_staff"


PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.CARD_CENTRE: frozenset(
            {
                Permission.READ_PEOPLE,
                Permission.CHANGE_PEOPLE,
                Permission.MANAGE_CARDS,
                Permission.TAKE_CASH,
            }
        ),
        Role.FINANCE: frozenset(
            {
                Permission.READ_PEOPLE,
                Permission.REFUND_PURCHASES,
                Permission.MANAGE_MERCHANTS,
                Permission.HAND_OUT_SUBSIDIES,
                Permission.SET_LIMITS,
                Permission.READ_BOOKS,
            }
        ),
        Role.AUDITOR: frozenset(
            {
                Permission.READ_PEOPLE,
                Permission.READ_BOOKS,
                Permission.READ_AUDIT_TRAIL,
            }
        ),
        Role.OPERATOR: frozenset(
            {
                Permission.MANAGE_TERMINALS,
                Permission.MANAGE_STAFF,
            }
        ),
    }
)
"""What each role allows. Nothing is allowed that is not in this table."""
