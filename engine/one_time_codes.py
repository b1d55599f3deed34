"""One-time codes: staff hand one to its owner, who with it sets a secret that staff never see.

A code is 12 characters of 5 random bits. At 60 bits it cannot be guessed within its life, neither
at the door nor from its SHA-256, so wrong codes need no pause.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from engine.audit_trail import Action, Actor, AuditEvent, record
from engine.principals import Owner
from ledger.book import LedgerConnection
from ledger.queries import load

_SQL = load("engine.sql", "one_time_codes")
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_READ_AS: Final = str.maketrans("ILO", "110", "- ")
_LENGTH: Final = 12
_GROUP: Final = 4

CODE_LIFE: Final = timedelta(days=7)


class Purpose(StrEnum):
    """What a code is good for."""

    SET_PASSWORD = "set_password"  # noqa: S105  a word, not a secret
    SET_PIN = "set_pin"


async def issue_code(
    connection: LedgerConnection, owner: Owner, purpose: Purpose, *, actor: Actor, at: datetime
) -> str:
    """Make a code that voids the owner's earlier one, record who did, and return it.

    It exists nowhere else: show it once, as `K7QX-2M4R-9TCD`. Expires after `CODE_LIFE`.
    """
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    await connection.execute(
        _SQL.get("put_code"),
        owner.person_id,
        owner.staff_id,
        purpose,
        _code_hash(code),
        at + CODE_LIFE,
    )
    event = AuditEvent(
        at=at,
        actor=actor,
        action=Action.CODE_ISSUED,
        subject=owner.subject,
        details={"purpose": purpose},
    )
    await record(connection, event)
    return "-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


async def is_code(
    connection: LedgerConnection, owner_id: UUID, purpose: Purpose, *, code: str, at: datetime
) -> bool:
    """Tell whether a code could be used now, without using it."""
    return bool(
        await connection.fetchval(_SQL.get("find_code"), owner_id, purpose, _code_hash(code), at)
    )


async def use_code(
    connection: LedgerConnection, owner_id: UUID, purpose: Purpose, *, code: str, at: datetime
) -> bool:
    """Use a code up in the caller's transaction. Returns False when it is not, or no longer, good.

    However a code is used at once, one caller is told True.
    """
    used = await connection.fetchval(_SQL.get("use_code"), owner_id, purpose, _code_hash(code), at)
    return used is not None


def _code_hash(code: str) -> bytes:
    read = code.upper().translate(_READ_AS)
    return hashlib.sha256(read.encode(errors="surrogatepass")).digest()
