"""How a request can fail before an operation sees it.

CampusError
├── PathNotFound                no operation has this path
├── MethodNotAllowed            operations of this path have other methods
├── InvalidRequest              body, path, query or header is not what was asked for; names it
├── InvalidCursor               not a cursor that this listing gave out
├── IdempotencyKeyMissing       a request that moves money has no id
├── IdempotencyKeyMismatch      header and body name different ids
├── BodyTooLarge                more bytes than the operation takes
├── UnsupportedMediaType        the body is not declared as JSON
├── RateLimited                 too many requests; says when to come back
├── ServerBusy                  too many requests by everybody; nothing was taken in
├── TimedOut                    no answer in time; the outcome is open
├── OutOfReach                  the database cannot be reached; the outcome is open
└── InternalError               our mistake, of whatever kind; the outcome is open
"""

from ledger.errors import CampusError


class PathNotFound(CampusError):
    """A path that no operation has."""

    code = "path_not_found"

    def __init__(self) -> None:
        super().__init__("nothing is here")


class MethodNotAllowed(CampusError):
    """A method that the operations of this path do not have; the header `Allow` names theirs."""

    code = "method_not_allowed"

    def __init__(self) -> None:
        super().__init__("this path has other methods")


class InvalidRequest(CampusError):
    """A request that does not have the form its operation asks for; `field` is where."""

    code = "invalid_request"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class InvalidCursor(CampusError):
    """A cursor that this listing never gave out, or no longer understands."""

    code = "invalid_cursor"

    def __init__(self) -> None:
        super().__init__("start again without a cursor")
        self.field = "cursor"


class IdempotencyKeyMissing(CampusError):
    """A request that moves money and names no id: it could not be repeated safely."""

    code = "idempotency_key_missing"

    def __init__(self) -> None:
        super().__init__("send a UUIDv7 as `id` in the body or as Idempotency-Key header")


class IdempotencyKeyMismatch(CampusError):
    """A request whose header and body name different ids."""

    code = "idempotency_key_mismatch"

    def __init__(self) -> None:
        super().__init__("the Idempotency-Key header and the `id` in the body differ")
        self.field = "id"


class BodyTooLarge(CampusError):
    """A body of more bytes than the operation takes."""

    code = "body_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body may have {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class UnsupportedMediaType(CampusError):
    """A body that is not declared as JSON.

    Browsers ask before they send this type to another site, which plain forms cannot do.
    """

    code = "unsupported_media_type"

    def __init__(self) -> None:
        super().__init__("send the body as application/json")


class RateLimited(CampusError):
    """More requests than this caller may make; a place is free after `retry_after_s` seconds."""

    code = "rate_limited"
    transient = True

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class ServerBusy(CampusError):
    """More requests at once than we serve. Nothing was done."""

    code = "server_busy"
    transient = True

    def __init__(self) -> None:
        super().__init__("too many requests at once")
        self.retry_after_s = 1


class TimedOut(CampusError):
    """No answer in time, perhaps for want of the body. The outcome is open: ask again, same id."""

    code = "timed_out"
    transient = True

    def __init__(self) -> None:
        super().__init__("no answer in time; ask again under the same id")
        self.retry_after_s = 1


class OutOfReach(CampusError):
    """The database cannot be reached. The outcome is open: ask again, same id."""

    code = "database_unavailable"
    transient = True

    def __init__(self) -> None:
        super().__init__("the database is out of reach; ask again under the same id")
        self.retry_after_s = 1


class InternalError(CampusError):
    """Our mistake. The outcome is open; whoever asks us about it names the request's id."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("this should not have happened; please tell us the request id")
