import json
import re
from pathlib import Path

from engine.api import PageParameters, errors
from engine.api.arrivals import Bounds
from engine.api.operations import BODY_BYTES_MAX
from engine.api.statuses import codes_of
from ledger.errors import CampusError, RefusalCode
from ledger.money import AMOUNT_MAX_FEN
from tests.engine.api.example import World, insufficient
from tests.engine.api.serving import serving

DOCUMENT = Path(__file__).parents[3].joinpath("docs/api.md").read_text("utf-8")


def section(heading: str) -> str:
    return DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_refusals_stand_in_the_order_in_which_the_ledger_looks_for_them() -> None:
    listed = re.findall(r"^(\d+)\. `(\w+)`: ", section("Refusals of the ledger"), re.MULTILINE)
    expected = [(str(number), code.value) for number, code in enumerate(RefusalCode, start=1)]
    assert listed == expected


def test_the_errors_of_every_operation_are_listed_with_their_status() -> None:
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \|", section("Errors"), re.MULTILINE)
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, CampusError) and kind is not CampusError
    ]
    assert listed == [
        (code, str(status.value)) for kind in kinds for code, status in codes_of(kind).items()
    ]


async def test_the_example_of_a_problem_is_what_is_answered() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", section("Errors"), re.DOTALL)
    async with serving(World(errors={"poor": insufficient})) as served:
        answered = (await served.client.get("/v1/failures/poor")).json()
    assert json.loads(block) | {"instance": ""} == answered | {"instance": ""}


def test_bounds_are_the_ones_that_hold() -> None:
    assert f"{BODY_BYTES_MAX // 1024} KiB" in section("Requests")
    assert f"{AMOUNT_MAX_FEN:,}" in section("Amounts")
    assert f"{PageParameters().limit} if not said" in section("Pages")
    assert f"has {Bounds().request_limit_s:g} s" in section("How much, how often, how long")
