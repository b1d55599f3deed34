"""One database for all tests of a module that commit, but look only at accounts of their own."""

import asyncio
from collections.abc import Iterator

from engine.database.embedded import EmbeddedServer
from tests.databases import Database, cloned


def busy_database(server: EmbeddedServer) -> Iterator[Database]:
    """Yield it: the body of a fixture `database` of a module, instead of one for each test."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        clone = cloned(server)
        yield runner.run(clone.__aenter__())
        runner.run(clone.__aexit__(None, None, None))
