"""The staff's part of the API, made from the parts of the engine."""

from engine.api import AnyOperation
from engine.api.sign_in_access import StaffAccess
from engine.api.staff.acting import StaffDesk
from engine.api.staff.campus import CampusOperations
from engine.api.staff.cards import CardOperations
from engine.api.staff.members import MemberOperations
from engine.api.staff.merchants import MerchantOperations
from engine.api.staff.money import MoneyOperations
from engine.api.staff.people import PeopleOperations
from engine.api.staff.subsidies import SubsidyOperations
from engine.api.staff.terminals import TerminalOperations
from engine.parts import Parts
from engine.refunds import Refunds


def staff_operations(parts: Parts) -> tuple[AnyOperation, ...]:
    """Return the operations of `/v1/staff`."""
    pool, clock = parts.pool, parts.clock
    desk = StaffDesk(pool=pool, clock=clock, access=StaffAccess(pool, clock=clock))
    return (
        *PeopleOperations(desk).operations(),
        *CardOperations(desk).operations(),
        *MoneyOperations(desk, Refunds(pool, parts.poster, clock=clock)).operations(),
        *SubsidyOperations(desk).operations(),
        *MerchantOperations(desk).operations(),
        *TerminalOperations(desk, parts.revocations).operations(),
        *MemberOperations(desk).operations(),
        *CampusOperations(desk).operations(),
    )
