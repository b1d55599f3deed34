"""What the code never does: each refusal of our style that a syntax tree can show."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import PACKAGES, Rule, Source, findings, python_sources

DRAWERS = {"common", "helper", "helpers", "misc", "util", "utils"}
VAGUE_ENDINGS = ("Helper", "Impl", "Manager", "Processor")

READS_THE_ENVIRONMENT = "engine/__main__.py"
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}

RUNS_SQL = {
    "copy_from_query",
    "cursor",
    "execute",
    "executemany",
    "executescript",
    "fetch",
    "fetchmany",
    "fetchrow",
    "fetchval",
    "prepare",
}

SQL_TEXT = re.compile(
    r"""\s*(
        select\s+(\d|\w+\(|.*\sfrom\s)
      | insert\s+into\s | delete\s+from\s | update\s+\w+\s+set\s | merge\s+into\s
      | with\s+\w+\s+as\s*\( | copy\s+\w+.*\s(from|to)\s | truncate\s+\w
      | (create|alter|drop)\s+(or\s+replace\s+)?(unlogged\s+|unique\s+|materialized\s+)?
        (database|domain|extension|function|index|policy|role|schema|sequence|system|table
         |trigger|type|user|view)\b
      | (grant|revoke)\s+\w+.*\s(on|to|from)\s
      | set\s+(local\s+|session\s+)?\w+\s*(=|to\b)
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def nothing_is_mocked(source: Source) -> list[str]:
    return [
        source.at(node, "a seam is replaced by a small honest implementation, not by a mock")
        for node in source.nodes()
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest"))
        or (isinstance(node, ast.Import) and any(a.name.startswith("unittest") for a in node.names))
        or (isinstance(node, ast.arg) and node.arg == "mocker")
    ]


def one_module_reads_the_environment(source: Source) -> list[str]:
    if source.package not in PACKAGES or source.path == READS_THE_ENVIRONMENT:
        return []
    return [
        source.at(node, f"only {READS_THE_ENVIRONMENT} reads the environment")
        for node in source.nodes()
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in ENVIRONMENT)
        or (
            isinstance(node, ast.ImportFrom)
            and any(f"{node.module}.{alias.name}" in ENVIRONMENT for alias in node.names)
        )
    ]


def statements_are_never_composed(source: Source) -> list[str]:
    if source.package not in {*PACKAGES, "benchmarks"}:
        return []
    composed = set(composed_names(source.tree))
    return [
        source.at(statement, "a composed statement is run")
        for statement in statements_run(source)
        if is_composed(statement) or ast.unparse(statement) in composed
    ]


def statements_run(source: Source) -> Iterator[ast.expr]:
    """What is handed first to the methods of a driver that run SQL."""
    for node in source.nodes():
        match node:
            case ast.Call(func=ast.Attribute(attr=method), args=[statement, *_]):
                if method in RUNS_SQL:
                    yield statement


def is_composed(node: ast.expr) -> bool:
    """Tell whether an expression puts a text together from parts known only at run time."""
    match node:
        case ast.JoinedStr():
            return any(isinstance(part, ast.FormattedValue) for part in node.values)
        case ast.BinOp(op=ast.Add() | ast.Mod()):
            return True
        case ast.Call(func=ast.Attribute(attr="format" | "format_map" | "join" | "replace")):
            return True
        case _:
            return False


def composed_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if is_composed(value):
                yield from (ast.unparse(target) for target in targets)
            case ast.AnnAssign(target=target, value=ast.expr() as value) if is_composed(value):
                yield ast.unparse(target)
            case ast.AugAssign(target=target, op=ast.Add()):
                yield ast.unparse(target)


def sql_lives_in_sql_files(source: Source) -> list[str]:
    if source.package not in PACKAGES:
        return []
    documentation = set(docstrings(source.tree))
    run = set(statements_run(source))
    return [
        source.at(node, f"a statement among the Python: {node.value.strip()[:40]!r}")
        for node in source.nodes()
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node not in documentation
        and (node in run or SQL_TEXT.match(node.value))
    ]


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Texts that stand as statements of their own: docstrings, also those of attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def modules_are_named_for_one_idea(source: Source) -> list[str]:
    parts = Path(source.path).with_suffix("").parts
    return [
        source.at(1, f"{part} is a drawer, not an idea")
        for part in parts
        if part.removeprefix("test_").strip("_") in DRAWERS
    ]


def classes_are_named_for_what_they_are(source: Source) -> list[str]:
    return [
        source.at(node, f"{node.name} does not say what it is")
        for node in source.nodes()
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE_ENDINGS)
    ]


def every_task_is_awaited(source: Source) -> list[str]:
    groups = set(task_groups(source.tree))
    return [
        source.at(node, "nobody awaits this task: use a TaskGroup")
        for node in source.nodes()
        if isinstance(node, ast.Expr) and starts_loose_task(node.value, groups)
    ]


def starts_loose_task(node: ast.expr, groups: set[str]) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="create_task" | "ensure_future")):
            return True
        case ast.Call(func=ast.Attribute(attr="create_task" | "ensure_future", value=owner)):
            return ast.unparse(owner) not in groups
        case _:
            return False


