"""What a founded demo campus still needs: keys for its tills, and PINs for some people.

Each step does what is missing and nothing else, so an interrupted start is made good by the next.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

from engine.demo.founding import DEMO, has_pins
from engine.demo.ground import Ground
from engine.demo.places import TILLS
from engine.demo.record import DemoIncomplete
from engine.devices import Device, DeviceState, list_devices
from engine.enrolments import Enrolments, issue_code
from engine.pins import Pins
from ledger.book import LedgerConnection
from terminals import identity
from terminals.identity import Identity

_KEYS: Final = "tills"
_ADDRESS: Final = "demo"


async def enrol_tills(ground: Ground) -> None:
    """Give each till of the demo that awaits it a key, in a file that its owner alone may read."""
    enrolments = Enrolments(ground.pool, clock=ground.clock)
    async with ground.pool.acquire() as connection:
        tills = await _find_tills(connection)
    for device in tills:
        if device.state is DeviceState.AWAITING:
            path = _key_file(ground.folder, device.id)
            public_key = _public_key(path, device.id, ground.campus)
            async with ground.pool.acquire() as connection, connection.transaction():
                code = await issue_code(connection, device.id, actor=DEMO, at=ground.clock())
            await enrolments.enrol(code, public_key=public_key, address=_ADDRESS)


async def set_pins(ground: Ground, pins: Pins, chosen: Mapping[UUID, str]) -> None:
    """Give people the PINs that they chose, unless anybody has one already."""
    async with ground.pool.acquire() as connection:
        is_done = await has_pins(connection)
    if not is_done:
        await pins.seed(chosen)


async def find_key_files(connection: LedgerConnection, folder: Path) -> list[Path]:
    """Return the key files of the demo's tills, in the order of `TILLS`. Raises DemoIncomplete."""
    paths = [_key_file(folder, till.id) for till in await _find_tills(connection)]
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise DemoIncomplete(f"{missing}: the key of a till is missing")
    return paths


async def _find_tills(connection: LedgerConnection) -> list[Device]:
    """Return the demo's tills in the order of `TILLS`. Raises DemoIncomplete."""
    devices: dict[tuple[str, str], Device] = {}
    for device in await list_devices(connection):
        if device.till is not None:
            devices.setdefault((device.till.merchant_name, device.place), device)
    try:
        return [devices[shop.name, place] for shop, place in TILLS]
    except KeyError as error:
        raise DemoIncomplete("a till of the demo is missing from the campus") from error


def _key_file(folder: Path, device_id: UUID) -> Path:
    return folder / _KEYS / f"{device_id}.json"


def _public_key(path: Path, device_id: UUID, campus: str) -> bytes:
    """Return the key of a till, made now unless an interrupted start made it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        made = Identity(
            terminal_id=device_id, campus=campus, private_key=identity.new_private_key()
        )
        identity.save(made, path)
    return identity.public_key_of(identity.load(path).private_key)
