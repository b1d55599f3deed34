"""The shape of every text: sizes, widths, endings, and what must not be written down."""

import ast
import re
import unicodedata

import pytest

from tests.sources import Rule, Source, findings, sources

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 5
WIDTH_MAX = 100

CODE = {".py", ".sql", ".js", ".css", ".html"}
PROGRAMS = CODE | {".sh", ".toml", ""}  # no suffix: Makefile, .ci/run
WRITTEN_BY_HAND = PROGRAMS | {".md"}
NOT_OURS_TO_SHAPE = {"LICENSE"}

# A pattern is written so that it does not match its own line.
WORK_LEFT = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b(?!\s*\(#\d+\))")
MACHINE_PATH = re.compile(r"(?<![\w.:])/(tmp/\w|(root|work)(?![\w-])|(home|Users)/\w+/)")
REGISTRY_HOST = re.compile(
    r"\b(pypi\.org|pythonhosted\.org|npmjs\.(org|com)|npmmirror\.com|crates\.io"
    r"|(deb|security)\.debian\.org|archive\.ubuntu\.com|proxy\.golang\.org|repo1?\.maven\.)"
)
SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\b(ghp|gho|ghs|github_pat|glpat|sk_live|xox[abp])[_-]\w{16,}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."
)
PASSWORD_IN_ADDRESS = re.compile(r"\w://[^\s/:@]+:(?!(?i:password)@|\.{3}@|…@)[^\s/:@{}<>$%]+@")
PRAGMA = re.compile(r"\s*# (noqa|type: ignore).*")
UPPER_KEYWORD = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|VALUES|CREATE|TABLE)\b")
EVERY_COLUMN = re.compile(r"(\bselect|\breturning|,|\.)\s*\*", re.IGNORECASE)
SESSION_WORDS = [["set"], ["reset"], ["listen"], ["declare"], ["prepare"]]
OWN_SESSION = {"plan_in_order"}  # of the poster's writer, who never gives its connection back
PARAMETER = re.compile(r"\$(\d+)")
PARAMETERS_IN_WORDS = re.compile(r"\$(\d+)(?:\s*(?:to|and up to|-|–)\s*\$(\d+))?")


def files_are_short(source: Source) -> list[str]:
    count = len(source.lines)
    if source.suffix not in CODE or count <= FILE_LINES_MAX:
        return []
    return [source.at(count, f"{count} lines; {FILE_LINES_MAX} is the wall")]


def functions_are_short(source: Source) -> list[str]:
    return [
        source.at(node, f"{node.name} has {length} lines; {FUNCTION_LINES_MAX} is the wall")
        for node in functions(source)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def functions_take_few_parameters(source: Source) -> list[str]:
    if source.package == "tests":
        return []  # fixtures are parameters
    return [
        source.at(node, f"{node.name} takes {count} parameters; {PARAMETERS_MAX} is the most")
        for node in functions(source)
        if (count := len(parameters(node))) > PARAMETERS_MAX
    ]


def functions(source: Source) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    if source.suffix != ".py":
        return []
    definitions = ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in source.nodes() if isinstance(node, definitions)]


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    named = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return [parameter.arg for parameter in named if parameter.arg not in {"self", "cls"}]


def lines_fit_the_width(source: Source) -> list[str]:
    if source.suffix not in WRITTEN_BY_HAND or source.name in NOT_OURS_TO_SHAPE:
        return []
    return [
        source.at(number, f"{columns(line)} columns; {WIDTH_MAX} is the width")
        for number, line in enumerate(source.lines, 1)
        if columns(line) > WIDTH_MAX
        and not (source.suffix == ".md" and line.lstrip().startswith("|"))
    ]


def columns(line: str) -> int:
    """The width on a screen, without a pragma and its reason at the end, as ruff counts."""
    text = PRAGMA.sub("", line)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def files_end_with_one_newline(source: Source) -> list[str]:
    if not source.text or (source.text.endswith("\n") and not source.text.endswith("\n\n")):
        return []
    return [source.at(len(source.lines), "a file ends with one newline")]


def lines_end_in_line_feeds(source: Source) -> list[str]:
    return [source.at(1, "carriage returns")] if "\r" in source.text else []


def python_and_sql_have_no_tabs(source: Source) -> list[str]:
    return matches(source, re.compile(r"\t"), "a tab", {".py", ".sql"})


def work_left_names_its_issue(source: Source) -> list[str]:
    return matches(source, WORK_LEFT, "work left without the number of an issue", PROGRAMS)


def no_path_of_one_machine(source: Source) -> list[str]:
    return matches(source, MACHINE_PATH, "a path of one machine")


def no_registry_is_named(source: Source) -> list[str]:
    return matches(source, REGISTRY_HOST, "the host of a package registry")


def nothing_looks_like_a_secret(source: Source) -> list[str]:
    if source.path.startswith("tests/vectors/"):
        return []  # published keys of published examples
    return matches(source, SECRET, "this looks like a secret")


def no_address_holds_a_password(source: Source) -> list[str]:
    if source.package == "tests":
        return []  # they hand in such addresses to see that no error repeats them
    return matches(source, PASSWORD_IN_ADDRESS, "an address with its password")