def task_groups(tree: ast.Module) -> Iterator[str]:
    """The names that hold a TaskGroup, by how they are opened, annotated or assigned."""
    for node in ast.walk(tree):
        match node:
            case ast.withitem(context_expr=opened, optional_vars=ast.expr() as name):
                if ast.unparse(opened).endswith("TaskGroup()"):
                    yield ast.unparse(name)
            case ast.arg(arg=name, annotation=ast.expr() as kind):
                if ast.unparse(kind).endswith("TaskGroup"):
                    yield name
            case ast.AnnAssign(target=target, annotation=kind):
                if ast.unparse(kind).endswith("TaskGroup"):
                    yield from (ast.unparse(target), f"self.{ast.unparse(target)}")
            case ast.Assign(targets=[target], value=value):
                if ast.unparse(value).endswith("TaskGroup()"):
                    yield ast.unparse(target)


RULES: list[Rule] = [
    nothing_is_mocked,
    one_module_reads_the_environment,
    statements_are_never_composed,
    sql_lives_in_sql_files,
    modules_are_named_for_one_idea,
    classes_are_named_for_what_they_are,
    every_task_is_awaited,
]


@pytest.mark.parametrize("rule", RULES)
def test_every_module_keeps(rule: Rule) -> None:
    found = findings(rule, python_sources())
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (nothing_is_mocked, "from unittest.mock import Mock"),
        (nothing_is_mocked, "from unittest import mock"),
        (nothing_is_mocked, "import unittest.mock"),
        (nothing_is_mocked, "def test_it(mocker): ..."),
        (one_module_reads_the_environment, "import os\nport = os.environ['PORT']"),
        (one_module_reads_the_environment, "import os\nport = os.getenv('PORT')"),
        (one_module_reads_the_environment, "from os import environ"),
        (statements_are_never_composed, "c.execute(f'select {column} from t')"),
        (statements_are_never_composed, "c.fetch('select ' + column)"),
        (statements_are_never_composed, "c.fetchval('select %s' % column)"),
        (statements_are_never_composed, "c.fetchrow('select {}'.format(column))"),
        (statements_are_never_composed, "c.execute(' '.join(parts))"),
        (statements_are_never_composed, "text = f'drop {x}'\nc.execute(text)"),
        (statements_are_never_composed, "text: str = a + b\nc.execute(text)"),
        (statements_are_never_composed, "text = a\ntext += b\nc.execute(text)"),
        (sql_lives_in_sql_files, "q = 'select 1'"),
        (sql_lives_in_sql_files, "q = 'SELECT id\\nFROM people'"),
        (sql_lives_in_sql_files, "q = 'insert into people values (1)'"),
        (sql_lives_in_sql_files, "q = 'update people set name = $1'"),
        (sql_lives_in_sql_files, "q = 'delete from people'"),
        (sql_lives_in_sql_files, "q = 'with gone as (delete from t) select 1'"),
        (sql_lives_in_sql_files, "q = 'create unique index on t (a)'"),
        (sql_lives_in_sql_files, "q = f'create schema {name}'"),
        (sql_lives_in_sql_files, "q = 'grant select on t to campus_app'"),
        (sql_lives_in_sql_files, "q = 'set search_path = campus'"),
        (sql_lives_in_sql_files, "c.execute('begin')"),
        (modules_are_named_for_one_idea, "x = 1"),
        (classes_are_named_for_what_they_are, "class CardManager: ..."),
        (every_task_is_awaited, "asyncio.create_task(work())"),
        (every_task_is_awaited, "asyncio.get_running_loop().create_task(work())"),
        (every_task_is_awaited, "asyncio.ensure_future(work())"),
        (every_task_is_awaited, "create_task(work())"),
        (every_task_is_awaited, "self.loop.create_task(work())"),
    ],
)
def test_a_rule_finds_its_bad_example(rule: Rule, text: str) -> None:
    assert rule(Source(path="engine/utils.py", text=text))


@pytest.mark.parametrize(
    "text",
    [
        '"""Select a card from those of the person."""',
        "class A:\n    x: int\n    'select 1 is what the probe runs.'",
        "label = 'Select a card'",
        "label = 'Update the price'",
        "label = 'Set a limit'",
        "label = 'Delete the card?'",
        "event = 'commit'",
        "c.execute(STATEMENTS.get('find_person'), person_id)",
        "c.fetch(query, f'{name}%')",
        "log.info('created table ' + name)",
        "async def f():\n  async with asyncio.TaskGroup() as group:\n    group.create_task(g())",
        "def f(group: asyncio.TaskGroup):\n    group.create_task(g())",
        "class A:\n    group: TaskGroup\n    def f(self):\n        self.group.create_task(g())",
        "task = asyncio.create_task(work())",
        "class Processors: ...",
    ],
)
def test_no_rule_complains_of_good_examples(text: str) -> None:
    source = Source(path="engine/cards.py", text=text)
    assert [finding for rule in RULES for finding in rule(source)] == []


def test_the_environment_is_read_where_settings_are_made() -> None:
    source = Source(path=READS_THE_ENVIRONMENT, text="import os\nport = os.environ['PORT']")
    assert one_module_reads_the_environment(source) == []
