"""docs/api.md lists what there is: operations, permissions, and the order of declines."""

import re

from msgspec import inspect

from engine.api import AnyOperation
from engine.app import operations
from engine.campus_errors import DeclineCode
from engine.permissions import PERMISSIONS, Permission
from tests.engine.api.staff.test_permissions import ALLOWED
from tests.engine.running import RunningEngine
from tests.sources import ROOT

ROW = re.compile(r"^\| `((?:GET|POST|PUT|DELETE) /v1/\S+)` \| [^|]+ \|(?: (.+) \|)?$", re.MULTILINE)
ROLE = re.compile(r"^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|$", re.MULTILINE)
NUMBERED = re.compile(r"^\d+\. `(\w+)`", re.MULTILINE)

TEXT = (ROOT / "docs/api.md").read_text("utf-8")
LISTED: dict[str, str] = dict(ROW.findall(TEXT))


def place(operation: AnyOperation) -> str:
    return f"{operation.method} {operation.path}"


async def test_every_operation_is_listed_and_no_other(engine: RunningEngine) -> None:
    assert list(LISTED) == [place(operation) for operation in operations(engine.parts)]


async def test_the_permission_listed_is_the_one_that_is_asked_for(engine: RunningEngine) -> None:
    may = {
        place(each): ALLOWED[each.name]
        for each in operations(engine.parts)
        if each.path.startswith("/v1/staff/")
    }
    listed = {
        where: set(PERMISSIONS)
        if needed == "every role"
        else {role for role, has in PERMISSIONS.items() if Permission(needed.strip("`")) in has}
        for where, needed in LISTED.items()
        if needed
    }
    assert listed == may


def test_the_permissions_of_each_role_are_listed() -> None:
    listed = {role: set(re.findall(r"\w+", names)) for role, names in ROLE.findall(TEXT)}
    assert listed == {role: set(has) for role, has in PERMISSIONS.items()}


def test_declines_are_listed_in_the_order_in_which_they_are_looked_for() -> None:
    section = TEXT.partition("\n## Declines\n")[2].partition("\n## ")[0]
    listed = list(dict.fromkeys(NUMBERED.findall(section)))
    assert listed == [code.value for code in DeclineCode]


async def test_no_address_has_a_place_for_a_number_or_a_name(engine: RunningEngine) -> None:
    texts = {
        field.name
        for operation in operations(engine.parts)
        for field in fields_of(operation)
        if any(isinstance(kind, inspect.StrType) for kind in kinds_of(field.type))
    }
    assert texts == {"cursor"}


def fields_of(operation: AnyOperation) -> tuple[inspect.Field, ...]:
    form = inspect.type_info(operation.parameters)
    assert isinstance(form, inspect.StructType)
    return form.fields


def kinds_of(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)