def matches(
    source: Source, pattern: re.Pattern[str], message: str, suffixes: set[str] | None = None
) -> list[str]:
    if source.suffix not in (suffixes or {source.suffix}):
        return []
    return [
        source.at(number, message)
        for number, line in enumerate(source.lines, 1)
        if pattern.search(line)
    ]


def statements_are_named_and_explained(source: Source) -> list[str]:
    if source.suffix != ".sql" or is_migration(source):
        return []
    preamble, *parts = source.text.split("-- name:")
    found = [source.at(1, "a statement without a name")] if code_of(preamble) or not parts else []
    names: set[str] = set()
    explained: set[int] = set()
    line = preamble.count("\n") + 1
    for part in parts:
        name, _, text = part.partition("\n")
        known = explained if text.startswith("-- The same") else set[int]()
        explained = known | parameters_explained(text)
        lacking = lacks(name.strip(), text, explained)
        found += [source.at(line, f"{name.strip()}: {lack}") for lack in lacking]
        if name in names:
            found.append(source.at(line, f"{name.strip()} is the name of another statement"))
        names.add(name)
        line += part.count("\n")
    return found


def sessions_are_left_as_they_were(source: Source) -> list[str]:
    """Connections are not reset between two users (engine/database/connections.py)."""
    if source.suffix != ".sql" or is_migration(source):
        return []
    found = []
    for part in source.text.split("-- name:")[1:]:
        name, _, text = part.partition("\n")
        words = code_of(text).lower().split()
        changes = words[:1] in SESSION_WORDS and words[1:2] != ["local"]
        if (changes or "pg_advisory_lock(" in text) and name.strip() not in OWN_SESSION:
            found.append(source.at(1, f"{name.strip()} leaves something on the session"))
    return found


def parameters_explained(text: str) -> set[int]:
    comment = "\n".join(line for line in text.splitlines() if line.lstrip().startswith("--"))
    spans = PARAMETERS_IN_WORDS.findall(comment)
    return {n for first, last in spans for n in range(int(first), int(last or first) + 1)}


def lacks(name: str, text: str, explained: set[int]) -> list[str]:
    """What the statement `name`, with its comments, does not have and should."""
    code = code_of(text)
    unexplained = {int(number) for number in PARAMETER.findall(code)} - explained
    return [
        *([] if re.fullmatch(r"[a-z][a-z0-9_]*", name) else ["a name is one word, in snake_case"]),
        *([] if code else ["there is no statement"]),
        *([] if text.startswith("--") else ["the comment that explains it comes first"]),
        *(f"${number} is not explained" for number in sorted(unexplained)),
    ]


def code_of(text: str) -> str:
    """The SQL without its comments."""
    return re.sub(r"--[^\n]*", "", text).strip()


def migrations_are_numbered_and_explained(source: Source) -> list[str]:
    if not is_migration(source):
        return []
    found = []
    if not re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", source.name):
        found.append(source.at(1, "a migration is called NNNN_name.sql"))
    if not source.text.startswith("-- "):
        found.append(source.at(1, "a migration opens with what it is for"))
    return found


def is_migration(source: Source) -> bool:
    return source.suffix == ".sql" and "/migrations/" in source.path


def sql_keeps_house_style(source: Source) -> list[str]:
    if source.suffix != ".sql":
        return []
    lines = [(number, code_of(line)) for number, line in enumerate(source.lines, 1)]
    return [
        *(source.at(n, "keywords are lower case") for n, c in lines if UPPER_KEYWORD.search(c)),
        *(source.at(n, "columns are named, never *") for n, c in lines if EVERY_COLUMN.search(c)),
    ]


RULES: list[Rule] = [
    files_are_short,
    functions_are_short,
    functions_take_few_parameters,
    lines_fit_the_width,
    files_end_with_one_newline,
    lines_end_in_line_feeds,
    python_and_sql_have_no_tabs,
    work_left_names_its_issue,
    no_path_of_one_machine,
    no_registry_is_named,
    nothing_looks_like_a_secret,
    no_address_holds_a_password,
    statements_are_named_and_explained,
    sessions_are_left_as_they_were,
    migrations_are_numbered_and_explained,
    sql_keeps_house_style,
]


@pytest.mark.parametrize("rule", RULES)
def test_every_file_keeps(rule: Rule) -> None:
    found = findings(rule, list(sources()))
    assert not found, "\n".join(found)


def test_migrations_are_numbered_without_gaps() -> None:
    folders: dict[str, list[int]] = {}
    for source in filter(is_migration, sources()):
        folders.setdefault(source.path.rpartition("/")[0], []).append(int(source.name[:4]))
    for numbers in folders.values():
        assert numbers == list(range(1, len(numbers) + 1))


