"""What a caller may ask of the ledger: transfers, linked into entries, and draws.

A caller makes every id (UUIDv7) before it asks, and asks again under the same id when it did not
hear the answer. Whatever these types let through, the ledger can decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from ledger.accounts import Account, Rule
from ledger.errors import InvalidTransfer
from ledger.ids import derived_id
from ledger.money import Fen

ENTRY_MAX: Final = 1_000
"""Transfers that one entry may link."""

DRAW_MAX: Final = 16
"""Accounts that one draw may take from."""

_WORD_LENGTH_MAX: Final = 40


class Phase(StrEnum):
    """What a transfer does with the money."""

    SINGLE = "single"
    """Moves it at once."""
    PENDING = "pending"
    """Holds it, until a later transfer ends the hold."""
    POST = "post"
    """Ends a hold by moving all or part of it; the rest is released."""
    VOID = "void"
    """Ends a hold by releasing it."""
    EXPIRE = "expire"
    """Ends a hold that nobody ended in time by releasing it."""


ENDS_A_HOLD: Final = frozenset({Phase.POST, Phase.VOID, Phase.EXPIRE})

# Looked up once: a member of an enum is found several times as fast under a name of its own.
_SINGLE: Final = Phase.SINGLE
_LIABILITY_RULE: Final = Rule.DEBITS_MUST_NOT_EXCEED_CREDITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One amount from a debit account to a credit account, or the end of such a hold.

    `single` and `pending` name both accounts and the amount. `post`, `void` and `expire` name
    the hold instead; `post` may name a part of its amount. `event_at` is when it happened, where
    it happened. `about` refers to the caller's own record. Raises InvalidTransfer.
    """

    id: UUID
    kind: str
    event_at: datetime
    amount: Fen | None = None
    debit_account: UUID | None = None
    credit_account: UUID | None = None
    phase: Phase = Phase.SINGLE
    hold_id: UUID | None = None
    expires_at: datetime | None = None
    about: UUID | None = None

    def __post_init__(self) -> None:
        _check_id(self.id)
        _check_word("kind", self.kind)
        _check_moment("event_at", self.event_at)
        if self.phase is not _SINGLE and self.phase in ENDS_A_HOLD:
            self._check_end()
        else:
            self._check_start()

    def _check_start(self) -> None:
        if self.amount is None:
            raise InvalidTransfer("amount", f"is needed for {self.phase}")
        if self.debit_account is None:
            raise InvalidTransfer("debit_account", f"is needed for {self.phase}")
        if self.credit_account is None:
            raise InvalidTransfer("credit_account", f"is needed for {self.phase}")
        if self.hold_id is not None:
            raise InvalidTransfer("hold_id", f"has no meaning for {self.phase}")
        if self.expires_at is not None:
            if self.phase is not Phase.PENDING:
                raise InvalidTransfer("expires_at", "has a meaning only for pending")
            _check_moment("expires_at", self.expires_at)

    def _check_end(self) -> None:
        if self.hold_id is None:
            raise InvalidTransfer("hold_id", f"is needed for {self.phase}")
        for field in ("debit_account", "credit_account", "expires_at"):
            if getattr(self, field) is not None:
                raise InvalidTransfer(field, f"is known from the hold for {self.phase}")
        if self.amount is not None and self.phase is not Phase.POST:
            raise InvalidTransfer("amount", f"is known from the hold for {self.phase}")


