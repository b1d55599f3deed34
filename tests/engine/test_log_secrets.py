"""A student's day in the log: everything that happens is there, nothing that must not be."""

import re
from base64 import b64encode
from pathlib import Path

import pytest

from engine.permissions import Role
from engine.principals import OwnerKind
from engine.settings import LogLevel
from ledger.ids import uuid7
from ledger.time import wall_clock
from terminals.link import Link
from terminals.messages import Answer, Approved, Declined, Purchase, to_moment
from tests.databases import Database
from tests.engine.api.callers import Body, Caller, staff_caller
from tests.engine.api.test_story import (
    NUMBER,
    PASSWORD,
    PIN,
    activate_student,
    admit_student,
    set_up_till,
)
from tests.engine.running import running_engine
from tests.identities import PASSWORD as STAFF_PASSWORD
from tests.logs import captured_logs

NAME = "李雷"
WRONG_PASSWORD = "a mistyped password"
WRONG_PIN = "864209"
UNKNOWN_CARD = "6228480402564890"


async def pay(link: Link, card: str, amount_fen: int, pin: str | None = None) -> Answer:
    return await link.request(
        Purchase(
            id=uuid7(),
            card=card,
            amount_fen=amount_fen,
            event_at=to_moment(wall_clock()),
            pin=pin,
        )
    )


def is_told(secret: str, log: str) -> bool:
    """Tell whether a secret stands in the log, and not by chance within an id or a moment."""
    return re.search(rf"(?<![\w.-]){re.escape(secret)}(?![\w-])", log) is not None


@pytest.fixture
async def day(database: Database, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """The log of a day, and the secrets that were used in it."""
    with captured_logs(level=LogLevel.DEBUG) as log:
        async with running_engine(database, tmp_path) as engine:
            centre = await staff_caller(engine, "card.centre", Role.CARD_CENTRE)
            person_id, card = await admit_student(centre)
            number = str(card["number"])
            till = await set_up_till(engine)
            student = await activate_student(engine, centre, person_id)
            stranger = Caller(engine.client, token="not-a-token-of-ours")
            wrong: Body = {"kind": OwnerKind.PERSON, "login": NUMBER, "password": WRONG_PASSWORD}
            assert (await stranger.ask("POST", "/v1/sign-in", wrong)).status_code == 401
            assert (await stranger.ask("GET", "/v1/me")).status_code == 401
            assert (await stranger.ask("GET", f"/v1/{NUMBER}")).status_code == 404
            async with engine.linked(till) as (link, _):
                assert isinstance(await pay(link, number, 1_250), Approved)
                assert isinstance(await pay(link, number, 6_000, pin=WRONG_PIN), Declined)
                assert isinstance(await pay(link, number, 6_000, pin=PIN), Approved)
                assert isinstance(await pay(link, UNKNOWN_CARD, 1_250), Declined)
            await student.post(f"/v1/me/cards/{card['id']}/loss", pin=PIN)
    return log.getvalue(), {
        "password": PASSWORD,
        "staff password": STAFF_PASSWORD,
        "wrong password": WRONG_PASSWORD,
        "PIN": PIN,
        "wrong PIN": WRONG_PIN,
        "card number": number,
        "unknown card": UNKNOWN_CARD,
        "personal number": NUMBER,
        "name": NAME,
        "session of the student": student.token,
        "session of staff": centre.token,
        "token of nobody": stranger.token,
        "key of the terminal": till.private_key.hex(),
        "key of the terminal in base64": b64encode(till.private_key).decode(),
    }


async def test_no_secret_of_a_day_is_in_its_log(day: tuple[str, dict[str, str]]) -> None:
    log, secrets = day
    assert [what for what, secret in secrets.items() if is_told(secret, log)] == []


async def test_what_happened_is_in_the_log(day: tuple[str, dict[str, str]]) -> None:
    log, _ = day
    for event in ("signed in", "sign-in refused", "terminal link opened", "request"):
        assert f'"event":"{event}"' in log
    assert '"route":"/v1/me/cards/{card_id}/loss"' in log