# The bad examples are put together, so that this file keeps the rules it shows broken.
BAD_EXAMPLES: list[tuple[Rule, str, str]] = [
    (files_are_short, "ledger/book.py", "x = 1\n" * 501),
    (functions_are_short, "ledger/book.py", "def f():\n" + "    x = 1\n" * 70),
    (functions_are_short, "tests/test_x.py", "async def f():\n" + "    x = 1\n" * 70),
    (functions_take_few_parameters, "ledger/book.py", "def f(a, b, *, c, d, e, g): ..."),
    (lines_fit_the_width, "ledger/book.py", "x" * 101),
    (lines_fit_the_width, "docs/tour.md", "x" * 101),
    (lines_fit_the_width, "docs/tour.md", "挂" * 51),
    (lines_fit_the_width, "Makefile", "x" * 101),
    (files_end_with_one_newline, "docs/tour.md", "end"),
    (files_end_with_one_newline, "docs/tour.md", "end\n\n"),
    (lines_end_in_line_feeds, "docs/tour.md", "end\r\n"),
    (python_and_sql_have_no_tabs, "ledger/book.py", "if x:\n\ty()\n"),
    (work_left_names_its_issue, "ledger/book.py", "# TO" + "DO: later\n"),
    (work_left_names_its_issue, "Makefile", "# FIX" + "ME(someone): later\n"),
    (no_path_of_one_machine, "docs/tour.md", "see /" + "tmp/x\n"),
    (no_path_of_one_machine, "ledger/book.py", "HOME = '/" + "root'\n"),
    (no_path_of_one_machine, "Makefile", "cp x /" + "home/someone/x\n"),
    (no_registry_is_named, "Makefile", "curl https://pypi" + ".org/simple\n"),
    (no_registry_is_named, "package.json", '"https://registry.npmjs' + '.org/x"\n'),
    (nothing_looks_like_a_secret, "key.pem", "-----BEGIN EC PRIVATE " + "KEY-----\n"),
    (no_address_holds_a_password, "docs/tour.md", "postgresql://campus:" + "hunter2@db/campus\n"),
    (nothing_looks_like_a_secret, ".ci/run", "TOKEN=ghp_" + "0123456789abcdefghij\n"),
    (sessions_are_left_as_they_were, "a.sql", "-- name: one\n-- One.\nset jit = off;\n"),
    (sessions_are_left_as_they_were, "a.sql", "-- name: one\n-- One.\nlisten news;\n"),
    (
        sessions_are_left_as_they_were,
        "a.sql",
        "-- name: one\n-- One.\nselect pg_advisory_lock(1);\n",
    ),
    (statements_are_named_and_explained, "a.sql", "select 1;\n"),
    (statements_are_named_and_explained, "a.sql", "-- name: one\nselect 1;\n"),
    (statements_are_named_and_explained, "a.sql", "-- name: a one\n-- One.\nselect 1;\n"),
    (statements_are_named_and_explained, "a.sql", "-- name: one\n-- One.\n"),
    (statements_are_named_and_explained, "a.sql", "-- name: one\n-- That of $1.\nselect $1, $2;\n"),
    (statements_are_named_and_explained, "a.sql", "-- name: one\n-- One.\nselect 1;\n" * 2),
    (
        statements_are_named_and_explained,
        "a.sql",
        "-- name: a\n-- By $1.\nselect $1;\n-- name: b\n-- The other.\nselect $1;\n",
    ),
    (migrations_are_numbered_and_explained, "a/migrations/1_x.sql", "-- People.\n"),
    (migrations_are_numbered_and_explained, "a/migrations/0001_x.sql", "create table x ();\n"),
    (sql_keeps_house_style, "a.sql", "SELECT id\n"),
    (sql_keeps_house_style, "a.sql", "select *\n"),
    (sql_keeps_house_style, "a.sql", "select p.* from p\n"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BAD_EXAMPLES)
def test_a_rule_finds_its_bad_example(rule: Rule, path: str, text: str) -> None:
    assert rule(Source(path=path, text=text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ledger/book.py", "def f():\n" + "    x = 1\n" * 69),
        ("ledger/book.py", "class A:\n    def f(self, a, b, *, c, d, e): ...\n"),
        ("tests/test_x.py", "def test(a, b, c, d, e, f): ...\n"),
        ("docs/tour.md", "| " + "x" * 101 + " |\n"),
        ("docs/tour.md", "postgresql://campus:PASSWORD@localhost/campus\n"),
        ("ledger/book.py", "# TODO(#12): later\n"),
        ("engine/app.py", 'ROUTES = ["/v1/staff/work", "/work-items", "files/tmp"]\n'),
        (
            "a.sql",
            "-- name: find_one\n-- The one with $1 id, $2 to $4 its marks.\nselect $1, $3;\n",
        ),
        ("ledger/book.py", "x = 1  # noqa: X1  " + "a reason " * 12 + "\n"),
        ("a.sql", "-- name: a\n-- By $1.\nselect $1;\n-- name: b\n-- The same.\nselect $1;\n"),
        ("a.sql", "-- name: count_all\n-- How many.\nselect count(*), 2 * 3 from x;\n"),
        ("a/migrations/0001_people.sql", "-- People.\ncreate table x ();\n"),
    ],
)
def test_no_rule_complains_of_good_examples(path: str, text: str) -> None:
    assert [finding for rule in RULES for finding in rule(Source(path=path, text=text))] == []
