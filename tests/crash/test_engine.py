"""The engine killed while tills sell over real links: no card pays for what no till was told."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest

from engine.database.embedded import EmbeddedServer
from engine.keys import load_keys
from engine.recorded_purchases import find_status
from engine.wallets import find_balance
from ledger.audit import audit
from ledger.book import LedgerConnection
from ledger.proof.head_file import read_heads
from ledger.verify import verify
from terminals.messages import PurchaseState
from tests.campuses import Holder
from tests.crash.killable import (
    CASH,
    Answers,
    Engine,
    kill_postmaster,
    make_ground,
    running,
    selling,
)
from tests.crash.tills import Fate, Sale
from tests.databases import CAMPUS

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

SEED = 20_260_302
MAY_BE = {
    Fate.APPROVED: {PurchaseState.APPROVED},
    Fate.DECLINED: {PurchaseState.DECLINED, PurchaseState.UNKNOWN},
    # What is taken back may have been declined before.
    Fate.REVERSED: {PurchaseState.REVERSED, PurchaseState.DECLINED},
}
POSTED = "select entry_id from transfers where kind = 'purchase' and refusal is null"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's user can enter."""
    with TemporaryDirectory(prefix="campus-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def own_server(folder: Path) -> Iterator[EmbeddedServer]:
    """The embedded server of the engine, shared by the test so that it outlives every engine."""
    with EmbeddedServer(folder / "postgres", shared_buffers_mib=64) as server:
        yield server


async def wrongly_recorded(
    connection: LedgerConnection, sales: Sequence[Sale], device_id: UUID
) -> list[str]:
    """Sales of one till whose record is not what the till was told."""
    found = []
    for sale in sales:
        status = await find_status(connection, purchase_id=sale.purchase.id, device_id=device_id)
        is_other = status.state not in MAY_BE[sale.fate]
        is_other |= sale.fate is Fate.APPROVED and status.amount.value != sale.purchase.amount_fen
        if is_other:
            found.append(f"{sale.purchase.id}: told {sale.fate}, on record {status}")
    return found


async def wrongly_charged(
    connection: LedgerConnection, holders: Sequence[Holder], sales: Sequence[Sale]
) -> list[str]:
    """People who have not exactly what their approved purchases left them."""
    spent: Counter[str] = Counter()
    for sale in sales:
        if sale.fate is Fate.APPROVED:
            spent[sale.purchase.card] += sale.purchase.amount_fen
    found = []
    for holder in holders:
        balance = await find_balance(connection, holder.id)
        expected = CASH - spent[holder.card.number]
        if (balance.cash.value, balance.available.value) != (expected, expected):
            found.append(f"{holder.person.number} has {balance}, not {expected}")
    return found


async def kill_five_times(engine: Engine, server: EmbeddedServer, answers: Answers) -> None:
    """Kill the engine three times, the server under it once, and both at once."""
    random = Random(SEED)
    kill_server = partial(kill_postmaster, server)
    victims: list[Sequence[Callable[[], None]]] = [
        *([engine.kill] for _ in range(3)),
        [kill_server],
        [engine.kill, kill_server],
    ]
    random.shuffle(victims)
    for kills in victims:
        await answers.more(random.randint(100, 400))
        for kill in kills:
            kill()
    await answers.more(100)


async def test_no_card_pays_for_what_no_till_was_told(
    own_server: EmbeddedServer, folder: Path
) -> None:
    ground = await make_ground(own_server, folder)
    async with (
        running(folder) as engine,
        selling(ground, engine, Random(SEED)) as (tills, answers),
    ):
        await kill_five_times(engine, own_server, answers)
    sales = [sale for till in tills for sale in till.sales]
    async with ground.database.app() as connection:
        for till, enrolled in zip(tills, ground.tills, strict=True):
            assert await wrongly_recorded(connection, till.sales, enrolled.device.id) == []
        assert await wrongly_charged(connection, ground.holders, sales) == []
        posted = {row["entry_id"] for row in await connection.fetch(POSTED)}
        assert posted <= {sale.purchase.id for sale in sales}, "on record, but never asked"
        assert await audit(connection) == []
        heads = list(read_heads(folder / "heads" / f"{CAMPUS}.jsonl"))
        trust = load_keys(folder / "keys" / CAMPUS).trust(CAMPUS)
        assert (await verify(connection, heads, trust=trust)).findings == ()
    # A run in which every answer arrived would prove nothing.
    fates = Counter(sale.fate for sale in sales if sale.was_unknown)
    assert fates[Fate.APPROVED] > 0
    assert fates[Fate.REVERSED] > 0
