from pathlib import Path

from engine.chart import AccountKind, account_id
from engine.demo.desk import Desk
from engine.demo.ground import Ground
from ledger.book import close_account
from ledger.money import Fen
from tests.campuses import Campus
from tests.engine.demo.grounds import ground


async def serve(place: Ground, *numbers: str) -> int:
    """Let these people stand at the desk; return how many of them paid."""
    desk = Desk(place)
    desk.queue(numbers)
    return await desk.run_once()


async def test_whoever_comes_to_the_desk_pays_something_in(campus: Campus, tmp_path: Path) -> None:
    comes = await campus.holder("20190001", cash=100)
    stays = await campus.holder("20190002", cash=100)
    assert await serve(ground(campus.pool, tmp_path), "20190001") == 1

    assert (await campus.balance(comes)).cash >= Fen(5_100)
    assert (await campus.balance(stays)).cash == Fen(100)


async def test_a_payment_that_fails_does_not_close_the_desk(campus: Campus, tmp_path: Path) -> None:
    closed = await campus.holder("20190001")
    other = await campus.holder("20190002")
    async with campus.pool.acquire() as connection:
        await close_account(connection, account_id(AccountKind.CASH_WALLET, closed.id))
    assert await serve(ground(campus.pool, tmp_path), "20190001", "20190002") == 1

    assert (await campus.balance(other)).cash >= Fen(5_000)
