from uuid import uuid4

from engine.devices import revoke_device
from engine.known_terminals import KnownTerminals
from tests.campuses import Campus
from tests.identities import SYSTEM


async def revoke(campus: Campus) -> None:
    async with campus.pool.acquire() as connection, connection.transaction():
        await revoke_device(connection, campus.till.id, actor=SYSTEM, at=campus.clock())


async def test_only_enrolled_terminals_are_known(campus: Campus) -> None:
    known = KnownTerminals(campus.pool)
    assert await known.find(campus.till.id) == campus.till
    assert await known.find(uuid4()) is None


async def test_what_is_read_is_never_out_of_date(campus: Campus) -> None:
    known = KnownTerminals(campus.pool)
    await known.find(campus.till.id)
    await revoke(campus)
    assert await known.read(campus.till.id) is None


async def test_a_revocation_is_news_until_it_is_taken_in(campus: Campus) -> None:
    known = KnownTerminals(campus.pool)
    await known.find(campus.till.id)
    await revoke(campus)
    news = await known.find_news()
    known.forget(campus.till.id)
    assert (news, await known.find_news()) == ([campus.till.id], [])
    assert await known.find(campus.till.id) is None


async def test_a_terminal_read_while_it_was_being_revoked_is_not_believed(campus: Campus) -> None:
    known = KnownTerminals(campus.pool)
    known.forget(campus.till.id)  # the answer of the database is older than the word of staff
    assert await known.read(campus.till.id) is None
    assert await known.find(campus.till.id) is None
