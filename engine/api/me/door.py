"""The people's part of the API, made from the parts of the engine."""

from engine.api import AnyOperation
from engine.api.me.account import AccountOperations
from engine.api.me.cards import CardOperations
from engine.api.me.limits import LimitOperations
from engine.api.me.pins import PinOperations
from engine.api.me.transactions import TransactionOperations
from engine.api.sign_in_access import PersonAccess
from engine.loss_reports import LossReports
from engine.own_limits import OwnLimitChanges
from engine.parts import Parts


def me_operations(parts: Parts) -> tuple[AnyOperation, ...]:
    """Return the operations of `/v1/me`."""
    pool, pins, clock = parts.pool, parts.pins, parts.clock
    access = PersonAccess(pool, clock=clock)
    losses = LossReports(pool, pins=pins, clock=clock)
    changes = OwnLimitChanges(pool, pins=pins, clock=clock)
    return (
        *AccountOperations(pool, access=access).operations(),
        *TransactionOperations(pool, access=access, clock=clock).operations(),
        *CardOperations(pool, losses, access=access).operations(),
        *PinOperations(pins, access=access).operations(),
        *LimitOperations(pool, changes, access=access).operations(),
    )
