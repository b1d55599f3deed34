"""The demo as a newcomer has it: started, tried as it says, stopped, started again."""

import asyncio
import re
import signal
from pathlib import Path
from typing import Final

import msgspec

from tests.databases import Database
from tests.engine.demo.demos import LIMIT_S, SELLING, Demo, asked, demo
from tests.engine.demo.samples import write_sample
from tests.engine.processes import environment
from tests.identities import student

PEOPLE: Final = ("--people", "300")


class Row(msgspec.Struct):
    kind: str
    accounts: int
    debits_fen: int


class Balance(msgspec.Struct):
    is_balanced: bool
    debits_fen: int
    rows: list[Row]

    @property
    def accounts(self) -> dict[str, int]:
        return {row.kind: row.accounts for row in self.rows}


async def books(settings: dict[str, str]) -> Balance:
    shown = await asked(settings, "ledger", "trial-balance", "--json")
    return msgspec.json.decode(shown, type=Balance)


async def typed(commands: list[str]) -> str:
    """Type commands into a shell as the demo printed them; return what was answered."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-e", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(LIMIT_S):
        answered, _ = await process.communicate("\n".join(commands).encode())
    assert process.returncode == 0
    return answered.decode()


def hints(run: Demo) -> list[str]:
    """The commands for a shell that the demo printed, those of our own program apart."""
    start = run.printed.index("Try, in another terminal:") + 1
    end = run.printed.index("", start)
    lines = [line.strip().replace("curl ", "curl -sS ") for line in run.printed[start:end]]
    return [line for line in lines if not line.startswith(("campus ", "#"))]


async def test_from_nothing_to_purchases_within_a_minute_and_on_after_a_kill(area: Path) -> None:
    folder = area / "demo"
    settings = {"CAMPUS_DATA_DIR": str(folder), "CAMPUS_PORT": "0"}
    async with demo(settings, *PEOPLE) as run:
        await run.until(SELLING)
        run.process.send_signal(signal.SIGKILL)
        assert await run.ended() == -signal.SIGKILL
    before = await books(settings)
    async with demo(settings, *PEOPLE) as run:
        await run.until(SELLING)
        assert await run.stop() == 0, run.errors
    after = await books(settings)

    assert (before.is_balanced, after.is_balanced) == (True, True)
    assert after.debits_fen > before.debits_fen
    assert after.accounts == before.accounts
    assert before.accounts["cash_wallet"] == 300
    await asked(settings, "ledger", "audit", "--json")
    await asked(settings, "ledger", "verify", "--json")


async def test_what_it_says_to_try_does_what_it_says(database: Database, tmp_path: Path) -> None:
    settings = environment(database, tmp_path)
    async with demo(settings, *PEOPLE, "--speed", "600") as run:
        await run.until(re.compile("^Ctrl-C stops it"))
        *signing_in, balance, loss, recovery = hints(run)
        answers = await typed([*signing_in, balance, "echo", loss])
        balance_told, card_told = answers.splitlines()
        assert msgspec.json.decode(balance_told, type=dict[str, object])["available_fen"]
        assert msgspec.json.decode(card_told, type=dict[str, object])["state"] == "lost"
        declined = await run.until(re.compile("was declined at"))
        assert declined.endswith("card_lost")
        found = await typed([*signing_in, recovery])
        assert msgspec.json.decode(found, type=dict[str, object])["state"] == "active"
        receipt = next(line for line in run.printed if "ledger receipt" in line)
        await asked(settings, *receipt.split()[1:])
        assert await run.stop() == 0, run.errors


async def test_a_real_month_sells_too(database: Database, tmp_path: Path) -> None:
    write_sample(tmp_path)
    settings = environment(database, tmp_path)
    async with demo(settings, "--from", str(tmp_path), "--speed", "600") as run:
        await run.until(SELLING)
        assert await run.stop() == 0, run.errors
    assert (await books(settings)).accounts["cash_wallet"] == 3


async def test_a_campus_with_other_people_is_refused(database: Database, tmp_path: Path) -> None:
    async with database.app() as connection:
        await student(connection)
    settings = environment(database, tmp_path)
    async with demo(settings, *PEOPLE) as run:
        assert await run.ended() == 1
    assert not any(SELLING.search(line) for line in run.printed)
