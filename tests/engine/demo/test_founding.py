"""What the demo's first start makes, and what the next ones leave alone."""

import stat
from collections import Counter
from pathlib import Path

import pytest

from engine.argon import ArgonPool
from engine.chart import AccountKind, account_id
from engine.demo import record
from engine.demo.customers import Cardholder, find_cardholders
from engine.demo.founding import Plan, found
from engine.demo.ground import Ground, Options
from engine.demo.outfitting import enrol_tills, find_key_files
from engine.demo.places import DOORS, TILLS
from engine.demo.population import make_up_people, monthly_purchases
from engine.demo.record import DemoIncomplete, DemoRecord
from engine.demo.sample import SampleUnreadable
from engine.devices import DeviceState, list_devices
from engine.errors import WrongCredentials
from engine.passwords import Credentials
from engine.people import Person, PersonKind, list_people
from engine.pins import Channel, Pins
from engine.principals import OwnerKind
from engine.sign_in import SignIn
from engine.staff import list_staff
from ledger.audit import audit
from ledger.book import find_accounts
from ledger.statements import trial_balance
from ledger.time import wall_clock
from terminals import identity
from tests.engine.demo.grounds import OPTIONS, PIN_KEYS, Founded, founded
from tests.engine.demo.samples import write_sample
from tests.identities import HOME, student


async def people_of(place: Ground) -> list[Person]:
    async with place.pool.acquire() as connection:
        return await list_people(connection, limit=1000)


async def holders_of(place: Ground, remembered: DemoRecord) -> list[Cardholder]:
    async with place.pool.acquire() as connection:
        return await find_cardholders(connection, remembered)


async def test_everybody_planned_is_there_with_a_card_and_habits(
    place: Ground, first_start: Founded
) -> None:
    remembered = first_start.remembered
    planned = make_up_people(OPTIONS.seed, count=OPTIONS.people)
    assert {(each.number, each.name) for each in await people_of(place)} == {
        (each.number, each.name) for each in planned
    }
    customers = [holder.customer for holder in await holders_of(place, remembered)]
    assert {customer.number for customer in customers} == {each.number for each in planned}
    restless, *others = sorted(customers, key=lambda each: not each.is_restless)
    assert restless.number == remembered.people[0].login
    assert [each.purchases_per_month for each in others] == [
        monthly_purchases(OPTIONS.seed, each.number) for each in others
    ]


async def test_money_came_by_the_ledger_and_the_books_are_right(place: Ground) -> None:
    async with place.pool.acquire() as connection:
        rows = {row.kind: row for row in await trial_balance(connection)}
        findings = await audit(connection)
    cash, subsidy = rows[AccountKind.CASH_WALLET], rows[AccountKind.SUBSIDY_WALLET]
    assert cash.credits_posted == rows[AccountKind.CASH_DESK].debits_posted
    assert subsidy.credits_posted == rows[AccountKind.SUBSIDY_FUNDING].debits_posted
    assert 20_00 <= cash.credits_posted.value / OPTIONS.people <= 200_00
    assert findings == []


async def test_everybody_has_cash_and_a_fifth_a_subsidy(place: Ground) -> None:
    ids = [person.id for person in await people_of(place)]
    async with place.pool.acquire() as connection:
        cash = await find_accounts(
            connection, [account_id(AccountKind.CASH_WALLET, each) for each in ids]
        )
        subsidy = await find_accounts(
            connection, [account_id(AccountKind.SUBSIDY_WALLET, each) for each in ids]
        )
    assert all(account.balance for account in cash.values())
    assert sum(1 for account in subsidy.values() if account.balance) == OPTIONS.people // 5


