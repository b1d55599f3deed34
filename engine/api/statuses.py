"""The HTTP status of each error: one table by class, one by reason. New errors get a row here."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from engine import campus_errors as campus
from engine import errors as people
from engine.api import errors as frame
from engine.api.link_admission import NotAdmitted
from engine.campus_errors import DeclineCode
from ledger import errors as ledger
from ledger.errors import CampusError, RefusalCode
from terminals.errors import MalformedFrame, UnknownMessage

STATUSES: Final[Mapping[type[CampusError], HTTPStatus]] = MappingProxyType(
    {
        frame.PathNotFound: HTTPStatus.NOT_FOUND,
        frame.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
        frame.InvalidRequest: HTTPStatus.BAD_REQUEST,
        frame.InvalidCursor: HTTPStatus.BAD_REQUEST,
        frame.IdempotencyKeyMissing: HTTPStatus.BAD_REQUEST,
        frame.IdempotencyKeyMismatch: HTTPStatus.BAD_REQUEST,
        frame.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        frame.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        frame.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
        frame.ServerBusy: HTTPStatus.SERVICE_UNAVAILABLE,
        frame.TimedOut: HTTPStatus.SERVICE_UNAVAILABLE,
        frame.OutOfReach: HTTPStatus.SERVICE_UNAVAILABLE,
        frame.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
        MalformedFrame: HTTPStatus.BAD_REQUEST,
        UnknownMessage: HTTPStatus.BAD_REQUEST,
        NotAdmitted: HTTPStatus.UNAUTHORIZED,
        ledger.InvalidAmount: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.InvalidTransfer: HTTPStatus.UNPROCESSABLE_ENTITY,
        ledger.TransferConflict: HTTPStatus.CONFLICT,
        ledger.EffectRefused: HTTPStatus.CONFLICT,
        ledger.LedgerBusy: HTTPStatus.SERVICE_UNAVAILABLE,
        ledger.LedgerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
        ledger.AccountConflict: HTTPStatus.CONFLICT,
        ledger.AccountNotFound: HTTPStatus.NOT_FOUND,
        ledger.AccountInUse: HTTPStatus.CONFLICT,
        people.InvalidPerson: HTTPStatus.UNPROCESSABLE_ENTITY,
        people.PersonNotFound: HTTPStatus.NOT_FOUND,
        people.NumberTaken: HTTPStatus.CONFLICT,
        people.UnreadableFile: HTTPStatus.UNPROCESSABLE_ENTITY,
        people.ImportRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
        people.InvalidStaff: HTTPStatus.UNPROCESSABLE_ENTITY,
        people.StaffNotFound: HTTPStatus.NOT_FOUND,
        people.StaffNameTaken: HTTPStatus.CONFLICT,
        people.NotAllowed: HTTPStatus.FORBIDDEN,
        people.NotSignedIn: HTTPStatus.UNAUTHORIZED,
        people.SessionNotFound: HTTPStatus.NOT_FOUND,
        people.WrongCredentials: HTTPStatus.UNAUTHORIZED,
        people.AccountNotActive: HTTPStatus.FORBIDDEN,
        people.SignInPaused: HTTPStatus.TOO_MANY_REQUESTS,
        people.WeakPassword: HTTPStatus.UNPROCESSABLE_ENTITY,
        people.InvalidCode: HTTPStatus.UNPROCESSABLE_ENTITY,
        people.PinNotSet: HTTPStatus.CONFLICT,
        people.PinAlreadySet: HTTPStatus.CONFLICT,
        people.PinWrong: HTTPStatus.FORBIDDEN,
        people.PinPaused: HTTPStatus.TOO_MANY_REQUESTS,
        people.WeakPin: HTTPStatus.UNPROCESSABLE_ENTITY,
        people.IllegalTransition: HTTPStatus.CONFLICT,
        people.TooBusy: HTTPStatus.SERVICE_UNAVAILABLE,
        campus.WalletNotFound: HTTPStatus.NOT_FOUND,
        campus.CardNotFound: HTTPStatus.NOT_FOUND,
        campus.CardAlreadyHeld: HTTPStatus.CONFLICT,
        campus.InvalidExpiry: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.InvalidLimit: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.InvalidName: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.MerchantNotFound: HTTPStatus.NOT_FOUND,
        campus.MerchantNameTaken: HTTPStatus.CONFLICT,
        campus.DeviceNotFound: HTTPStatus.NOT_FOUND,
        campus.NotATill: HTTPStatus.CONFLICT,
        campus.InvalidEnrolment: HTTPStatus.UNPROCESSABLE_ENTITY,
        campus.EnrolmentPaused: HTTPStatus.TOO_MANY_REQUESTS,
        campus.PinRequired: HTTPStatus.FORBIDDEN,
        campus.PurchaseNotFound: HTTPStatus.NOT_FOUND,
        campus.ReversalTooLate: HTTPStatus.CONFLICT,
        campus.SubsidyNotFound: HTTPStatus.NOT_FOUND,
        campus.SubsidyConflict: HTTPStatus.CONFLICT,
        campus.SubsidyNeedsAnother: HTTPStatus.FORBIDDEN,
        campus.SubsidySpent: HTTPStatus.CONFLICT,
    }
)
"""The status of each class of error; a class that is not here has that of its nearest base."""

_REFUSALS: Final[Mapping[str, HTTPStatus]] = {
    RefusalCode.AMOUNT_MUST_BE_POSITIVE: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.AMOUNT_TOO_LARGE: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.ACCOUNTS_MUST_DIFFER: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.HOLD_NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalCode.HOLD_ALREADY_POSTED: HTTPStatus.CONFLICT,
    RefusalCode.HOLD_ALREADY_VOIDED: HTTPStatus.CONFLICT,
    RefusalCode.HOLD_ALREADY_EXPIRED: HTTPStatus.CONFLICT,
    RefusalCode.AMOUNT_EXCEEDS_HOLD: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.DEBIT_ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalCode.CREDIT_ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalCode.UNITS_MUST_MATCH: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.DEBIT_ACCOUNT_CLOSED: HTTPStatus.CONFLICT,
    RefusalCode.CREDIT_ACCOUNT_CLOSED: HTTPStatus.CONFLICT,
    RefusalCode.INSUFFICIENT_FUNDS: HTTPStatus.PAYMENT_REQUIRED,
    RefusalCode.CREDITS_WOULD_EXCEED_DEBITS: HTTPStatus.CONFLICT,
    RefusalCode.LINKED_TRANSFER_REFUSED: HTTPStatus.CONFLICT,
}

_DECLINES: Final[Mapping[str, HTTPStatus]] = {
    DeclineCode.TERMINAL_REVOKED: HTTPStatus.FORBIDDEN,
    DeclineCode.MERCHANT_CLOSED: HTTPStatus.CONFLICT,
    DeclineCode.CARD_UNKNOWN: HTTPStatus.NOT_FOUND,
    DeclineCode.CARD_NOT_ACTIVATED: HTTPStatus.CONFLICT,
    DeclineCode.CARD_LOST: HTTPStatus.CONFLICT,
    DeclineCode.CARD_REPLACED: HTTPStatus.CONFLICT,
    DeclineCode.CARD_CLOSED: HTTPStatus.CONFLICT,
    DeclineCode.CARD_EXPIRED: HTTPStatus.CONFLICT,
    DeclineCode.HOLDER_NOT_ACTIVE: HTTPStatus.CONFLICT,
    DeclineCode.DAY_LIMIT_EXCEEDED: HTTPStatus.CONFLICT,
    DeclineCode.REVERSED: HTTPStatus.CONFLICT,
    DeclineCode.PURCHASE_NOT_FOUND: HTTPStatus.NOT_FOUND,
    DeclineCode.REFUND_EXCEEDS_PURCHASE: HTTPStatus.CONFLICT,
}

REASONS: Final[Mapping[type[CampusError], Mapping[str, HTTPStatus]]] = MappingProxyType(
    {
        ledger.TransferRefused: _REFUSALS,
        campus.CashPaymentRefused: _REFUSALS,
        campus.Declined: {**_DECLINES, **_REFUSALS},
    }
)
"""For a class whose code is the reason and not its own: the status of each reason."""


def codes_of(kind: type[CampusError]) -> Mapping[str, HTTPStatus]:
    """Return each code that an error of this class may have, with its status.

    Raises LookupError when the tables know neither the class nor a base of it.
    """
    for ancestor in kind.__mro__:
        if ancestor in REASONS:
            return REASONS[ancestor]
        if ancestor in STATUSES:
            return {kind.code: STATUSES[ancestor]}
    raise LookupError(f"{kind.__name__} has no HTTP status")
