"""What a person sees of their money: one row for each thing that happened, newest first.

The statements of both wallets are walked together, so a purchase that both have paid is one row,
and each row has the balance of both right after it.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from engine.chart import AccountKind, TransferKind, account_id
from ledger.book import LedgerConnection, find_lines
from ledger.money import Fen
from ledger.queries import load
from ledger.statements import Side, StatementCursor, StatementLine, statement

_SQL = load("engine.sql", "transactions")
_NONE: Final = Fen(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a terminal stands."""

    merchant: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One thing that happened to a person's money; what was spent is negative."""

    id: UUID
    kind: TransferKind
    happened_at: datetime
    posted_at: datetime
    cash: Fen
    subsidy: Fen
    balance_after: Fen
    """Both wallets together."""
    place: Place | None
    """Of a purchase and of what was given back of it."""
    title: str | None
    """Of a subsidy."""

    @property
    def amount(self) -> Fen:
        """What both wallets gained or lost."""
        return self.cash + self.subsidy


class TransactionCursor(NamedTuple):
    """Where the next page goes on: after these lines of the wallets, and from this moment back."""

    posted_at: datetime
    cash: UUID | None
    subsidy: UUID | None


class TransactionPage(NamedTuple):
    """Rows, newest first, and the cursor of the next page if there may be one."""

    rows: tuple[Transaction, ...]
    next: TransactionCursor | None


async def list_transactions(
    connection: LedgerConnection,
    person_id: UUID,
    *,
    limit: int,
    cursor: TransactionCursor | None = None,
) -> TransactionPage:
    """Return a page of a person's transactions.

    What is posted later never changes the pages after a cursor. Reads one snapshot, so the
    connection must not be in a transaction. Raises AccountNotFound for who has no wallets.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        cash = _Walk(account_id(AccountKind.CASH_WALLET, person_id))
        subsidy = _Walk(account_id(AccountKind.SUBSIDY_WALLET, person_id))
        if cursor is not None:
            cash.go_on(cursor.cash, cursor.posted_at)
            subsidy.go_on(cursor.subsidy, cursor.posted_at)
        for walk in (cash, subsidy):
            await walk.read(connection, limit + 1)
        steps = _merge(cash, subsidy, limit)
        facts = await _find_facts(connection, steps)
    rows = tuple(_row(step, facts) for step in steps)
    if not steps or not (cash.ahead or subsidy.ahead):
        return TransactionPage(rows, None)
    following = TransactionCursor(steps[-1].line.posted_at, cash.passed, subsidy.passed)
    return TransactionPage(rows, following)


class _Walk:
    """One wallet's statement, walked back from its newest line."""

    def __init__(self, wallet: UUID) -> None:
        self.ahead: deque[StatementLine] = deque()
        self.passed: UUID | None = None
        self._wallet = wallet
        self._not_after: datetime | None = None
        self._entries: set[UUID] = set()

    def go_on(self, passed: UUID | None, not_after: datetime) -> None:
        """Begin after the line that was passed last; if none was, at lines no newer than that."""
        self.passed = passed
        self._not_after = not_after if passed is None else None

    async def read(self, connection: LedgerConnection, lines: int) -> None:
        """Read until so many lines are ahead, or all that there are."""
        cursor = None if self.passed is None else StatementCursor(self.passed, 0)
        while len(self.ahead) < lines:
            page = await statement(connection, self._wallet, limit=lines, cursor=cursor)
            self.ahead += [line for line in page.lines if self._is_wanted(line)]
            cursor = page.next
            if cursor is None:
                break
        self._entries = {line.entry_id for line in self.ahead}

    def holds(self, entry_id: UUID) -> bool:
        """Tell whether an entry lies ahead."""
        return entry_id in self._entries

    def step(self) -> StatementLine:
        """Pass the next line and return it."""
        line = self.ahead.popleft()
        self.passed = line.transfer_id
        self._entries.discard(line.entry_id)
        return line

    @property
    def balance(self) -> Fen:
        """The wallet's balance after the line that is next: what it was once that was posted."""
        return self.ahead[0].balance_after if self.ahead else _NONE

    def _is_wanted(self, line: StatementLine) -> bool:
        return self._not_after is None or line.posted_at <= self._not_after


