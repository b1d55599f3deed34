"""The transaction PIN: what guessing brings, through which door, and how it is changed."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from engine.argon import OWASP, ArgonPool
from engine.audit_trail import Action, list_events
from engine.errors import (
    InvalidCode,
    PinAlreadySet,
    PinNotSet,
    PinPaused,
    PinWrong,
    TooBusy,
    WeakPin,
)
from engine.one_time_codes import Purpose, issue_code
from engine.pins import PIN_PAUSES, Channel, PinKeys, Pins, check_pin
from engine.principals import PersonPrincipal
from engine.tries import forget_tries
from tests.identities import CHEAP, SYSTEM, Doors, at_once

PIN = "258013"
NEW = "907214"
WRONG = "258014"
OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32
KEYS = PinKeys("2026", {"2026": OLD_KEY})
ROTATED = PinKeys("2027", {"2026": OLD_KEY, "2027": NEW_KEY})


def pins(doors: Doors, keys: PinKeys = KEYS, argon: ArgonPool | None = None) -> Pins:
    return Pins(doors.pool, argon or doors.argon, keys=keys, clock=doors.clock)


async def owner(doors: Doors, number: str = "20190001", pin: str | None = PIN) -> PersonPrincipal:
    """A person in a session, with a PIN unless it is None."""
    await doors.person(number)
    me = await doors.principal(await doors.enter(number))
    if pin is not None:
        await pins(doors).set_first(me, pin)
    return me


async def verdicts(
    doors: Doors, person_id: UUID, tried: Sequence[str], channel: Channel = Channel.TERMINAL
) -> list[str]:
    """Try PINs one after another; say of each whether it was right, wrong or not looked at."""
    said = []
    for pin in tried:
        try:
            await pins(doors).verify(person_id, pin, channel=channel)
            said.append("right")
        except PinWrong:
            said.append("wrong")
        except PinPaused:
            said.append("paused")
    return said


async def reset_code(doors: Doors, me: PersonPrincipal) -> str:
    async with doors.pool.acquire() as connection, connection.transaction():
        return await issue_code(
            connection, me.owner, Purpose.SET_PIN, actor=SYSTEM, at=doors.clock()
        )


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        ("", "six digits"),
        ("25801", "six digits"),
        ("2580139", "six digits"),
        ("25801x", "six digits"),
        ("２５８０１３", "six digits"),
        ("258013\n", "six digits"),
        ("000000", "same digit"),
        ("777777", "same digit"),
        ("123456", "in a row"),
        ("012345", "in a row"),
        ("678901", "in a row"),
        ("654321", "in a row"),
        ("109876", "in a row"),
        ("190001", "own number"),
    ],
)
def test_a_weak_pin_is_refused(pin: str, reason: str) -> None:
    with pytest.raises(WeakPin, match=reason):
        check_pin(pin, number="20190001")


@pytest.mark.parametrize("pin", ["258013", "123457", "112233", "201900", "135791"])
def test_a_pin_may_be(pin: str) -> None:
    check_pin(pin, number="20190001")


def test_letters_in_a_number_are_no_part_of_the_pin() -> None:
    with pytest.raises(WeakPin, match="own number"):
        check_pin("482913", number="48A29B13")


async def test_the_right_pin_is_right_and_another_is_not(doors: Doors) -> None:
    me = await owner(doors)
    assert await verdicts(doors, me.person_id, [PIN, WRONG]) == ["right", "wrong"]


@pytest.mark.parametrize("pin", ["", "x", "\0", "\ud800", "2" * 10_000])
async def test_what_is_no_pin_is_wrong(doors: Doors, pin: str) -> None:
    me = await owner(doors)
    assert await verdicts(doors, me.person_id, [pin]) == ["wrong"]


async def test_without_a_pin_nothing_is_counted(doors: Doors) -> None:
    me = await owner(doors, pin=None)
    for person_id in (me.person_id, uuid4()):
        with pytest.raises(PinNotSet):
            await pins(doors).verify(person_id, PIN, channel=Channel.TERMINAL)
    assert await doors.pool.fetchval("select count(*) from tries") == 0


async def test_wrong_tries_say_what_is_left_and_then_how_long_to_wait(doors: Doors) -> None:
    me = await owner(doors)
    said = []
    for _ in range(9):
        with pytest.raises(PinWrong) as wrong:
            await pins(doors).verify(me.person_id, WRONG, channel=Channel.TERMINAL)
        said.append((wrong.value.tries_left, wrong.value.retry_after_s))
        doors.clock.advance(seconds=wrong.value.retry_after_s)
    assert said == [
        (2, 0), (1, 0), (0, 0), (0, 30), (0, 60), (0, 300), (0, 900), (0, 3600), (0, 3600),
    ]  # fmt: skip


async def test_during_a_pause_even_the_right_pin_is_not_looked_at(doors: Doors) -> None:
    me = await owner(doors)
    await verdicts(doors, me.person_id, [WRONG] * 4)
    before = doors.argon.computed
    doors.clock.advance(seconds=10)
    with pytest.raises(PinPaused) as paused:
        await pins(doors).verify(me.person_id, PIN, channel=Channel.TERMINAL)
    assert (paused.value.retry_after_s, doors.argon.computed) == (20, before)
    doors.clock.advance(seconds=20)
    assert await verdicts(doors, me.person_id, [PIN]) == ["right"]


async def test_a_right_pin_ends_the_count(doors: Doors) -> None:
    me = await owner(doors)
    tried = [WRONG, WRONG, WRONG, PIN] * 3
    said = await verdicts(doors, me.person_id, tried)
    assert said == ["wrong", "wrong", "wrong", "right"] * 3
    assert await doors.pool.fetchval("select count(*) from tries") == 0


async def test_whoever_tries_a_card_at_terminals_does_not_stop_its_owner(doors: Doors) -> None:
    me = await owner(doors)
    tried = [WRONG] * 4 + [PIN]
    assert (await verdicts(doors, me.person_id, tried))[-1] == "paused"
    assert await verdicts(doors, me.person_id, [PIN], Channel.SESSION) == ["right"]
    await pins(doors).change(me, old=PIN, new=NEW)
    assert await verdicts(doors, me.person_id, [NEW]) == ["paused"]


async def test_one_person_s_tries_do_not_stop_another(doors: Doors) -> None:
    me, other = await owner(doors, "20190001"), await owner(doors, "20190002")
    await verdicts(doors, me.person_id, [WRONG] * 4)
    assert await verdicts(doors, other.person_id, [PIN]) == ["right"]


async def test_a_hundred_guesses_at_once_get_four_looks(doors: Doors) -> None:
    me = await owner(doors)
    before = doors.argon.computed
    outcomes = await at_once(
        pins(doors).verify(me.person_id, f"{guess:06}", channel=Channel.TERMINAL)
        for guess in range(300_000, 300_100)
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert doors.argon.computed - before == kinds.count(PinWrong) == 4
    assert kinds.count(PinPaused) == 96


async def test_processes_agree_on_a_pause(doors: Doors) -> None:
    me = await owner(doors)
    await verdicts(doors, me.person_id, [WRONG] * 4)
    with ArgonPool(CHEAP, workers=1, turns_max=1) as of_another_process:
        with pytest.raises(PinPaused):
            await pins(doors, argon=of_another_process).verify(
                me.person_id, PIN, channel=Channel.TERMINAL
            )
        assert of_another_process.computed == 0


async def test_a_full_queue_costs_no_try(doors: Doors) -> None:
    me = await owner(doors)
    with ArgonPool(CHEAP, workers=1, turns_max=1) as full, full.turn():
        for _ in range(10):
            with pytest.raises(TooBusy):
                await pins(doors, argon=full).verify(me.person_id, WRONG, channel=Channel.TERMINAL)
    assert await verdicts(doors, me.person_id, [PIN]) == ["right"]


async def test_a_pause_outlives_the_sweep_of_old_tries(doors: Doors) -> None:
    me = await owner(doors)
    for _ in range(8):
        await verdicts(doors, me.person_id, [WRONG])
        doors.clock.now += PIN_PAUSES.after[-1]
    await verdicts(doors, me.person_id, [WRONG])
    async with doors.pool.acquire() as connection:
        await forget_tries(connection, at=doors.clock())
    assert await verdicts(doors, me.person_id, [PIN]) == ["paused"]


async def test_the_first_pin_is_set_once(doors: Doors) -> None:
    me = await owner(doors)
    with pytest.raises(PinAlreadySet):
        await pins(doors).set_first(me, NEW)
    assert await verdicts(doors, me.person_id, [PIN]) == ["right"]


async def test_of_two_first_pins_at_once_one_is_set(doors: Doors) -> None:
    me = await owner(doors, pin=None)
    chosen = [PIN, NEW]
    outcomes = await at_once(pins(doors).set_first(me, pin) for pin in chosen)
    assert sorted(outcome is None for outcome in outcomes) == [False, True]
    winner = chosen[outcomes.index(None)]
    assert await verdicts(doors, me.person_id, [winner]) == ["right"]


async def test_weak_pins_are_refused_wherever_one_is_set(doors: Doors) -> None:
    me = await owner(doors)
    code = await reset_code(doors, me)
    for attempt in (
        pins(doors).set_first(me, "190001"),
        pins(doors).change(me, old=PIN, new="190001"),
        pins(doors).set_with_code(me, code, "190001"),
    ):
        with pytest.raises(WeakPin):
            await attempt
    assert await verdicts(doors, me.person_id, [PIN]) == ["right"]


async def test_a_change_needs_the_old_pin(doors: Doors) -> None:
    me = await owner(doors)
    with pytest.raises(PinWrong):
        await pins(doors).change(me, old=WRONG, new=NEW)
    await pins(doors).change(me, old=PIN, new=NEW)
    assert await verdicts(doors, me.person_id, [NEW, PIN]) == ["right", "wrong"]


async def test_of_changes_at_once_one_wins(doors: Doors) -> None:
    me = await owner(doors)
    chosen = [NEW, "830164", "417092"]
    outcomes = await at_once(pins(doors).change(me, old=PIN, new=new) for new in chosen)
    assert [outcome is None for outcome in outcomes].count(True) == 1
    said = [(await verdicts(doors, me.person_id, [new]))[0] for new in chosen]
    assert said.index("right") == outcomes.index(None)
    assert said.count("wrong") == 2


async def test_a_session_gets_no_more_guesses_through_change_than_through_verify(
    doors: Doors,
) -> None:
    me = await owner(doors)
    for _ in range(4):
        with pytest.raises(PinWrong):
            await pins(doors).change(me, old=WRONG, new=NEW)
    assert await verdicts(doors, me.person_id, [PIN], Channel.SESSION) == ["paused"]


async def test_a_reset_lets_the_person_choose_and_ends_all_pauses(doors: Doors) -> None:
    me = await owner(doors)
    await verdicts(doors, me.person_id, [WRONG] * 4, Channel.TERMINAL)
    await verdicts(doors, me.person_id, [WRONG] * 4, Channel.SESSION)
    await pins(doors).set_with_code(me, await reset_code(doors, me), NEW)
    for channel in Channel:
        assert await verdicts(doors, me.person_id, [NEW, PIN], channel) == ["right", "wrong"]


async def test_a_reset_code_is_good_once_and_for_its_owner(doors: Doors) -> None:
    me, other = await owner(doors, "20190001"), await owner(doors, "20190002")
    code = await reset_code(doors, me)
    with pytest.raises(InvalidCode):
        await pins(doors).set_with_code(other, code, NEW)
    outcomes = await at_once(pins(doors).set_with_code(me, code, NEW) for _ in range(5))
    assert [type(outcome) for outcome in outcomes].count(InvalidCode) == 4


async def test_a_wrong_reset_code_changes_nothing_and_costs_no_hash(doors: Doors) -> None:
    me = await owner(doors)
    before = doors.argon.computed
    with pytest.raises(InvalidCode):
        await pins(doors).set_with_code(me, "0000-0000-0000", NEW)
    assert doors.argon.computed == before
    assert await verdicts(doors, me.person_id, [PIN]) == ["right"]


async def test_starting_a_reset_leaves_the_old_pin_good(doors: Doors) -> None:
    me = await owner(doors)
    await reset_code(doors, me)
    assert await verdicts(doors, me.person_id, [PIN]) == ["right"]


async def test_acts_on_a_pin_are_recorded(doors: Doors) -> None:
    me = await owner(doors)
    await pins(doors).change(me, old=PIN, new=NEW)
    await pins(doors).set_with_code(me, await reset_code(doors, me), PIN)
    async with doors.pool.acquire() as connection:
        found = await list_events(connection, subject_id=me.person_id, limit=4)
    assert [(e.event.action, e.event.actor) for e in found] == [
        (Action.PIN_SET, me.actor),
        (Action.CODE_ISSUED, SYSTEM),
        (Action.PIN_CHANGED, me.actor),
        (Action.PIN_SET, me.actor),
    ]


async def test_a_key_that_was_replaced_still_verifies_and_the_hash_moves_on(doors: Doors) -> None:
    me = await owner(doors)
    await pins(doors, ROTATED).verify(me.person_id, PIN, channel=Channel.TERMINAL)
    assert await doors.pool.fetchval("select key_id from pins") == "2027"
    without_the_old = PinKeys("2027", {"2027": NEW_KEY})
    await pins(doors, without_the_old).verify(me.person_id, PIN, channel=Channel.TERMINAL)
    with pytest.raises(PinWrong):
        await pins(doors, without_the_old).verify(me.person_id, WRONG, channel=Channel.TERMINAL)


async def test_a_key_that_is_not_configured_is_a_fault_and_no_wrong_pin(doors: Doors) -> None:
    me = await owner(doors)
    with pytest.raises(RuntimeError, match="2026"):
        await pins(doors, PinKeys("2027", {"2027": NEW_KEY})).verify(
            me.person_id, PIN, channel=Channel.TERMINAL
        )


async def test_cheaper_hashes_are_made_anew_once(doors: Doors) -> None:
    me = await owner(doors)
    with ArgonPool(OWASP, workers=1, turns_max=1) as real:
        for _ in range(2):
            await pins(doors, argon=real).verify(me.person_id, PIN, channel=Channel.TERMINAL)
        assert real.computed == 3
    assert "m=19456,t=2,p=1" in await doors.pool.fetchval("select hash from pins")


async def test_a_hash_moved_to_another_person_is_worth_nothing(doors: Doors) -> None:
    me, other = await owner(doors, "20190001"), await owner(doors, "20190002", NEW)
    await doors.pool.execute(
        "update pins set hash = mine.hash from pins as mine"
        " where mine.person_id = $1 and pins.person_id = $2",
        me.person_id,
        other.person_id,
    )
    assert await verdicts(doors, other.person_id, [PIN]) == ["wrong"]


async def test_seeded_pins_verify(doors: Doors) -> None:
    me, other = await owner(doors, "20190001", None), await owner(doors, "20190002", None)
    await pins(doors).seed({me.person_id: PIN, other.person_id: PIN})
    assert await verdicts(doors, me.person_id, [PIN]) == ["right"]
    assert await verdicts(doors, other.person_id, [WRONG]) == ["wrong"]
    assert await doors.pool.fetchval("select count(distinct hash) from pins") == 2


async def test_forgotten_failures_are_free_again(doors: Doors) -> None:
    me = await owner(doors)
    await verdicts(doors, me.person_id, [WRONG] * 3)
    doors.clock.now += PIN_PAUSES.forget_after + timedelta(seconds=1)
    assert await verdicts(doors, me.person_id, [WRONG] * 4) == ["wrong"] * 4


async def test_no_pin_and_no_key_is_logged_or_shown(doors: Doors) -> None:
    me = await owner(doors)
    with capture_logs() as logs, pytest.raises(PinWrong) as wrong:
        await pins(doors).change(me, old=WRONG, new=NEW)
    shown = f"{logs} {wrong.value!r} {KEYS!r} {pins(doors)!r}"
    for secret in (PIN, WRONG, NEW, str(OLD_KEY), OLD_KEY.hex(), "oooo"):
        assert secret not in shown


def test_pin_keys_are_long_enough_and_the_current_one_is_there() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PinKeys("2026", {"2026": b"short"})
    with pytest.raises(ValueError, match="current"):
        PinKeys("2027", {"2026": OLD_KEY})
