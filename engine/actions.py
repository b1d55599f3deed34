"""What people and staff do to cards, terminals and money, as the audit trail calls it."""

from enum import StrEnum


class CampusAction(StrEnum):
    """What was done. A word here is never renamed: old events keep theirs."""

    CARD_ISSUED = "card.issued"
    CARD_STATE_CHANGED = "card.state_changed"
    CARD_REPLACED = "card.replaced"
    CARD_REPORTED_LOST = "card.reported_lost"
    CARD_FOUND = "card.found"
    LIMITS_CHANGED = "limits.changed"
    OWN_LIMITS_CHANGED = "own_limits.changed"
    MERCHANT_ADDED = "merchant.added"
    MERCHANT_STATE_CHANGED = "merchant.state_changed"
    DEVICE_ADDED = "device.added"
    DEVICE_CODE_ISSUED = "device.code_issued"
    DEVICE_ENROLLED = "device.enrolled"
    DEVICE_REVOKED = "device.revoked"
    CASH_PAID_IN = "cash.paid_in"
    PURCHASE_REFUNDED = "purchase.refunded"
    SUBSIDY_PREPARED = "subsidy.prepared"
    SUBSIDY_CANCELLED = "subsidy.cancelled"
    SUBSIDY_POSTED = "subsidy.posted"
    SUBSIDY_UNDONE = "subsidy.undone"