class _Step(NamedTuple):
    """One row in the making: its line on either wallet or both, and the balance after it."""

    cash: StatementLine | None
    subsidy: StatementLine | None
    balance_after: Fen

    @property
    def line(self) -> StatementLine:
        """The line on the cash wallet or, without one, that on the subsidy wallet."""
        line = self.cash or self.subsidy
        assert line is not None, "a row has a line"
        return line


def _merge(cash: _Walk, subsidy: _Walk, limit: int) -> list[_Step]:
    """Return the next rows of both walks, newest first."""
    steps: list[_Step] = []
    while len(steps) < limit and (cash.ahead or subsidy.ahead):
        balance = cash.balance + subsidy.balance
        has_cash, has_subsidy = _next(cash, subsidy)
        steps.append(
            _Step(
                cash.step() if has_cash else None,
                subsidy.step() if has_subsidy else None,
                balance,
            )
        )
    return steps


def _next(cash: _Walk, subsidy: _Walk) -> tuple[bool, bool]:
    """Tell on which wallets the newest thing ahead has a line.

    A line whose entry also lies further ahead on the other wallet has to wait for what is there
    before it, whatever the clock said.
    """
    if not (cash.ahead and subsidy.ahead):
        return bool(cash.ahead), bool(subsidy.ahead)
    on_cash, on_subsidy = cash.ahead[0], subsidy.ahead[0]
    if on_cash.entry_id == on_subsidy.entry_id:
        return True, True
    if subsidy.holds(on_cash.entry_id):
        return False, True
    if cash.holds(on_subsidy.entry_id):
        return True, False
    is_cash = on_cash.posted_at >= on_subsidy.posted_at
    return is_cash, not is_cash


class _Facts(NamedTuple):
    """What the rows are about, by `about` of their lines."""

    places: Mapping[UUID | None, Place]
    titles: Mapping[UUID, str]


async def _find_facts(connection: LedgerConnection, steps: Sequence[_Step]) -> _Facts:
    about: defaultdict[str, set[UUID]] = defaultdict(set)
    for step in steps:
        if step.line.about is not None:
            about[step.line.kind].add(step.line.about)
    # Money given back is about its purchase, and that about its terminal.
    bought = about[TransferKind.REFUND] | about[TransferKind.REVERSAL]
    records = await find_lines(connection, bought) if bought else {}
    devices = {each: record.line.about for each, record in records.items()}
    places = await _find_places(connection, about[TransferKind.PURCHASE] | {*devices.values()})
    places |= {each: places[device] for each, device in devices.items() if device in places}
    batches = about[TransferKind.SUBSIDY] | about[TransferKind.SUBSIDY_UNDO]
    rows = await connection.fetch(_SQL.get("find_titles"), batches) if batches else []
    return _Facts(places, {row["id"]: row["title"] for row in rows})


async def _find_places(
    connection: LedgerConnection, device_ids: Collection[UUID | None]
) -> dict[UUID | None, Place]:
    rows = await connection.fetch(_SQL.get("find_places"), device_ids) if device_ids else []
    return {row["id"]: Place(merchant=row["merchant"], name=row["place"]) for row in rows}


def _row(step: _Step, facts: _Facts) -> Transaction:
    line = step.line
    assert line.about is not None, "all that moves a person's money says what it is about"
    return Transaction(
        id=line.entry_id,
        kind=TransferKind(line.kind),
        happened_at=line.event_at,
        posted_at=line.posted_at,
        cash=_signed(step.cash),
        subsidy=_signed(step.subsidy),
        balance_after=step.balance_after,
        place=facts.places.get(line.about),
        title=facts.titles.get(line.about),
    )


def _signed(line: StatementLine | None) -> Fen:
    if line is None:
        return _NONE
    return line.amount if line.side is Side.CREDIT else -line.amount
