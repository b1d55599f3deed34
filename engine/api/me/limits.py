"""One's own limits: how much may be spent without PIN, and in a day."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from engine.api import Answer, AnyOperation, Call, Confidential, Method, Nothing, Operation
from engine.api.me.pins import PIN_ERRORS, Pin
from engine.api.me.rates import CHANGING, LOOKING
from engine.api.sign_in_access import PersonAccess
from engine.campus_errors import InvalidLimit, PinRequired, WalletNotFound
from engine.campus_settings import CampusSettings, get_settings
from engine.own_limits import OwnLimitChanges, OwnLimits, find_own_limits
from engine.principals import PersonPrincipal
from ledger.money import AMOUNT_MAX_FEN, Fen

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

LimitFen = Annotated[
    int, msgspec.Meta(ge=0, le=AMOUNT_MAX_FEN, description="In fen; null follows the campus.")
]


class WantedLimits(Confidential, frozen=True, kw_only=True):
    """The limits one wants, both of them; the PIN is needed where one rises."""

    no_pin_limit_fen: LimitFen | None
    day_limit_fen: LimitFen | None
    pin: Pin | None = None


class LimitsShown(Answer, frozen=True, kw_only=True):
    """The limits that hold, and those of them that one has chosen oneself."""

    no_pin_limit_fen: int
    day_limit_fen: int
    own_no_pin_limit_fen: int | None
    own_day_limit_fen: int | None
    campus_no_pin_limit_fen: int
    campus_day_limit_fen: int


class LimitOperations:
    """Shows and changes people's own limits."""

    def __init__(
        self, pool: "Pool[Record]", changes: OwnLimitChanges, *, access: PersonAccess
    ) -> None:
        self._pool = pool
        self._changes = changes
        self._access = access

    async def show(self, call: Call[Nothing, Nothing, PersonPrincipal]) -> LimitsShown:
        """Show the limits that hold for oneself."""
        return await self._limits(call.principal)

    async def change(self, call: Call[WantedLimits, Nothing, PersonPrincipal]) -> LimitsShown:
        """Change one's own limits."""
        form = call.body
        wanted = OwnLimits(
            no_pin_limit=_fen(form.no_pin_limit_fen), day_limit=_fen(form.day_limit_fen)
        )
        await self._changes.change(call.principal, wanted, pin=form.pin)
        return await self._limits(call.principal)

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (
            Operation(
                name="show_my_limits",
                method=Method.GET,
                path="/v1/me/limits",
                summary="Show the limits that hold for oneself",
                handler=self.show,
                body=Nothing,
                parameters=Nothing,
                response=LimitsShown,
                access=self._access,
                rate_limit=LOOKING,
                errors=(WalletNotFound,),
            ),
            Operation(
                name="change_my_limits",
                method=Method.PUT,
                path="/v1/me/limits",
                summary="Lower one's own limits, or raise them again with the PIN",
                handler=self.change,
                body=WantedLimits,
                parameters=Nothing,
                response=LimitsShown,
                access=self._access,
                rate_limit=CHANGING,
                errors=(WalletNotFound, InvalidLimit, PinRequired, *PIN_ERRORS),
            ),
        )

    async def _limits(self, principal: PersonPrincipal) -> LimitsShown:
        async with self._pool.acquire() as connection:
            campus = await get_settings(connection)
            own = await find_own_limits(connection, principal.person_id)
        return _shown(own, campus)


def _shown(own: OwnLimits, campus: CampusSettings) -> LimitsShown:
    no_pin, day = own.within(campus)
    return LimitsShown(
        no_pin_limit_fen=no_pin.value,
        day_limit_fen=day.value,
        own_no_pin_limit_fen=None if own.no_pin_limit is None else own.no_pin_limit.value,
        own_day_limit_fen=None if own.day_limit is None else own.day_limit.value,
        campus_no_pin_limit_fen=campus.no_pin_limit.value,
        campus_day_limit_fen=campus.day_limit.value,
    )


def _fen(value: int | None) -> Fen | None:
    return None if value is None else Fen(value)
