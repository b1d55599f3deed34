"""What documents promise: commands that exist, links that lead somewhere, a whole index."""

import re
import tomllib
from collections.abc import Collection

import pytest

from tests.sources import ROOT, Source, sources

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND_IN_BLOCK = re.compile(r"^(?:\$ )?make((?: [a-z][\w-]*)+)", re.MULTILINE)
COMMAND_IN_SPAN = re.compile(r"`make((?: [a-z][\w-]*)+)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"^([a-z][\w-]*):(?!=)", re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)

DECISIONS = "docs/adr/"
SECTIONS = ("Context", "Decision", "Consequences")


def documents() -> list[Source]:
    return [source for source in sources() if source.suffix == ".md"]


def text_of(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def unknown_commands(source: Source, targets: Collection[str]) -> list[str]:
    """The `make` commands of a document, in a code span or block, that the Makefile lacks."""
    in_blocks = COMMAND_IN_BLOCK.findall("\n".join(FENCED.findall(source.text)))
    in_spans = COMMAND_IN_SPAN.findall(FENCED.sub("", source.text))
    return [
        f"{source.path}: make {target}"
        for command in in_blocks + in_spans
        for target in command.split()
        if target not in targets
    ]


def broken_links(source: Source, anchors: dict[str, set[str]]) -> list[str]:
    """The relative links that lead to no file, or to no heading of a document.

    `anchors` has each file of the project with the anchors of its headings.
    """
    found = []
    for link in LINK.findall(source.text):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = resolved(source.path, path) if path else source.path
        folder = any(known.startswith(target.rstrip("/") + "/") for known in anchors)
        if not (target in anchors or folder) or (anchor and anchor not in anchors.get(target, ())):
            found.append(f"{source.path}: {link}")
    return found


def resolved(start: str, link: str) -> str:
    """The path from the root of a link in the file `start`."""
    parts = start.split("/")[:-1]
    for part in link.split("/"):
        if part == "..":
            if not parts:
                return link  # out of the project
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def anchors_of(text: str) -> set[str]:
    """The anchors that a forge gives to headings: lower case, hyphens, no punctuation."""
    headings = HEADING.findall(FENCED.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def index_faults(index: str, names: list[str]) -> list[str]:
    """What is wrong with the numbers of these decisions, or with the index that lists them."""
    decisions = sorted(name for name in names if re.match(r"\d{4}-", name))
    numbers = [int(name[:4]) for name in decisions]
    found = [f"{name} is not called NNNN-title.md" for name in names if name not in decisions]
    if numbers != list(range(1, len(numbers) + 1)):
        found.append(f"the numbers have a gap or repeat: {numbers}")
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index)
    found += [f"{name} is not in the index" for name in decisions if name not in listed]
    found += [f"{name} is in the index only" for name in listed if name not in decisions]
    if listed != sorted(set(listed)):
        found.append("the index is not in order")
    return found


def missing_sections(text: str) -> list[str]:
    return [section for section in SECTIONS if f"\n## {section}\n" not in text]


def undecided(dependencies: list[str], decisions: str) -> list[str]:
    """The dependencies for which no decision gives a reason."""
    names = [re.match(r"[\w-]+", dependency) for dependency in dependencies]
    return [name[0] for name in names if name and f"`{name[0]}`" not in decisions]


def decision_names() -> list[str]:
    paths = [source.path for source in documents() if source.path.startswith(DECISIONS)]
    return [path.removeprefix(DECISIONS) for path in paths if not path.endswith("/README.md")]


def test_every_make_command_in_the_documents_exists() -> None:
    targets = set(TARGET.findall(text_of("Makefile")))
    assert [fault for source in documents() for fault in unknown_commands(source, targets)] == []


def test_the_readme_begins_with_the_two_commands() -> None:
    first = FENCED.search(text_of("README.md"))
    assert first
    assert first[0].splitlines()[1:-1] == ["make run", "make test"]


def test_every_relative_link_leads_somewhere() -> None:
    anchors = {
        source.path: anchors_of(source.text) if source.suffix == ".md" else set[str]()
        for source in sources()
    }
    assert [fault for source in documents() for fault in broken_links(source, anchors)] == []


def test_the_index_of_decisions_is_whole() -> None:
    assert index_faults(text_of(DECISIONS + "README.md"), decision_names()) == []


@pytest.mark.parametrize("name", decision_names())
def test_a_decision_has_its_three_parts(name: str) -> None:
    assert missing_sections(text_of(DECISIONS + name)) == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))
    wanted = project["project"]["dependencies"] + project["build-system"]["requires"]
    for group in project["dependency-groups"].values():
        wanted += group
    decisions = "".join(text_of(DECISIONS + name) for name in decision_names())
    assert undecided(wanted, decisions) == []


