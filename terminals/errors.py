"""The terminals' branch of the error tree.

CampusError
└── TerminalError               every error that a device or its link raises on purpose
    ├── MalformedFrame          bytes that are not a frame of this protocol
    │   └── UnknownMessage      a message whose tag has no place here
    ├── BadSignature            the proof does not fit the key and the challenge
    ├── BrokenKey               bytes or a file that hold no usable key
    ├── KeyFileExposed          others on this device may read the key file
    ├── LinkDown                nothing was sent: there is no link, or no credit in time
    ├── OutcomeUnknown          it was sent and not answered: send the reversal
    └── LinkEnded               the link ended, `reason` says why; connect again
        └── LinkRefused         the engine will not have this terminal as it is; a person must look
"""

from ledger.errors import CampusError
from terminals.messages import CloseReason


class TerminalError(CampusError):
    """Base of what goes wrong on a device or on its link to the engine."""

    code = "terminal_error"


class MalformedFrame(TerminalError):
    """Bytes that are not a frame: cut, altered, too long, or with a field out of its bounds."""

    code = "malformed_frame"


class UnknownMessage(MalformedFrame):
    """An array of messages, one of them with a tag that has no place here."""

    code = "unknown_message"


class BadSignature(TerminalError):
    """The proof was not made by this key over this challenge."""

    code = "bad_signature"


class BrokenKey(TerminalError):
    """There is no usable key in the bytes or the file given."""

    code = "broken_key"


class KeyFileExposed(TerminalError):
    """The key file may be read by others; it is not used until only its owner may."""

    code = "key_file_exposed"


class LinkDown(TerminalError):
    """The request was not sent; the engine knows nothing of it and will not learn of it."""

    code = "link_down"
    transient = True


class OutcomeUnknown(TerminalError):
    """The request was sent and no answer came, or the engine itself could not tell.

    It may have been carried out. Ask again under the same id, or send its reversal.
    """

    code = "outcome_unknown"
    transient = True


class LinkEnded(TerminalError):
    """The engine or the network ended the link, or did not let it begin. Connect again, later."""

    code = "link_ended"
    transient = True

    def __init__(self, reason: CloseReason, *, reconnect_after_s: float = 0.0) -> None:
        super().__init__(f"the link ended: {reason}")
        self.reason = reason
        self.reconnect_after_s = reconnect_after_s


class LinkRefused(LinkEnded):
    """The engine will not have this terminal as it is: coming back unasked would not help."""

    code = "link_refused"
    transient = False