async def test_each_till_has_its_key_in_a_file_for_its_owner_alone(place: Ground) -> None:
    async with place.pool.acquire() as connection:
        devices = {device.id: device for device in await list_devices(connection)}
        paths = await find_key_files(connection, place.folder)
    keys = [identity.load(path) for path in paths]
    tills = [devices[key.terminal_id] for key in keys]
    assert [(till.till.merchant_name, till.place) for till in tills if till.till] == [
        (shop.name, till) for shop, till in TILLS
    ]
    assert [till.public_key for till in tills] == [
        identity.public_key_of(key.private_key) for key in keys
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place.folder, paths[0].parent)} == {
        0o700
    }
    doors = [device for device in devices.values() if device.till is None]
    assert {door.place for door in doors} == set(DOORS)


async def test_named_people_and_staff_sign_in_with_what_is_remembered(
    place: Ground, first_start: Founded, argon: ArgonPool
) -> None:
    remembered = first_start.remembered
    sign_in = SignIn(place.pool, argon, wall_clock)
    for kind, accounts in (
        (OwnerKind.PERSON, remembered.people),
        (OwnerKind.STAFF, remembered.staff),
    ):
        for each in accounts:
            credentials = Credentials(kind=kind, login=each.login, password=each.password)
            signed_in = await sign_in.sign_in(credentials, HOME)
            assert signed_in.token
    async with place.pool.acquire() as connection:
        assert len(await list_staff(connection)) == len(remembered.staff) == 5
    kinds = Counter(len(each.login) for each in remembered.people)
    assert kinds == {10: 2, 6: 4}, "two students; two teachers and two guests"


async def test_others_have_no_password(
    place: Ground, first_start: Founded, argon: ArgonPool
) -> None:
    remembered = first_start.remembered
    named = {account.login for account in remembered.people}
    somebody = next(each for each in await people_of(place) if each.number not in named)
    credentials = Credentials(
        kind=OwnerKind.PERSON, login=somebody.number, password=remembered.people[0].password
    )
    with pytest.raises(WrongCredentials):
        await SignIn(place.pool, argon, wall_clock).sign_in(credentials, HOME)


async def test_whoever_pays_with_a_pin_has_it(
    place: Ground, first_start: Founded, argon: ArgonPool
) -> None:
    remembered = first_start.remembered
    pins = Pins(place.pool, argon, keys=PIN_KEYS, clock=wall_clock)
    with_pin = [
        holder for holder in await holders_of(place, remembered) if holder.customer.pin is not None
    ]
    assert len(with_pin) > len(remembered.people)
    for holder in with_pin:
        assert holder.customer.pin is not None
        await pins.verify(holder.person_id, holder.customer.pin, channel=Channel.TERMINAL)


async def test_the_record_is_for_its_owner_alone_and_shows_no_secret(
    place: Ground, first_start: Founded
) -> None:
    remembered = first_start.remembered
    (path,) = place.folder.glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert record.load(place.folder) == remembered
    assert all(each.password not in repr(remembered) for each in remembered.people)


async def test_a_second_start_changes_nothing(empty: Ground) -> None:
    first = await founded(empty)
    async with empty.pool.acquire() as connection:
        before = await trial_balance(connection), await list_devices(connection)
    holders = await holders_of(empty, first)

    second = await founded(empty, Options(people=500, seed=8))
    async with empty.pool.acquire() as connection:
        after = await trial_balance(connection), await list_devices(connection)
    assert (second, after, await holders_of(empty, second)) == (first, before, holders)


async def test_a_start_cut_short_before_the_keys_is_made_good(
    empty: Ground, argon: ArgonPool
) -> None:
    people = make_up_people(OPTIONS.seed, count=OPTIONS.people)
    plan = Plan(seed=OPTIONS.seed, people=people, doors=DOORS)
    empty.folder.mkdir(mode=0o700)
    async with empty.pool.acquire() as connection, connection.transaction():
        cut_short = await found(
            connection, plan, argon=argon, folder=empty.folder, at=empty.clock()
        )
    async with empty.pool.acquire() as connection:
        with pytest.raises(DemoIncomplete, match="key"):
            await find_key_files(connection, empty.folder)

    assert await founded(empty) == cut_short
    async with empty.pool.acquire() as connection:
        assert len(await find_key_files(connection, empty.folder)) == len(TILLS)
        devices = await list_devices(connection)
    states = Counter(device.state for device in devices if device.till is not None)
    assert states == {DeviceState.ENROLLED: len(TILLS)}


