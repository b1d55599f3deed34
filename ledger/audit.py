"""The auditor: checks over the books as they stand, each a query that must return no rows."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.book import LedgerConnection
from ledger.queries import load

_SQL = load("ledger.sql", "audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that is always true of the books."""

    name: str
    """The statement in `audit.sql`, and the name of the finding."""
    promise: str
    reads_all: bool
    """Does it read every transfer, or only the accounts and holds?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """A row that must not exist, as text; ids and sums only, nothing personal."""

    check: str
    detail: str


CHECKS: Final = (
    Check(
        name="debits_equal_credits",
        promise="Debits equal credits, per unit, pending and posted.",
        reads_all=False,
    ),
    Check(name="rules_hold", promise="No account breaks its own rule.", reads_all=False),
    Check(
        name="pending_is_held",
        promise="What is pending on an account is what its open holds hold.",
        reads_all=False,
    ),
    Check(
        name="sums_follow_transfers",
        promise="The sums of an account are those of its transfers.",
        reads_all=True,
    ),
    Check(
        name="versions_have_no_gap",
        promise="The transfers of an account with a rule are numbered without a gap.",
        reads_all=True,
    ),
    Check(
        name="entries_are_whole",
        promise="The transfers of an entry were posted together or refused together.",
        reads_all=True,
    ),
    Check(
        name="holds_end_once",
        promise="Every hold that ended was ended by exactly one transfer.",
        reads_all=True,
    ),
)

_FINDINGS_MAX: Final = 20


async def audit(
    connection: LedgerConnection,
    checks: Sequence[Check] = CHECKS,
    *,
    progress: Callable[[Check], Awaitable[None]] | None = None,
) -> list[AuditFinding]:
    """Run checks in one snapshot of the books; return what is wrong, at most 20 rows of each.

    The connection must be outside a transaction.
    """
    findings: list[AuditFinding] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for check in checks:
            if progress is not None:
                await progress(check)
            rows = await connection.fetch(_SQL.get(check.name))
            findings += [
                AuditFinding(check=check.name, detail=str(dict(row)))
                for row in rows[:_FINDINGS_MAX]
            ]
    return findings


def quick_checks() -> tuple[Check, ...]:
    """Return the checks whose cost does not grow with history, for running all the time."""
    return tuple(check for check in CHECKS if not check.reads_all)
