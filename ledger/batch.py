"""A batch: entries that were decided one after the other and will be written together.

It remembers how each account stood before its first entry, since that is what the write must
find unchanged, and how it stands after its last. The map of accounts that it decides over is
shared: the next batch goes on from it while this one is being written.
"""

from operator import attrgetter
from uuid import UUID

from ledger.accounts import Account, Rule
from ledger.decide import Decision, Hold, Line, decide, refused_line
from ledger.transfers import Effect, Entry, Intent, Refuse

_BYTES = attrgetter("bytes")  # order ids as PostgreSQL does


class Batch:
    """Decides entries over a map of accounts, which it changes, and keeps what must be written."""

    def __init__(self, accounts: dict[UUID, Account], holds: dict[UUID, Hold]) -> None:
        self.accounts = accounts
        self.holds = holds
        self.moved: dict[UUID, tuple[Account, Account]] = {}
        self.read: dict[UUID, Account] = {}
        self.lines: list[Line] = []
        self.new_holds: set[UUID] = set()
        self.ended_holds: set[UUID] = set()
        self.effects: dict[str, list[tuple[object, ...]]] = {}

    def add(self, intent: Intent, effects: tuple[Effect, ...] = ()) -> tuple[Line, ...]:
        """Decide an intent after all that were added before it, and return its lines."""
        if not isinstance(intent, Entry):
            if isinstance(intent, Refuse):
                line = refused_line(intent)
                self.lines.append(line)
                return (line,)
            self._note_read(intent.debit_accounts)
            intent = intent.entry(self.accounts)
        decision = decide(self.accounts, self.holds, intent)
        if decision.refusal is None:
            self._take_over(decision)
            for effect in effects:
                self.effects.setdefault(effect.sql, []).append(effect.row)
        else:
            self._note_read(decision.read)
        self.lines += decision.lines
        return decision.lines

    def knows(self, intent: Intent) -> bool:
        """Tell whether all that an intent rests on is in memory."""
        accounts = self.accounts
        for account_id in intent.account_ids():
            if account_id not in accounts:
                return False
        return not intent.hold_ids() or not (
            self.unknown_holds(intent) or self.unknown_accounts(intent)
        )

    def unknown_holds(self, intent: Intent) -> list[UUID]:
        """Return the holds that an intent ends and that are not in memory."""
        return [each for each in intent.hold_ids() if each not in self.holds]

    def unknown_accounts(self, intent: Intent) -> list[UUID]:
        """Return the accounts, those of known holds included, that are not in memory."""
        named = [*intent.account_ids()]
        for hold_id in intent.hold_ids():
            hold = self.holds.get(hold_id)
            if hold is not None:
                named += (hold.debit_account, hold.credit_account)
        return [each for each in named if each not in self.accounts]

    def moves(self) -> list[tuple[Account, Account]]:
        """Return each account that moved, before and after, in id order."""
        return [self.moved[each] for each in sorted(self.moved, key=_BYTES)]

    def only_read(self) -> list[Account]:
        """Return each account that decisions rest on but that did not move."""
        return [account for account in self.read.values() if account.id not in self.moved]

    def changed_holds(self) -> set[UUID]:
        """Return the holds that this batch made or ended."""
        return self.new_holds | self.ended_holds

    def _take_over(self, decision: Decision) -> None:
        accounts, moved = self.accounts, self.moved
        for after in decision.accounts:
            account_id = after.id
            earlier = moved.get(account_id)
            moved[account_id] = (earlier[0] if earlier else accounts[account_id], after)
            accounts[account_id] = after
        for hold in decision.holds:
            if hold.id not in self.holds:
                self.new_holds.add(hold.id)
            elif hold.id not in self.new_holds:
                self.ended_holds.add(hold.id)
            self.holds[hold.id] = hold

    def _note_read(self, account_ids: tuple[UUID, ...]) -> None:
        for account_id in account_ids:
            account = self.accounts.get(account_id)
            if account is not None and account.rule is not Rule.NONE:
                self.read.setdefault(account_id, account)
