"""How the demo campus comes to be.

What a campus is made of is written in one transaction, so it is there whole or not at all. What
comes after it, `engine.demo.outfitting`, goes on where an interrupted start left it.

The engine's own functions do the work; where they take people one at a time, as for cards, one
statement does it for thousands. All money is moved by the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from engine.actions import CampusAction
from engine.admission import admit_people
from engine.argon import ArgonPool
from engine.audit_trail import Actor, ActorKind, AuditEvent, Subject, record
from engine.campus_settings import change_settings, get_settings
from engine.card_numbers import new_card_number
from engine.cards import CardEvent, change_card
from engine.chart import AccountKind, TransferKind, account_id
from engine.demo.chance import chance
from engine.demo.places import SHOPS
from engine.demo.population import monthly_purchases
from engine.demo.record import Account, DemoRecord, new_password, save
from engine.devices import add_device
from engine.merchants import add_merchant
from engine.passwords import seed_passwords
from engine.people import NewPerson
from engine.permissions import Role
from engine.principals import Owner, OwnerKind
from engine.staff import create_staff
from engine.subsidies import NewBatch, approve, prepare
from engine.subsidy_files import SubsidyRow, SubsidyTable
from ledger.book import Asked, LedgerConnection, post
from ledger.errors import CampusError
from ledger.ids import uuid7
from ledger.money import Fen
from ledger.queries import load
from ledger.time import business_day
from ledger.transfers import Entry, Transfer

DEMO: Final = Actor(kind=ActorKind.SYSTEM, id=None, name="demo")
_SQL = load("engine.demo", "founding")
_STAFF: Final = (
    ("card-centre", Role.CARD_CENTRE),
    ("finance", Role.FINANCE),
    ("finance-2", Role.FINANCE),  # it takes two to hand out subsidies
    ("auditor", Role.AUDITOR),
    ("operator", Role.OPERATOR),
)
_NAMED_OF_EACH_KIND: Final = 2
_ENTRIES_AT_A_TIME: Final = 5_000
_CARD_LIFE: Final = timedelta(days=5 * 365)
_LOST_CARDS: Final = 12
_DAY_LIMIT: Final = Fen(10_000_000)
_PAID_IN_FEN: Final = (2_000, 4_000, 6_000, 8_000, 12_000, 20_000)
_PAID_IN_WEIGHTS: Final = (15, 25, 25, 15, 15, 5)
_SUBSIDIES_FEN: Final = (10_000, 15_000, 20_000, 30_000)
_SUBSIDY_TITLE: Final = "伙食补助"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be founded."""

    seed: int
    people: Sequence[NewPerson]
    doors: Sequence[str]
    purchases: Mapping[str, int] | None = None
    """In a month, by number, where they are not drawn by the seed."""

    def purchases_of(self, number: str) -> int:
        """Return how often somebody buys in a month."""
        if self.purchases is None:
            return monthly_purchases(self.seed, number)
        return self.purchases.get(number, 0)


async def is_founded(connection: LedgerConnection) -> bool:
    """Tell whether the campus has people, whoever they are."""
    return bool(await connection.fetchval(_SQL.get("has_people")))


async def has_pins(connection: LedgerConnection) -> bool:
    """Tell whether anybody has a PIN."""
    return bool(await connection.fetchval(_SQL.get("has_pins")))


async def found(
    connection: LedgerConnection, plan: Plan, *, argon: ArgonPool, folder: Path, at: datetime
) -> DemoRecord:
    """Make the campus in the caller's transaction, and write in `folder` what must be remembered.

    `argon` should be a pool with the `DEMO` parameters.
    """
    assert connection.is_in_transaction(), "whole or not at all"
    await admit_people(connection, plan.people, actor=DEMO, at=at, progress=lambda _, __: None)
    rows = await connection.fetch(_SQL.get("find_people"))
    ids: dict[str, UUID] = {row["number"]: row["id"] for row in rows}
    people = _named_people(plan)
    staff = await _appoint_staff(connection, at=at)
    passwords = {Owner(OwnerKind.PERSON, ids[each.login]): each.password for each in people}
    passwords |= {Owner(OwnerKind.STAFF, key): each.password for key, each in staff.items()}
    await seed_passwords(connection, argon, passwords, at=at)
    cards = await _hand_out_cards(connection, ids, at=at)
    named = {each.login for each in people}
    others = [card for number, card in cards.items() if number not in named]
    await _lose_some_cards(connection, others, plan.seed, at=at)
    await _raise_day_limit(connection, at=at)
    await _open_shops(connection, plan.doors, at=at)
    await _pay_in(connection, ids, plan.seed, at=at)
    finance = [_actor(key, each) for key, each in staff.items() if each.name == Role.FINANCE]
    await _hand_out_subsidies(connection, list(ids), finance, seed=plan.seed, at=at)
    founded = DemoRecord(
        seed=plan.seed,
        people=people,
        staff=tuple(staff.values()),
        purchases=None if plan.purchases is None else dict(plan.purchases),
    )
    save(founded, folder)
    return founded