@pytest.mark.parametrize(
    "text", ["Type `make tset`.", "```\nmake tset\n```", "```\n$ make test tset\n```"]
)
def test_a_command_that_is_not_there_is_found(text: str) -> None:
    assert unknown_commands(Source(path="README.md", text=text), {"test"}) == [
        "README.md: make tset"
    ]


@pytest.mark.parametrize("text", ["Type `make test`.", "```\nmake test\n```", "These make sense."])
def test_commands_that_are_there_pass(text: str) -> None:
    assert unknown_commands(Source(path="README.md", text=text), {"test"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "[a](gone.md)",
        "[a](../gone.md)",
        "[a](../../README.md)",
        "[a](b.md#gone)",
        "[a](#gone)",
        "![a](gone.svg)",
    ],
)
def test_a_link_that_leads_nowhere_is_found(text: str) -> None:
    anchors = {"README.md": set[str](), "docs/a.md": set[str](), "docs/b.md": {"part"}}
    assert broken_links(Source(path="docs/a.md", text=text), anchors)


@pytest.mark.parametrize(
    "text",
    ["[a](b.md)", "[a](../README.md)", "[a](b.md#part)", "[a](../docs)", "[a](https://x.org/y)"],
)
def test_links_that_lead_somewhere_pass(text: str) -> None:
    anchors = {"README.md": set[str](), "docs/a.md": set[str](), "docs/b.md": {"part"}}
    assert broken_links(Source(path="docs/a.md", text=text), anchors) == []


def test_the_anchor_of_a_heading_is_its_words() -> None:
    assert anchors_of("# One, two!\n```\n# no heading\n```\n## 挂失 loss_report\n") == {
        "one-two",
        "挂失-loss_report",
    }


@pytest.mark.parametrize(
    ("index", "names"),
    [
        ("", ["0001-a.md"]),
        ("[1](0001-a.md) [2](0002-b.md)", ["0001-a.md"]),
        ("[1](0001-a.md) [3](0003-c.md)", ["0001-a.md", "0003-c.md"]),
        ("[1](0001-a.md) [1](0001-b.md)", ["0001-a.md", "0001-b.md"]),
        ("[2](0002-b.md) [1](0001-a.md)", ["0001-a.md", "0002-b.md"]),
        ("[1](0001-a.md)", ["0001-a.md", "notes.md"]),
    ],
)
def test_an_index_with_a_fault_is_found(index: str, names: list[str]) -> None:
    assert index_faults(index, names)


def test_a_whole_index_passes() -> None:
    assert index_faults("[1](0001-a.md) [2](0002-b.md)", ["0002-b.md", "0001-a.md"]) == []


def test_a_missing_part_of_a_decision_is_found() -> None:
    assert missing_sections("# T\n\n## Context\n\nx\n\n## Decision\n\ny\n") == ["Consequences"]


def test_a_dependency_without_a_reason_is_found() -> None:
    assert undecided(["rich>=14", "typer"], "| `typer` | commands |") == ["rich"]
