"""What terminals and the engine say to each other. For people: docs/terminal-protocol.md.

A message is an array: its tag, then its fields in the order written here. Times are microseconds
since 1970-01-01 UTC, amounts are fen, ids are UUIDs. Every request carries a number `no` of the
terminal's choice and its answer carries the same; a request that moves money carries an `id` as
well, a UUIDv7 that the terminal made and stored before it sent anything.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from ledger.money import AMOUNT_MAX_FEN

VERSIONS: Final = (1,)
"""The protocol versions spoken here, oldest first."""

FRAME_BYTES_MAX: Final = 64 * 1024
MESSAGES_MAX: Final = 128
"""In one frame. No message is longer than 512 bytes, so this many always fit in a frame."""

Number = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Amount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX_FEN)]
Balance = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Moment = Annotated[int, Meta(ge=0, le=253_402_300_799_999_999)]  # to the end of the year 9999
Milliseconds = Annotated[int, Meta(ge=0, le=86_400_000)]
Version = Annotated[int, Meta(ge=1, le=255)]
Nonce = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]  # RFC 8032, section 5.1.6
Name = Annotated[str, Meta(max_length=64)]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
Card = Annotated[str, Meta(min_length=1, max_length=64)]
Pin = Annotated[str, Meta(min_length=6, max_length=6, pattern="^[0-9]{6}$")]
Text = Annotated[str, Meta(max_length=48)]


class CloseReason(StrEnum):
    """Why a link ended. The WebSocket close code and the reason text say the same."""

    LOST = "lost"
    """The connection broke; nobody said why."""
    CLOSED = "closed"
    """The terminal closed it."""
    UNAVAILABLE = "unavailable"
    """The engine cannot look terminals up now."""
    STOPPING = "stopping"
    """The engine stops or restarts. What it took in was answered."""
    IDLE = "idle"
    """Nothing was heard for the time told in `Welcome`."""
    TOO_SLOW = "too_slow"
    """Answers were not read in time."""
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    """No `Hello` came in time."""
    REPLACED = "replaced"
    """The same terminal opened a newer link."""
    REVOKED = "revoked"
    """The terminal's key was revoked while the link was up."""
    NOT_ADMITTED = "not_admitted"
    """Unknown terminal, revoked terminal or wrong proof: which of them is not told."""
    VERSION_NOT_OFFERED = "version_not_offered"
    """`Hello` chose a version that `Challenge` did not offer."""
    MALFORMED_FRAME = "malformed_frame"
    """Not a frame of this protocol: cut, altered, or a field out of its bounds."""
    UNKNOWN_MESSAGE = "unknown_message"
    """A tag that the chosen version does not have, or not in this direction or at this point."""
    TEXT_FRAME = "text_frame"
    """A text frame; frames are binary."""
    FRAME_TOO_LARGE = "frame_too_large"
    """More bytes than `Welcome` allows."""
    CREDIT_EXCEEDED = "credit_exceeded"
    """More requests without an answer than `Welcome` allows."""

    @property
    def needs_a_person(self) -> bool:
        """Tell whether the same terminal, unchanged, would only be turned away again."""
        return self in _FOR_A_PERSON


_FOR_A_PERSON: Final = frozenset(
    {
        CloseReason.NOT_ADMITTED,
        CloseReason.REPLACED,
        CloseReason.REVOKED,
        CloseReason.VERSION_NOT_OFFERED,
    }
)

CLOSE_CODES: Final = {
    CloseReason.CLOSED: 1000,  # RFC 6455, section 7.4.1, as all below 3000 unless noted
    CloseReason.LOST: 1006,  # never sent, only observed
    CloseReason.TEXT_FRAME: 1003,  # a type of data that cannot be accepted
    CloseReason.FRAME_TOO_LARGE: 1009,  # message too big
    CloseReason.STOPPING: 1012,  # service restart, by IANA's WebSocket close code registry
    CloseReason.UNAVAILABLE: 1013,  # try again later, by the same
    CloseReason.MALFORMED_FRAME: 4001,
    CloseReason.UNKNOWN_MESSAGE: 4002,
    CloseReason.CREDIT_EXCEEDED: 4003,
    CloseReason.HANDSHAKE_TIMEOUT: 4004,
    CloseReason.NOT_ADMITTED: 4005,
    CloseReason.VERSION_NOT_OFFERED: 4006,
    CloseReason.REPLACED: 4007,
    CloseReason.REVOKED: 4008,
    CloseReason.IDLE: 4009,
    CloseReason.TOO_SLOW: 4010,
}


class _Message(Struct, array_like=True, forbid_unknown_fields=True, frozen=True, gc=False):
    """Base of all messages: an array on the wire, closed to fields it does not name."""


class Hello(_Message, tag=1, frozen=True, kw_only=True):
    """The terminal's proof that it holds its key; `signature` is over `identity.challenge_text`."""

    version: Version
    terminal_id: UUID
    nonce: Nonce
    """The challenge that is answered."""
    software: Name
    """Name and version of the terminal's program, for the staff's list of terminals."""
    signature: Signature


class Challenge(_Message, tag=2, frozen=True, kw_only=True):
    """The engine's first words: sign this nonce, which is good for this once."""

    nonce: Nonce
    server_time: Moment
    versions: Annotated[tuple[Version, ...], Meta(min_length=1, max_length=16)]