async def test_a_key_that_was_saved_and_not_enrolled_is_used(
    empty: Ground, argon: ArgonPool
) -> None:
    people = make_up_people(OPTIONS.seed, count=OPTIONS.people)
    plan = Plan(seed=OPTIONS.seed, people=people, doors=DOORS)
    empty.folder.mkdir(mode=0o700)
    async with empty.pool.acquire() as connection, connection.transaction():
        await found(connection, plan, argon=argon, folder=empty.folder, at=empty.clock())
        till = next(each for each in await list_devices(connection) if each.till is not None)
    saved = identity.Identity(
        terminal_id=till.id, campus=empty.campus, private_key=identity.new_private_key()
    )
    (empty.folder / "tills").mkdir(mode=0o700)
    identity.save(saved, empty.folder / "tills" / f"{till.id}.json")

    await enrol_tills(empty)
    async with empty.pool.acquire() as connection:
        devices = {each.id: each for each in await list_devices(connection)}
    assert devices[till.id].public_key == identity.public_key_of(saved.private_key)


async def test_a_failure_at_the_last_step_leaves_no_campus(empty: Ground, argon: ArgonPool) -> None:
    """There is no folder in which to remember what was founded."""
    plan = Plan(seed=1, people=make_up_people(1, count=100), doors=DOORS)
    with pytest.raises(FileNotFoundError):
        async with empty.pool.acquire() as connection, connection.transaction():
            await found(connection, plan, argon=argon, folder=empty.folder, at=empty.clock())

    assert await people_of(empty) == []
    assert len((await founded(empty)).people) == 6


async def test_a_campus_with_other_people_is_left_alone(empty: Ground) -> None:
    async with empty.pool.acquire() as connection:
        await student(connection)
    with pytest.raises(DemoIncomplete):
        await founded(empty)

    assert [person.number for person in await people_of(empty)] == ["20190001"]
    async with empty.pool.acquire() as connection:
        assert await list_devices(connection) == []


async def test_a_real_month_gives_people_purchases_and_doors(empty: Ground, tmp_path: Path) -> None:
    write_sample(tmp_path)
    remembered = await founded(empty, Options(sample=tmp_path))
    customers = {
        holder.customer.number: holder.customer for holder in await holders_of(empty, remembered)
    }
    assert customers.keys() == {"900001", "900002", "900003"}
    assert {each.kind for each in await people_of(empty)} == {PersonKind.STUDENT}
    assert customers["900001"].is_restless, "the first who buys anything"
    assert customers["900002"].purchases_per_month == 0
    assert customers["900003"].purchases_per_month == 7
    async with empty.pool.acquire() as connection:
        devices = await list_devices(connection)
    assert {each.place for each in devices if each.till is None} == {"东楼", "西楼"}
    assert await founded(empty) == remembered, "the next start needs no folder"


async def test_a_campus_of_one_who_never_buys_has_somebody_to_watch(empty: Ground) -> None:
    seed = next(
        seed
        for seed in range(1, 100)
        if not monthly_purchases(seed, make_up_people(seed, count=1)[0].number)
    )
    remembered = await founded(empty, Options(people=1, seed=seed))
    (holder,) = await holders_of(empty, remembered)
    assert holder.customer.is_restless


async def test_an_unreadable_month_makes_no_campus(empty: Ground, tmp_path: Path) -> None:
    with pytest.raises(SampleUnreadable):
        await founded(empty, Options(sample=tmp_path / "nothing"))
    assert await people_of(empty) == []
