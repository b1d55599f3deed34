"""What follows a revocation: nothing more is heard from the terminal, by whichever door."""

from uuid import UUID

from engine.api.link import LinkServer
from engine.known_terminals import KnownTerminals


class Revocations:
    """Shuts the doors of one process to terminals that are revoked."""

    def __init__(self, known: KnownTerminals, link: LinkServer) -> None:
        self._known = known
        self._link = link

    def announce(self, device_id: UUID) -> None:
        """Forget a terminal and end its link; call it once the revocation is committed."""
        self._known.forget(device_id)
        self._link.revoke(device_id)

    async def run_once(self) -> int:
        """Announce what others revoked: another process, or a command."""
        revoked = await self._known.find_news()
        for device_id in revoked:
            self.announce(device_id)
        return len(revoked)