def pin_of(seed: int, number: str) -> str:
    """Return the PIN that a made-up person would choose."""
    return f"{chance('pin', seed, number).randrange(1_000_000):06}"


def _actor(staff_id: UUID, account: Account) -> Actor:
    return Owner(OwnerKind.STAFF, staff_id).as_actor(account.login)


def _named_people(plan: Plan) -> tuple[Account, ...]:
    """Return accounts for the first two of each kind of person, of those who buy anything."""
    buyers = [person for person in plan.people if plan.purchases_of(person.number)]
    first: dict[str, list[NewPerson]] = {}
    for person in buyers or plan.people:
        alike = first.setdefault(person.kind, [])
        if len(alike) < _NAMED_OF_EACH_KIND:
            alike.append(person)
    return tuple(
        Account(
            login=person.number,
            name=person.name,
            password=new_password(),
            pin=pin_of(plan.seed, person.number),
        )
        for alike in first.values()
        for person in alike
    )


async def _appoint_staff(connection: LedgerConnection, *, at: datetime) -> dict[UUID, Account]:
    staff = {}
    for name, role in _STAFF:
        member = await create_staff(connection, name, [role], actor=DEMO, at=at)
        staff[member.id] = Account(login=name, name=role, password=new_password())
    return staff


async def _hand_out_cards(
    connection: LedgerConnection, ids: Mapping[str, UUID], *, at: datetime
) -> dict[str, UUID]:
    cards = {number: uuid7(at) for number in ids}
    await connection.execute(
        _SQL.get("hand_out_cards"),
        list(cards.values()),
        [new_card_number() for _ in cards],
        list(ids.values()),
        business_day(at + _CARD_LIFE),
    )
    event = AuditEvent(
        at=at,
        actor=DEMO,
        action=CampusAction.CARD_ISSUED,
        subject=Subject(kind="people"),
        details={"cards": len(cards)},
    )
    await record(connection, event)
    return cards


async def _lose_some_cards(
    connection: LedgerConnection, cards: Sequence[UUID], seed: int, *, at: datetime
) -> None:
    """Report some cards lost, so that whoever finds one is declined now and then."""
    lost = chance("lost", seed).sample(cards, min(_LOST_CARDS, len(cards) // 100))
    for card in lost:
        await change_card(connection, card, CardEvent.REPORT_LOST, actor=DEMO, at=at)


async def _raise_day_limit(connection: LedgerConnection, *, at: datetime) -> None:
    """Let people spend what they spend on a day of theirs, of which one of ours has many."""
    settings = replace(await get_settings(connection), day_limit=_DAY_LIMIT)
    await change_settings(connection, settings, actor=DEMO, at=at)


async def _open_shops(connection: LedgerConnection, doors: Sequence[str], *, at: datetime) -> None:
    for shop in SHOPS:
        merchant = await add_merchant(connection, shop.name, actor=DEMO, at=at)
        for place in shop.tills:
            await add_device(connection, place, merchant_id=merchant.id, actor=DEMO, at=at)
    for place in doors:
        await add_device(connection, place, merchant_id=None, actor=DEMO, at=at)


async def _pay_in(
    connection: LedgerConnection, ids: Mapping[str, UUID], seed: int, *, at: datetime
) -> None:
    """Let everybody pay something in at the desk: as `engine.cash_desk` does it for one."""
    amounts = chance("paid in", seed).choices(_PAID_IN_FEN, _PAID_IN_WEIGHTS, k=len(ids))
    payments = [uuid7(at) for _ in ids]
    await connection.execute(_SQL.get("add_payments"), payments, list(ids.values()), amounts, at)
    transfers = [
        Transfer(
            id=payment_id,
            kind=TransferKind.CASH_PAYMENT,
            event_at=at,
            amount=Fen(amount_fen),
            debit_account=account_id(AccountKind.CASH_DESK),
            credit_account=account_id(AccountKind.CASH_WALLET, person_id),
            about=person_id,
        )
        for payment_id, person_id, amount_fen in zip(payments, ids.values(), amounts, strict=True)
    ]
    asked = [Asked(Entry(transfer)) for transfer in transfers]
    for start in range(0, len(asked), _ENTRIES_AT_A_TIME):
        for outcome in await post(connection, asked[start : start + _ENTRIES_AT_A_TIME]):
            if isinstance(outcome, CampusError):
                raise outcome


async def _hand_out_subsidies(
    connection: LedgerConnection,
    numbers: Sequence[str],
    finance: Sequence[Actor],
    *,
    seed: int,
    at: datetime,
) -> None:
    """Give a fifth of the people a subsidy: one of the two prepares it, the other approves."""
    random = chance("subsidies", seed)
    rows = tuple(
        SubsidyRow(row=row, number=number, amount=Fen(random.choice(_SUBSIDIES_FEN)))
        for row, number in enumerate(random.sample(numbers, -(-len(numbers) // 5)), start=2)
    )
    batch = NewBatch(id=uuid7(at), title=_SUBSIDY_TITLE, table=SubsidyTable(rows=rows))
    await prepare(connection, batch, actor=finance[0], at=at)
    await approve(connection, batch.id, actor=finance[1], at=at)
