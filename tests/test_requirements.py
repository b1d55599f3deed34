"""The locks: every package pinned and hashed, no address in them, and nothing out of step."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.sources import ROOT, Source, findings, sources

PINNED = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)==([^\s;]+)(?: ; [^\\]+)? \\")
HASHED = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
ADDRESS = re.compile(r"://|\bwww\.|--(index|extra-index|find-links|trusted)")


def locks() -> list[Source]:
    return [source for source in sources() if re.fullmatch(r"requirements/\w+\.txt", source.path)]


def packages_are_pinned_and_hashed(source: Source) -> list[str]:
    """Each package is one line that pins it and lines of hashes; `\\` joins them, but the last."""
    found = [
        source.at(number, "neither a pinned package nor a hash")
        for number, line in enumerate(source.lines, 1)
        if not (PINNED.fullmatch(line) or HASHED.fullmatch(line))
    ]
    for number, (line, following) in enumerate(
        zip(source.lines, [*source.lines[1:], ""], strict=True), 1
    ):
        if line.endswith("\\") != bool(HASHED.fullmatch(following)):
            found.append(source.at(number, "what follows is not the hash that is announced"))
    return found


def no_address_is_named(source: Source) -> list[str]:
    return [
        source.at(number, "a lock names no address")
        for number, line in enumerate(source.lines, 1)
        if ADDRESS.search(line)
    ]


def pins(source: Source) -> dict[str, set[str]]:
    pinned: dict[str, set[str]] = {}
    for match in filter(None, map(PINNED.fullmatch, source.lines)):
        pinned.setdefault(match[1], set()).add(match[2])
    return pinned


def unmet(wanted: list[str], pinned: dict[str, set[str]]) -> list[str]:
    """The requirements that no pin meets."""
    return [
        text
        for text in wanted
        if not any(
            Requirement(text).specifier.contains(version, prereleases=True)
            for version in pinned.get(canonicalize_name(Requirement(text).name), ())
        )
    ]


def lock(name: str) -> Source:
    return next(source for source in locks() if source.name == f"{name}.txt")


def test_there_is_a_lock_for_each_purpose() -> None:
    assert [source.name for source in locks()] == ["build.txt", "dev.txt", "runtime.txt"]


def test_every_package_is_pinned_and_hashed() -> None:
    found = findings(packages_are_pinned_and_hashed, locks())
    assert not found, "\n".join(found)


def test_no_lock_names_an_address() -> None:
    assert findings(no_address_is_named, locks()) == []


def test_the_locks_meet_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    built_by = project["build-system"]["requires"]
    assert unmet(project["project"]["dependencies"], pins(lock("runtime"))) == []
    assert unmet(project["dependency-groups"]["dev"], pins(lock("dev"))) == []
    assert unmet(built_by, pins(lock("build"))) == []


def test_locks_installed_together_agree() -> None:
    runtime, build, dev = pins(lock("runtime")), pins(lock("build")), pins(lock("dev"))
    shared = [(a, b, name) for a, b in ((runtime, dev), (build, dev)) for name in a.keys() & b]
    assert [name for a, b, name in shared if a[name] != b[name]] == []


HASH = "    --hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "rich>=14 \\\n" + HASH,
        "rich==15.0.0",
        "rich==15.0.0 \\",
        "rich==15.0.0\n" + HASH,
        f"rich==15.0.0 \\\n{HASH} \\\nmdurl==0.1.2 \\\n{HASH}",
        "rich==15.0.0 \\\n    --hash=md5:0",
        "git+ssh:x",
    ],
)
def test_an_unhashed_package_is_found(text: str) -> None:
    assert packages_are_pinned_and_hashed(Source(path="requirements/dev.txt", text=text))


def test_hashed_packages_pass() -> None:
    text = f"rich==15.0.0 ; python_full_version < '3.12' \\\n{HASH} \\\n{HASH}\nmdurl==1 \\\n{HASH}"
    assert packages_are_pinned_and_hashed(Source(path="requirements/dev.txt", text=text)) == []


@pytest.mark.parametrize("text", ["--index-url x", "rich @ https://host/rich.whl"])
def test_an_address_is_found(text: str) -> None:
    assert no_address_is_named(Source(path="requirements/dev.txt", text=text))


def test_a_requirement_that_no_pin_meets_is_found() -> None:
    wanted = ["rich>=15", "Typer>=0.20", "uvloop>=0.22; platform_system != 'Windows'", "mypy"]
    pinned = {"rich": {"14.9"}, "typer": {"0.29"}, "uvloop": {"0.1", "0.23"}}
    assert unmet(wanted, pinned) == ["rich>=15", "mypy"]
