"""The proofs' branch of the error tree.

CampusError
├── BadProof                    a receipt or a path that does not lead where it says
├── BadHead                     a head that no trusted key of this campus signed
├── BadKeyFile                  a signing key that cannot be read, or that others could read
├── UnknownTransfer             there is no transfer of this id
├── NotYetSealed                the transfer is on disk, but not yet under a signed head
└── HistoryRewritten            the database contradicts a head that was signed before
"""

from ledger.errors import CampusError


class BadProof(CampusError):
    """A receipt, or a part of one, that does not prove what it says; the text says why."""

    code = "bad_proof"


class BadHead(CampusError):
    """A head whose form, campus, key or signature is wrong; the text says which."""

    code = "bad_head"


class BadKeyFile(CampusError):
    """A key file that cannot be used or made; the text says why and never shows the key."""

    code = "bad_key_file"


class UnknownTransfer(CampusError):
    """No transfer has this id."""

    code = "unknown_transfer"


class NotYetSealed(CampusError):
    """The transfer is posted for good, but no signed head covers it yet."""

    code = "not_yet_sealed"
    transient = True


class HistoryRewritten(CampusError):
    """The books in the database are not those that were sealed before: find out who changed them.

    A restored backup that lacks the newest transfers looks the same.
    """

    code = "history_rewritten"
