import asyncio
from collections.abc import Sequence

from ledger.errors import LedgerBusy, LedgerUnavailable, TransferRefused
from ledger.money import Fen
from ledger.time import wall_clock
from terminals.fleet import Aftermath, Fleet, FleetFigures, Order
from terminals.identity import Identity
from terminals.link import LinkOptions
from terminals.messages import Answer, Approved, Declined, Purchase, Refund, Reversal
from tests.links import stranger
from tests.terminals.shops import NO_MONEY, shop


def order(
    till: int = 0, *, card: str = "6217001234567890", aftermath: Aftermath = Aftermath.NONE
) -> Order:
    return Order(till=till, card=card, amount=Fen(1251), pin="246810", aftermath=aftermath)


async def sell(
    url: str, identities: Sequence[Identity], orders: Sequence[Order]
) -> tuple[FleetFigures, list[Answer]]:
    """Let a fleet serve these orders; return its figures and what it heard."""
    heard: list[Answer] = []
    fleet = Fleet(
        identities,
        LinkOptions(url=url, wait_min_s=0.01, wait_max_s=0.01),
        clock=wall_clock,
        heard=lambda _, answer: heard.append(answer),
    )
    for each in orders:
        fleet.queue(each)
    fleet.close()
    async with asyncio.timeout(20):
        await fleet.run()
    return fleet.figures, heard


async def test_each_till_sells_what_it_is_ordered() -> None:
    async with shop() as (campus, url):
        tills = campus.enrol(3)
        figures, heard = await sell(url, tills, [order(till) for till in (0, 1, 2, 1)])

    sold_by = [terminal_id for terminal_id, _ in campus.asked]
    assert sorted(sold_by) == sorted(tills[till].terminal_id for till in (0, 1, 1, 2))
    assert (figures.approved, figures.latencies.count) == (4, 4)
    assert [type(answer) for answer in heard] == [Approved] * 4


async def test_a_purchase_carries_card_amount_and_pin() -> None:
    async with shop() as (campus, url):
        await sell(url, campus.enrol(1), [order()])

    (asked,) = campus.of_kind(Purchase)
    assert (asked.card, asked.amount_fen, asked.pin) == ("6217001234567890", 1251, "246810")


async def test_a_decline_is_counted_by_its_code_and_not_reversed() -> None:
    async with shop() as (campus, url):
        figures, heard = await sell(url, campus.enrol(1), [order(card=NO_MONEY)])

    assert (figures.approved, dict(figures.declined)) == (0, {"insufficient_funds": 1})
    assert [type(answer) for answer in heard] == [Declined]
    assert campus.of_kind(Reversal) == []


async def test_a_purchase_taken_back_does_not_stand() -> None:
    async with shop() as (campus, url):
        figures, _ = await sell(url, campus.enrol(1), [order(aftermath=Aftermath.TAKE_BACK)])

    assert campus.standing == {}
    assert dict(figures.reversed) == {"undone": 1}


async def test_a_refund_gives_back_half_to_the_last_fen() -> None:
    async with shop() as (campus, url):
        figures, _ = await sell(url, campus.enrol(1), [order(aftermath=Aftermath.REFUND)])

    assert list(campus.standing.values()) == [1251 - 626]
    assert figures.refunded == 1


async def test_a_till_that_gives_up_reverses_what_it_does_not_know() -> None:
    async with shop() as (campus, url):
        figures, heard = await sell(url, campus.enrol(1), [order(aftermath=Aftermath.GIVE_UP)])

    assert campus.standing == {}
    assert (figures.unknown, figures.approved, heard) == (1, 0, [])
    assert figures.reversed.total() == 1


async def test_an_undecided_purchase_is_reversed() -> None:
    async with shop() as (campus, url):
        campus.faults[Purchase] = [LedgerUnavailable("the database is away")]
        figures, _ = await sell(url, campus.enrol(1), [order(), order()])

    assert (figures.unknown, figures.approved, dict(figures.reversed)) == (1, 1, {"prevented": 1})


async def test_a_reversal_is_sent_again_under_its_id_until_it_is_answered() -> None:
    async with shop() as (campus, url):
        campus.faults[Reversal] = [LedgerUnavailable("away"), LedgerBusy("too many")]
        figures, _ = await sell(url, campus.enrol(1), [order(aftermath=Aftermath.TAKE_BACK)])

    assert len({request.id for request in campus.of_kind(Reversal)}) == 1
    assert len(campus.of_kind(Reversal)) == 3
    assert dict(figures.reversed) == {"undone": 1}


async def test_a_refund_that_is_declined_is_not_repeated() -> None:
    async with shop() as (campus, url):
        campus.faults[Refund] = [TransferRefused("refund_exceeds_purchase")]
        figures, _ = await sell(url, campus.enrol(1), [order(aftermath=Aftermath.REFUND)])

    assert len(campus.of_kind(Refund)) == 1
    assert (figures.refunded, figures.declined.total()) == (0, 1)


async def test_a_till_that_is_not_admitted_is_closed_and_the_others_go_on() -> None:
    async with shop() as (campus, url):
        tills = [stranger(), *campus.enrol(1)]
        figures, _ = await sell(url, tills, [order(0), order(1), order(1)])

    assert (figures.out_of_service, figures.approved, figures.walked_away) == (1, 2, 1)


async def test_an_outage_loses_no_reversal() -> None:
    """The link is cut under a purchase; the reversal goes out over the next link."""
    async with shop() as (campus, url):
        campus.cuts = 1
        figures, _ = await sell(url, campus.enrol(1), [order(), order()])

    assert campus.standing.keys() == {campus.of_kind(Purchase)[-1].id}
    assert (figures.unknown, figures.approved) == (1, 1)


async def test_figures_are_taken_once() -> None:
    async with shop() as (campus, url):
        fleet = Fleet(campus.enrol(1), LinkOptions(url=url), clock=wall_clock)
        fleet.queue(order())
        fleet.close()
        await fleet.run()

    assert (fleet.take_figures().approved, fleet.take_figures().approved) == (1, 0)