class Welcome(_Message, tag=3, frozen=True, kw_only=True):
    """The terminal is admitted; these are its limits."""

    credit: Annotated[int, Meta(ge=1, le=65_535)]
    """Requests that may be without an answer at one time, `Ping` included."""
    server_time: Moment
    frame_bytes_max: Annotated[int, Meta(ge=1024, le=2**24)]
    idle_ms: Annotated[int, Meta(ge=1, le=86_400_000)]
    """Say something at least this often, `Ping` if nothing else."""
    policy_version: Number
    """Version of the policy that the engine holds for this terminal; 0 for none."""


class Goodbye(_Message, tag=4, frozen=True, kw_only=True):
    """Send nothing more. What the engine took in is still answered, then it closes the link."""

    reason: CloseReason
    reconnect_after_ms: Milliseconds
    """Not sooner; a little later, and each terminal at another time, is better still."""


class Session(_Message, tag=5, frozen=True, kw_only=True):
    """The terminal is admitted over HTTP: send this token with each frame until it expires."""

    token: Annotated[str, Meta(min_length=32, max_length=256)]
    expires_at: Moment


class Purchase(_Message, tag=16, frozen=True, kw_only=True):
    """Debit a card for the till of this terminal."""

    no: Number = 0
    id: UUID
    card: Card
    """What the card said it is: opaque to the terminal. Today the card number."""
    amount_fen: Amount
    event_at: Moment
    pin: Pin | None = None
    """The holder's six digits; needed above the limit without PIN."""

    def __repr__(self) -> str:
        """Show neither card nor PIN: this text may end in a log."""
        return f"Purchase(no={self.no}, id={self.id}, amount_fen={self.amount_fen})"


class Reversal(_Message, tag=17, frozen=True, kw_only=True):
    """Undo a purchase of this terminal, also one that the engine never saw and now never takes."""

    no: Number = 0
    id: UUID
    purchase_id: UUID
    event_at: Moment


class Refund(_Message, tag=18, frozen=True, kw_only=True):
    """Give back part or all of a purchase, at the merchant's wish."""

    no: Number = 0
    id: UUID
    purchase_id: UUID
    amount_fen: Amount
    event_at: Moment


class Query(_Message, tag=19, frozen=True, kw_only=True):
    """Ask what became of a purchase of this terminal."""

    no: Number = 0
    purchase_id: UUID


class Ping(_Message, tag=20, frozen=True, kw_only=True):
    """Keep the link up and ask for the time."""

    no: Number = 0


class Approved(_Message, tag=32, frozen=True, kw_only=True):
    """The purchase is debited, durably. The same purchase again gets the same answer."""

    no: Number
    id: UUID
    amount_fen: Amount
    subsidy_fen: Amount
    cash_fen: Amount
    balance_after_fen: Balance
    """Subsidy and cash together, right after this purchase."""
    posted_at: Moment
    holder: Name = ""
    """The holder's name with all but one character hidden, for the cashier's eye."""


class Declined(_Message, tag=33, frozen=True, kw_only=True):
    """The engine decided no, and nothing was moved.

    `code` is for programs, `text` (Chinese) for the display. If `transient`, a fresh attempt may
    succeed with nothing corrected. The answer is final for the id, but for the codes that
    docs/terminal-protocol.md names.
    """

    no: Number
    code: Code
    transient: bool
    text: Text = ""
    needed_fen: Amount | None = None
    available_fen: Balance | None = None


class Undecided(_Message, tag=34, frozen=True, kw_only=True):
    """The engine cannot tell the outcome: the same as no answer. Reverse it, or ask again."""

    no: Number
    code: Code


class ReversalState(StrEnum):
    """What a reversal found."""

    UNDONE = "undone"
    """The purchase was debited; the money is back, by this reversal or one before it."""
    PREVENTED = "prevented"
    """The purchase was never seen, and its id is refused from now on."""
    NOTHING_TO_UNDO = "nothing_to_undo"
    """The purchase was declined, or refunded whole."""


class Reversed(_Message, tag=35, frozen=True, kw_only=True):
    """The purchase does not stand, whatever it was before."""

    no: Number
    id: UUID
    state: ReversalState


class Refunded(_Message, tag=36, frozen=True, kw_only=True):
    """The refund is credited, durably."""

    no: Number
    id: UUID
    amount_fen: Amount
    refunded_total_fen: Amount
    """Of this purchase, with this refund."""
    posted_at: Moment


class PurchaseState(StrEnum):
    """What became of a purchase."""

    UNKNOWN = "unknown"
    """No such purchase of this terminal is recorded. It may still be on its way."""
    APPROVED = "approved"
    DECLINED = "declined"
    REVERSED = "reversed"


class Status(_Message, tag=37, frozen=True, kw_only=True):
    """The answer to `Query`."""

    no: Number
    purchase_id: UUID
    state: PurchaseState
    amount_fen: Amount = 0
    refunded_fen: Amount = 0
    posted_at: Moment | None = None
    code: Code | None = None
    """Why it was declined."""


class Pong(_Message, tag=38, frozen=True, kw_only=True):
    """The answer to `Ping`."""

    no: Number
    server_time: Moment


Request = Purchase | Reversal | Refund | Query | Ping
Answer = Approved | Declined | Undecided | Reversed | Refunded | Status | Pong
FromTerminal = Hello | Request
FromEngine = Challenge | Welcome | Goodbye | Session | Answer
Message = FromTerminal | FromEngine

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_moment(at: datetime) -> int:
    """Return an aware time as the wire has it, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def from_moment(moment: int) -> datetime:
    """Return a wire time as an aware datetime in UTC, exactly."""
    return _EPOCH + moment * _MICROSECOND
