"""What happened to one's money."""

from typing import TYPE_CHECKING

from engine.api import AnyOperation, Call, Method, Nothing, Operation, Page, PageParameters
from engine.api.errors import InvalidCursor
from engine.api.me.rates import LOOKING
from engine.api.sign_in_access import PersonAccess
from engine.api.transactions import TransactionShown, read_cursor, transaction_page
from engine.principals import PersonPrincipal
from engine.recent_transactions import list_recent
from engine.transactions import list_transactions
from ledger.errors import AccountNotFound
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool


class TransactionOperations:
    """Lists a person's transactions, for that person."""

    def __init__(self, pool: "Pool[Record]", *, access: PersonAccess, clock: Clock) -> None:
        self._pool = pool
        self._access = access
        self._clock = clock

    async def list_transactions(
        self, call: Call[Nothing, PageParameters, PersonPrincipal]
    ) -> Page[TransactionShown]:
        """List the last 30 days or, after a cursor, what came before."""
        person_id, limit = call.principal.person_id, call.parameters.limit
        cursor = read_cursor(call.parameters.cursor)
        async with self._pool.acquire() as connection:
            if cursor is None:
                page = await list_recent(connection, person_id, at=self._clock(), limit=limit)
            else:
                page = await list_transactions(connection, person_id, limit=limit, cursor=cursor)
        return transaction_page(page)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operation."""
        return (
            Operation(
                name="list_my_transactions",
                method=Method.GET,
                path="/v1/me/transactions",
                summary="List one's own transactions of the last 30 days; older ones by cursor",
                handler=self.list_transactions,
                body=Nothing,
                parameters=PageParameters,
                response=Page[TransactionShown],
                access=self._access,
                rate_limit=LOOKING,
                errors=(AccountNotFound, InvalidCursor),
            ),
        )
