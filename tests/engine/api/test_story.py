"""A week of one student, told through every door of the engine."""

from base64 import b64encode
from datetime import date
from pathlib import Path
from uuid import UUID

from engine.permissions import Role
from engine.principals import OwnerKind
from ledger.ids import uuid7
from ledger.time import wall_clock
from terminals.identity import Identity, new_private_key, public_key_of
from terminals.link import Link
from terminals.messages import (
    Answer,
    Approved,
    Declined,
    Purchase,
    Refund,
    Refunded,
    Reversal,
    ReversalState,
    Reversed,
    to_moment,
)
from tests.databases import Database
from tests.engine.api.callers import Body, Caller, sign_in, staff_caller
from tests.engine.running import RunningEngine, running_engine

NUMBER = "20190001"
PASSWORD = "a long enough password"
PIN = "135790"
EXPIRES_ON = date(2040, 8, 31).isoformat()


async def test_money_goes_its_way_through_every_door(database: Database, tmp_path: Path) -> None:
    async with running_engine(database, tmp_path) as engine:
        centre = await staff_caller(engine, "card.centre", Role.CARD_CENTRE)
        student_id, card = await admit_student(centre)
        till = await set_up_till(engine)
        student = await activate_student(engine, centre, student_id)
        async with engine.linked(till) as (link, _):
            lunch = await sell(link, str(card["number"]), 1_250)
            assert isinstance(lunch, Approved)
            await look_at_it(student, lunch)

            lost = await student.post(f"/v1/me/cards/{card['id']}/loss", pin=PIN)
            assert lost["state"] == "lost"
            declined = await sell(link, str(card["number"]), 100)
            assert isinstance(declined, Declined)
            assert (declined.code, declined.text) == ("card_lost", "此卡已挂失")

            new = await centre.post(
                f"/v1/staff/cards/{card['id']}/replacement", expires_on=EXPIRES_ON
            )
            dinner = await sell(link, str(new["number"]), 2_000)
            assert isinstance(dinner, Approved)
            assert dinner.balance_after_fen == 6_750

            refunded = await give_back(link, lunch, 1_000)
            assert refunded.refunded_total_fen == 1_000
            assert (await take_back(link, dinner)).state is ReversalState.UNDONE
        assert (await student.get("/v1/me/balance"))["available_fen"] == 9_750
        await check_books(engine, student)


async def admit_student(centre: Caller) -> tuple[str, Body]:
    """Add a student, issue and activate a card, take 100 yuan."""
    added = await centre.post(
        "/v1/staff/people", number=NUMBER, name="李雷", kind="student", college="数学学院"
    )
    person_id = str(added["id"])
    card = await centre.post(f"/v1/staff/people/{person_id}/cards", expires_on=EXPIRES_ON)
    await centre.post(f"/v1/staff/cards/{card['id']}/state", event="activate")
    paid = await centre.post(
        "/v1/staff/cash-payments", id=str(uuid7()), person_id=person_id, amount_fen=10_000
    )
    assert paid["cash_after_fen"] == 10_000
    return person_id, card


async def set_up_till(engine: RunningEngine) -> Identity:
    """Let staff add a till, and the till enrol itself."""
    finance = await staff_caller(engine, "finance", Role.FINANCE)
    operator = await staff_caller(engine, "operator", Role.OPERATOR)
    merchant = await finance.post("/v1/staff/merchants", name="第一食堂")
    added = await operator.post("/v1/staff/terminals", place="1号窗口", merchant_id=merchant["id"])
    made = await operator.post(f"/v1/staff/terminals/{added['id']}/codes")
    key = new_private_key()
    enrolled = await Caller(engine.client).post(
        "/v1/terminals/enrolments",
        code=made["code"],
        public_key=b64encode(public_key_of(key)).decode(),
    )
    assert enrolled["terminal_id"] == added["id"]
    assert enrolled["merchant"] == "第一食堂"
    return Identity(
        terminal_id=UUID(str(added["id"])), campus=str(enrolled["campus"]), private_key=key
    )


async def activate_student(engine: RunningEngine, centre: Caller, person_id: str) -> Caller:
    """Let the student choose a password and a PIN, and sign in anew."""
    made = await centre.post(f"/v1/staff/people/{person_id}/password-codes")
    await Caller(engine.client).post(
        "/v1/activation", kind="person", login=NUMBER, code=made["code"], password=PASSWORD
    )
    student = await sign_in(engine, OwnerKind.PERSON, NUMBER, PASSWORD)
    await student.post("/v1/me/pin", pin=PIN)
    return student


async def look_at_it(student: Caller, lunch: Approved) -> None:
    """Let the student see the purchase, where it was and what is left."""
    page = await student.get("/v1/me/transactions")
    items = page["items"]
    assert isinstance(items, list)
    newest = items[0]
    assert (newest["id"], newest["kind"]) == (str(lunch.id), "purchase")
    assert (newest["amount_fen"], newest["balance_after_fen"]) == (-1_250, 8_750)
    assert (newest["merchant"], newest["place"]) == ("第一食堂", "1号窗口")
    assert [item["kind"] for item in items] == ["purchase", "cash_payment"]


async def check_books(engine: RunningEngine, student: Caller) -> None:
    """The books balance, and the student can see who did what."""
    auditor = await staff_caller(engine, "auditor", Role.AUDITOR)
    books = await auditor.get("/v1/staff/trial-balance")
    assert books["debits_fen"] == books["credits_fen"] == 16_250
    events = (await student.get("/v1/me/events"))["items"]
    assert isinstance(events, list)
    assert [event["action"] for event in events][:3] == [
        "card.issued",
        "card.replaced",
        "card.reported_lost",
    ]


async def sell(link: Link, card: str, amount: int) -> Answer:
    now = wall_clock()
    return await link.request(
        Purchase(id=uuid7(now), card=card, amount_fen=amount, event_at=to_moment(now))
    )


async def give_back(link: Link, purchase: Approved, amount: int) -> Refunded:
    now = wall_clock()
    answer = await link.request(
        Refund(id=uuid7(now), purchase_id=purchase.id, amount_fen=amount, event_at=to_moment(now))
    )
    assert isinstance(answer, Refunded)
    return answer


async def take_back(link: Link, purchase: Approved) -> Reversed:
    now = wall_clock()
    answer = await link.request(
        Reversal(id=uuid7(now), purchase_id=purchase.id, event_at=to_moment(now))
    )
    assert isinstance(answer, Reversed)
    return answer
