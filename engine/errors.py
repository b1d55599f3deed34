"""The engine's branch of the error tree.

CampusError
├── people
│   ├── InvalidPerson          a field of a person that cannot be right; names the field
│   ├── PersonNotFound
│   ├── NumberTaken            another person has this number
│   ├── UnreadableFile         an import that is no table; says why
│   └── ImportRefused          rows that cannot be imported; lists all of them
├── staff
│   ├── InvalidStaff           a field that cannot be right; names the field
│   ├── StaffNotFound
│   ├── StaffNameTaken
│   └── NotAllowed             the principal lacks a permission; names it
├── sign-in
│   ├── NotSignedIn            no session, or one that expired or was ended
│   ├── SessionNotFound        none of one's own has this id
│   ├── WrongCredentials       unknown name or wrong password; which of them is not said
│   ├── AccountNotActive       the password was right, but the account is suspended or closed
│   ├── SignInPaused           too many wrong tries; says how long to wait
│   ├── WeakPassword           says what is wrong with it
│   └── InvalidCode            a one-time code that is wrong, used or expired
├── transaction PIN
│   ├── PinNotSet
│   ├── PinAlreadySet
│   ├── PinWrong               says how many tries are left before a pause, or how long it is
│   ├── PinPaused              too many wrong tries; says how long to wait
│   └── WeakPin                says what is wrong with it
├── IllegalTransition          an event that the present state does not allow
└── TooBusy                    the queue for hashing secrets is full
"""

from dataclasses import dataclass
from enum import StrEnum

from ledger.errors import CampusError


class Problem(StrEnum):
    """What can be wrong with a field or a cell."""

    MISSING = "missing"
    MALFORMED = "malformed"
    TOO_LONG = "too_long"
    UNKNOWN = "unknown"
    REPEATED = "repeated"


class InvalidPerson(CampusError):
    """A person cannot be like that."""

    code = "invalid_person"

    def __init__(self, field: str, problem: Problem) -> None:
        super().__init__(f"{field}: {problem.value}")
        self.field = field
        self.problem = problem


class PersonNotFound(CampusError):
    """There is no such person."""

    code = "person_not_found"


class NumberTaken(CampusError):
    """Another person has this number."""

    code = "number_taken"


class UnreadableFile(CampusError):
    """The file is not a table of people; the message says why, without its contents."""

    code = "unreadable_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellError:
    """One cell that cannot be imported. It carries no value: those are personal."""

    row: int
    """As the table's program counts: the heading is row 1."""
    column: str
    """As the file calls it."""
    problem: Problem
    first_row: int | None = None
    """For a repeated number: where it stands first."""


class ImportRefused(CampusError):
    """Nothing was imported; `errors` are all that was found, by row."""

    code = "import_refused"

    def __init__(self, errors: tuple[CellError, ...]) -> None:
        super().__init__(f"{len(errors)} cells cannot be imported")
        self.errors = errors


class InvalidStaff(CampusError):
    """A member of staff cannot be like that."""

    code = "invalid_staff"

    def __init__(self, field: str, problem: Problem) -> None:
        super().__init__(f"{field}: {problem.value}")
        self.field = field
        self.problem = problem


class StaffNotFound(CampusError):
    """There is no such member of staff."""

    code = "staff_not_found"


class StaffNameTaken(CampusError):
    """Another member of staff has this name."""

    code = "staff_name_taken"


class NotAllowed(CampusError):
    """None of the principal's roles has the permission."""

    code = "not_allowed"

    def __init__(self, permission: str) -> None:
        super().__init__(f"this needs the permission {permission}")
        self.permission = permission


class NotSignedIn(CampusError):
    """The token opens no session, or no longer."""

    code = "not_signed_in"


class SessionNotFound(CampusError):
    """None of one's own sessions has this id."""

    code = "session_not_found"


class WrongCredentials(CampusError):
    """The name is unknown or the password wrong; which of them is not said."""

    code = "wrong_credentials"


class AccountNotActive(CampusError):
    """The password was right, but the account is suspended, disabled or closed."""

    code = "account_not_active"


class SignInPaused(CampusError):
    """Too many wrong tries; this one was neither looked at nor counted."""

    code = "sign_in_paused"
    transient = True

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many wrong tries: wait {retry_after_s} s")
        self.retry_after_s = retry_after_s


class WeakPassword(CampusError):
    """The password is too easy to guess, or too long; the message says which."""

    code = "weak_password"


class InvalidCode(CampusError):
    """The one-time code is wrong, was used, was replaced by a newer one or has expired."""

    code = "invalid_code"


class PinNotSet(CampusError):
    """The person has no transaction PIN yet."""

    code = "pin_not_set"


class PinAlreadySet(CampusError):
    """The person has a transaction PIN: it is changed with the old one, or by a reset code."""

    code = "pin_already_set"


class PinWrong(CampusError):
    """The PIN was looked at and is wrong."""

    code = "pin_wrong"

    def __init__(self, *, tries_left: int, retry_after_s: int) -> None:
        super().__init__("the PIN is wrong")
        self.tries_left = tries_left
        """Wrong tries that will still be followed by no pause."""
        self.retry_after_s = retry_after_s
        """The pause that this try began; 0 for none."""


class PinPaused(CampusError):
    """Too many wrong tries; this one was neither looked at nor counted."""

    code = "pin_paused"
    transient = True

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many wrong tries: wait {retry_after_s} s")
        self.retry_after_s = retry_after_s


class WeakPin(CampusError):
    """The PIN is not six digits or too easy to guess; the message says which."""

    code = "weak_pin"


class IllegalTransition(CampusError):
    """The present state does not allow the event; nothing changed."""

    code = "illegal_transition"

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"{event} is not possible when {state}")
        self.state = state
        self.event = event


class TooBusy(CampusError):
    """The queue for hashing secrets is full; nothing was looked at or counted."""

    code = "too_busy"
    transient = True
    retry_after_s = 1
