"""Short ways to say what the tests ask of the ledger."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from ledger.ids import uuid7
from ledger.money import Fen
from ledger.transfers import Draw, Phase, Refuse, Transfer

T = TypeVar("T", bound=Transfer | Draw | Refuse)

LUNCH: Final = datetime(2026, 3, 2, 4, 5, 6, 789_012, tzinfo=UTC)


def single(debit: UUID, credit: UUID, amount_fen: int) -> Transfer:
    return Transfer(
        id=uuid7(),
        kind="purchase",
        event_at=LUNCH,
        amount=Fen(amount_fen),
        debit_account=debit,
        credit_account=credit,
    )


def hold(
    debit: UUID, credit: UUID, amount_fen: int, *, expires_at: datetime | None = None
) -> Transfer:
    return Transfer(
        id=uuid7(),
        kind="authorization",
        event_at=LUNCH,
        amount=Fen(amount_fen),
        debit_account=debit,
        credit_account=credit,
        phase=Phase.PENDING,
        expires_at=expires_at,
    )


def end(hold_id: UUID, phase: Phase = Phase.POST, *, amount_fen: int | None = None) -> Transfer:
    return Transfer(
        id=uuid7(),
        kind="capture",
        event_at=LUNCH,
        amount=None if amount_fen is None else Fen(amount_fen),
        phase=phase,
        hold_id=hold_id,
    )


def draw(debits: tuple[UUID, ...], credit: UUID, amount_fen: int) -> Draw:
    return Draw(
        id=uuid7(),
        kind="purchase",
        event_at=LUNCH,
        amount=Fen(amount_fen),
        debit_accounts=debits,
        credit_account=credit,
    )


def burn(id_: UUID, code: str = "reversed") -> Refuse:
    return Refuse(id=id_, kind="purchase", code=code, event_at=LUNCH)


def changed(asked: T, field: str, value: Any) -> T:
    """Ask the same with one field changed, whether or not that makes sense."""
    return replace(asked, **{field: value})