@dataclass(frozen=True, slots=True, init=False)
class Entry:
    """One to ENTRY_MAX linked transfers that post together or not at all.

    Its id is that of its first transfer. Raises InvalidTransfer.
    """

    transfers: tuple[Transfer, ...]

    def __init__(self, *transfers: Transfer) -> None:
        if not 1 <= len(transfers) <= ENTRY_MAX:
            raise InvalidTransfer("transfers", f"an entry links 1 to {ENTRY_MAX}")
        if len(transfers) > 1 and len({transfer.id for transfer in transfers}) < len(transfers):
            raise InvalidTransfer("id", "is repeated within the entry")
        object.__setattr__(self, "transfers", transfers)

    @property
    def id(self) -> UUID:
        """The id of the first transfer, under which the whole entry is known."""
        return self.transfers[0].id

    @property
    def size(self) -> int:
        """How many transfers it means, at most."""
        return len(self.transfers)

    def ids(self) -> Sequence[UUID]:
        """Return every id that a stored answer to this entry may have."""
        return [transfer.id for transfer in self.transfers]

    def account_ids(self) -> Sequence[UUID]:
        """Return the accounts that the entry names itself; holds name further ones."""
        first = self.transfers[0]
        if len(self.transfers) == 1 and first.debit_account and first.credit_account:
            return (first.debit_account, first.credit_account)
        named: list[UUID] = []
        for transfer in self.transfers:
            if transfer.debit_account is not None and transfer.credit_account is not None:
                named += (transfer.debit_account, transfer.credit_account)
        return named

    def hold_ids(self) -> Sequence[UUID]:
        """Return the holds that the entry ends."""
        if len(self.transfers) == 1 and self.transfers[0].hold_id is None:
            return ()
        return [transfer.hold_id for transfer in self.transfers if transfer.hold_id is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One amount to one account, taken from several accounts in order, as far as each has it.

    An account that no rule keeps from being debited has all that is asked. Which account gives
    how much is settled by the ledger at the moment of posting. The first
    transfer that results has the id of the draw, the next ones ids derived from it. If all
    accounts together have too little, the last one is refused and nothing moves.
    Raises InvalidTransfer.
    """

    id: UUID
    kind: str
    amount: Fen
    debit_accounts: tuple[UUID, ...]
    credit_account: UUID
    event_at: datetime
    about: UUID | None = None

    def __post_init__(self) -> None:
        _check_id(self.id)
        _check_word("kind", self.kind)
        _check_moment("event_at", self.event_at)
        if not 1 <= len(self.debit_accounts) <= DRAW_MAX:
            raise InvalidTransfer("debit_accounts", f"a draw takes from 1 to {DRAW_MAX} accounts")
        if len(set(self.debit_accounts)) < len(self.debit_accounts):
            raise InvalidTransfer("debit_accounts", "needs different accounts")

    @property
    def size(self) -> int:
        """How many transfers it means, at most."""
        return len(self.debit_accounts)

    def ids(self) -> Sequence[UUID]:
        """Return every id that a stored answer to this draw may have."""
        return [draw_id(self.id, index) for index in range(len(self.debit_accounts))]

    def account_ids(self) -> Sequence[UUID]:
        """Return the accounts that the draw names."""
        return [*self.debit_accounts, self.credit_account]

    def hold_ids(self) -> Sequence[UUID]:
        """Return nothing: a draw ends no hold."""
        return ()

    def entry(self, accounts: Mapping[UUID, Account]) -> Entry:
        """Return the transfers that this draw means for accounts as they stand.

        What the accounts before the last cannot give falls to the last one, whether or not it
        has it: refusing is the business of `decide`.
        """
        *firsts, last = self.debit_accounts
        left = self.amount.value
        parts: list[tuple[UUID, int]] = []
        for account_id in firsts:
            account = accounts.get(account_id)
            if account is None or account.is_closed:
                continue
            given = left
            if account.rule is _LIABILITY_RULE:
                given = min(left, account.available_fen)
            if given > 0:
                parts.append((account_id, given))
                left -= given
        if left or not parts:
            parts.append((last, left))
        return Entry(*[self._part(index, *part) for index, part in enumerate(parts)])

    def _part(self, index: int, debit_account: UUID, amount: int) -> Transfer:
        return Transfer(
            id=draw_id(self.id, index),
            kind=self.kind,
            event_at=self.event_at,
            amount=self.amount if amount == self.amount.value else Fen(amount),
            debit_account=debit_account,
            credit_account=self.credit_account,
            about=self.about,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Take an id out of use: what was not posted under it until now never will be.

    The caller's own refusal becomes as final as the ledger's: `code` is the answer to whatever
    is asked later under the id. If the id is on record already, the answer is what is there.
    `amount` is the one that was refused, if it is known. Raises InvalidTransfer.
    """

    id: UUID
    kind: str
    code: str
    event_at: datetime
    amount: Fen | None = None
    about: UUID | None = None

    def __post_init__(self) -> None:
        _check_id(self.id)
        _check_word("kind", self.kind)
        _check_word("code", self.code)
        _check_moment("event_at", self.event_at)

    @property
    def size(self) -> int:
        """How many transfers it means: the refused one."""
        return 1

    def ids(self) -> Sequence[UUID]:
        """Return the id."""
        return (self.id,)

    def account_ids(self) -> Sequence[UUID]:
        """Return nothing: no account is touched."""
        return ()

    def hold_ids(self) -> Sequence[UUID]:
        """Return nothing: no hold is touched."""
        return ()


Intent = Entry | Draw | Refuse


@dataclass(frozen=True, slots=True)
class Effect:
    """A row for a set-based statement that runs in the transaction of the posting.

    Rows of all entries of a batch that name the same `sql` are handed to it at once, one array
    for each value: $1 is the array of first values. The statement returns one number: how many
    of the rows held and took effect. If that is not all of them, the entry whose row did not is
    found and nothing of it is posted. Effects of a refused entry are not run.
    """

    sql: str
    row: tuple[object, ...]


def draw_id(base: UUID, index: int) -> UUID:
    """Return the id of the transfer number `index` of a draw."""
    return base if index == 0 else derived_id(base, f"draw {index}")


def _check_id(identifier: UUID) -> None:
    if (identifier.int >> 76) & 0xF != 7:  # noqa: PLR2004  the version field of RFC 9562
        raise InvalidTransfer("id", "must be a UUIDv7")


def _check_word(field: str, word: str) -> None:
    if not word.isidentifier() or len(word) > _WORD_LENGTH_MAX:
        raise InvalidTransfer(field, f"must be a word of at most {_WORD_LENGTH_MAX} characters")


def _check_moment(field: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        raise InvalidTransfer(field, "needs its time zone")
