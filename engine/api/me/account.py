"""Who one is, what one has, and what was done with one's data."""

from typing import TYPE_CHECKING
from uuid import UUID

from engine.api import (
    Answer,
    AnyOperation,
    Call,
    CampusTime,
    Cursors,
    Method,
    Nothing,
    Operation,
    Page,
    PageParameters,
    campus_time,
)
from engine.api.errors import InvalidCursor
from engine.api.me.rates import LOOKING
from engine.api.sign_in_access import PersonAccess
from engine.audit_trail import ActorKind, ChainedEvent, list_events
from engine.campus_errors import WalletNotFound
from engine.people import PersonKind, PersonState, get_person
from engine.principals import PersonPrincipal
from engine.wallets import find_balance

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

_CURSORS = Cursors("my-events", int)


class Profile(Answer, frozen=True, kw_only=True):
    """A person, as the registry has them."""

    id: UUID
    number: str
    name: str
    kind: PersonKind
    college: str | None
    state: PersonState


class OwnBalance(Answer, frozen=True, kw_only=True):
    """What a person has at this moment. `available_fen` is both wallets less what is held."""

    cash_fen: int
    subsidy_fen: int
    available_fen: int


class OwnEvent(Answer, frozen=True, kw_only=True):
    """Something that was done to one's card, money or data, looking at it included."""

    at: CampusTime
    action: str
    actor_kind: ActorKind
    actor_name: str


class AccountOperations:
    """Reads what the campus knows of a person, for that person."""

    def __init__(self, pool: "Pool[Record]", *, access: PersonAccess) -> None:
        self._pool = pool
        self._access = access

    async def show_profile(self, call: Call[Nothing, Nothing, PersonPrincipal]) -> Profile:
        """Show one's own profile."""
        async with self._pool.acquire() as connection:
            person = await get_person(connection, call.principal.person_id)
        return Profile(
            id=person.id,
            number=person.number,
            name=person.name,
            kind=person.kind,
            college=person.college,
            state=person.state,
        )

    async def show_balance(self, call: Call[Nothing, Nothing, PersonPrincipal]) -> OwnBalance:
        """Show one's own balance, right now."""
        async with self._pool.acquire() as connection:
            balance = await find_balance(connection, call.principal.person_id)
        return OwnBalance(
            cash_fen=balance.cash.value,
            subsidy_fen=balance.subsidy.value,
            available_fen=balance.available.value,
        )

    async def list_events(
        self, call: Call[Nothing, PageParameters, PersonPrincipal]
    ) -> Page[OwnEvent]:
        """List what was done, newest first."""
        asked = call.parameters
        before = _CURSORS.read(asked.cursor) if asked.cursor else None
        person_id = call.principal.person_id
        async with self._pool.acquire() as connection:
            events = await list_events(
                connection, before_seq=before, subject_id=person_id, limit=asked.limit
            )
        following = _CURSORS.write(events[-1].seq) if len(events) == asked.limit else None
        return Page(items=[_own_event(each) for each in events], next_cursor=following)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (
            Operation(
                name="show_me",
                method=Method.GET,
                path="/v1/me",
                summary="Show one's own profile",
                handler=self.show_profile,
                body=Nothing,
                parameters=Nothing,
                response=Profile,
                access=self._access,
                rate_limit=LOOKING,
            ),
            Operation(
                name="show_my_balance",
                method=Method.GET,
                path="/v1/me/balance",
                summary="Show one's own balance as it is right now",
                handler=self.show_balance,
                body=Nothing,
                parameters=Nothing,
                response=OwnBalance,
                access=self._access,
                rate_limit=LOOKING,
                errors=(WalletNotFound,),
            ),
            Operation(
                name="list_my_events",
                method=Method.GET,
                path="/v1/me/events",
                summary="List who did what with one's card, money and data",
                handler=self.list_events,
                body=Nothing,
                parameters=PageParameters,
                response=Page[OwnEvent],
                access=self._access,
                rate_limit=LOOKING,
                errors=(InvalidCursor,),
            ),
        )


def _own_event(chained: ChainedEvent) -> OwnEvent:
    event = chained.event
    return OwnEvent(
        at=campus_time(event.at),
        action=event.action,
        actor_kind=event.actor.kind,
        actor_name=event.actor.name,
    )
