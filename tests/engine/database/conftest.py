"""What tests of the database layer share."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def own_area() -> Iterator[Path]:
    """A path for a server of this test's own, below a folder that the server's user can enter."""
    with TemporaryDirectory(prefix="campus-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "postgres"
