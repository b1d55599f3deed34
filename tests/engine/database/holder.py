"""A process of its own that uses an embedded server until its input ends: `holder AREA`."""

import sys
from pathlib import Path

from engine.database.embedded import EmbeddedServer


def main() -> None:
    with EmbeddedServer(Path(sys.argv[1]), shared_buffers_mib=64) as server:
        sys.stdout.write(f"{server.pid}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
