"""The error tree of cards, merchants, terminals and money on campus.

CampusError
├── wallets and cards
│   ├── WalletNotFound
│   ├── CardNotFound
│   ├── CardAlreadyHeld        the person has a card that must be replaced or closed first
│   ├── InvalidExpiry          a card cannot end on that day
│   └── InvalidLimit           a limit that is negative or above the campus's
├── merchants and terminals
│   ├── InvalidName            of a merchant, a place or a batch
│   ├── MerchantNotFound
│   ├── MerchantNameTaken
│   ├── DeviceNotFound
│   ├── NotATill               a terminal at a door cannot take money
│   ├── InvalidEnrolment       a code that is wrong, used or expired, or a key that is none
│   └── EnrolmentPaused        too many wrong codes; says how long to wait
├── purchases
│   ├── Declined               final for the id (`DeclineCode`, or a code of the ledger)
│   ├── PinRequired            the same id again, with the PIN, may be approved
│   ├── PurchaseNotFound       none of this terminal or merchant has this id
│   └── ReversalTooLate        the terminal may not reverse it any more, staff can refund it
├── cash desk
│   └── CashPaymentRefused     the ledger said no; names its code
└── subsidies
    ├── SubsidyNotFound
    ├── SubsidyConflict        the id is taken by a batch with other content
    ├── SubsidyNeedsAnother    who prepared a batch cannot approve it
    └── SubsidySpent           some people have spent it; lists them
"""

from dataclasses import dataclass
from enum import StrEnum

from engine.errors import Problem
from ledger.errors import CampusError, RefusalCode, TransferRefused
from ledger.money import Fen


class WalletNotFound(CampusError):
    """The person has no wallets."""

    code = "wallet_not_found"


class CardNotFound(CampusError):
    """There is no such card, or the person has none."""

    code = "card_not_found"


class CardAlreadyHeld(CampusError):
    """The person has a card that pays or may pay again; it must be replaced or closed first."""

    code = "card_already_held"


class InvalidExpiry(CampusError):
    """The last day of a card lies in the past."""

    code = "invalid_expiry"


class InvalidLimit(CampusError):
    """A limit is negative, or a person's own one above the campus's; names the field."""

    code = "invalid_limit"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: out of bounds")
        self.field = field


class InvalidName(CampusError):
    """A name that cannot be shown: names the field and the problem."""

    code = "invalid_name"

    def __init__(self, field: str, problem: Problem) -> None:
        super().__init__(f"{field}: {problem.value}")
        self.field = field
        self.problem = problem


class MerchantNotFound(CampusError):
    """There is no such merchant."""

    code = "merchant_not_found"


class MerchantNameTaken(CampusError):
    """Another merchant has this name."""

    code = "merchant_name_taken"


class DeviceNotFound(CampusError):
    """There is no such terminal."""

    code = "device_not_found"


class NotATill(CampusError):
    """The terminal stands at a door and has no merchant to take money for."""

    code = "not_a_till"


class InvalidEnrolment(CampusError):
    """The code is wrong, was used with another key or has expired, or the key is no free key."""

    code = "invalid_enrolment"


class EnrolmentPaused(CampusError):
    """Too many wrong codes from there; this one was neither looked at nor counted."""

    code = "enrolment_paused"
    transient = True

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many wrong codes: wait {retry_after_s} s")
        self.retry_after_s = retry_after_s


class DeclineCode(StrEnum):
    """Why the engine declined for good, in the order in which the reasons are looked for."""

    TERMINAL_REVOKED = "terminal_revoked"
    MERCHANT_CLOSED = "merchant_closed"
    CARD_UNKNOWN = "card_unknown"
    CARD_NOT_ACTIVATED = "card_not_activated"
    CARD_LOST = "card_lost"
    CARD_REPLACED = "card_replaced"
    CARD_CLOSED = "card_closed"
    CARD_EXPIRED = "card_expired"
    HOLDER_NOT_ACTIVE = "holder_not_active"
    """The person is suspended or has left."""
    DAY_LIMIT_EXCEEDED = "day_limit_exceeded"
    REVERSED = "reversed"
    """The terminal reversed the purchase before it arrived."""
    PURCHASE_NOT_FOUND = "purchase_not_found"
    """Of a refund: the merchant has no such purchase."""
    REFUND_EXCEEDS_PURCHASE = "refund_exceeds_purchase"
    """Of a refund: more than is left of what was paid."""


_TRANSIENT = frozenset(
    {
        DeclineCode.DAY_LIMIT_EXCEEDED,  # tomorrow is another day
        RefusalCode.INSUFFICIENT_FUNDS,
    }
)


class Declined(CampusError):
    """The answer is no, for ever under this id; nothing moved.

    `code` is a `DeclineCode` or, when the ledger said no, a `RefusalCode`. `needed` and
    `available` are known for lack of funds.
    """

    code = "declined"

    def __init__(
        self, code: str, *, needed: Fen | None = None, available: Fen | None = None
    ) -> None:
        super().__init__(code.replace("_", " "))
        self.code = str(code)
        self.transient = code in _TRANSIENT
        self.needed = needed
        self.available = available


def declined(refused: TransferRefused) -> Declined:
    """Return what a refusal on record means to who asked for a purchase or a refund."""
    needed, available = refused.needed_fen, refused.available_fen
    return Declined(
        refused.code,
        needed=None if needed is None else Fen(needed),
        available=None if available is None else Fen(available),
    )


class PinRequired(CampusError):
    """The transaction PIN is needed for this. The id is not used up: ask again with the PIN."""

    code = "pin_required"


class PurchaseNotFound(CampusError):
    """No purchase that this terminal or merchant may touch has this id."""

    code = "purchase_not_found"


class ReversalTooLate(CampusError):
    """The time in which a terminal may reverse a purchase is over; staff can still refund it."""

    code = "reversal_too_late"


class CashPaymentRefused(CampusError):
    """The ledger did not take the payment; `code` is its reason."""

    code = "cash_payment_refused"

    def __init__(self, code: str) -> None:
        super().__init__(code.replace("_", " "))
        self.code = code


class SubsidyNotFound(CampusError):
    """There is no such batch of subsidies."""

    code = "subsidy_not_found"


class SubsidyConflict(CampusError):
    """The id belongs to a batch with other people or amounts."""

    code = "subsidy_conflict"


class SubsidyNeedsAnother(CampusError):
    """A batch is approved by another member of staff than prepared it."""

    code = "subsidy_needs_another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Somebody whose subsidy cannot be taken back whole."""

    number: str
    handed_out: Fen
    left: Fen


class SubsidySpent(CampusError):
    """Nothing was taken back, because these people have spent all or part of it."""

    code = "subsidy_spent"

    def __init__(self, spent: tuple[Spent, ...]) -> None:
        super().__init__(f"{len(spent)} people have spent it")
        self.spent = spent
