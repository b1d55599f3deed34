"""One's transaction PIN: set first, changed with the old one, set anew with a code."""

from http import HTTPStatus
from typing import Annotated, Final

import msgspec

from engine.api import AnyOperation, Call, Confidential, Method, Nothing, Operation
from engine.api.me.rates import CHANGING
from engine.api.sign_in_access import PersonAccess
from engine.errors import (
    InvalidCode,
    PinAlreadySet,
    PinNotSet,
    PinPaused,
    PinWrong,
    TooBusy,
    WeakPin,
)
from engine.pins import Pins
from engine.principals import PersonPrincipal
from ledger.errors import CampusError

Pin = Annotated[str, msgspec.Meta(max_length=6, description="Six digits.")]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]

PIN_ERRORS: Final[tuple[type[CampusError], ...]] = (PinNotSet, PinWrong, PinPaused, TooBusy)
"""What may be wrong with a PIN that somebody shows."""


class FirstPin(Confidential, frozen=True, kw_only=True):
    """The PIN that somebody without one chose."""

    pin: Pin


class PinChange(Confidential, frozen=True, kw_only=True):
    """The present PIN and the one that is to take its place."""

    old_pin: Pin
    new_pin: Pin


class PinReset(Confidential, frozen=True, kw_only=True):
    """A one-time code from the card centre, and the PIN that its owner chose."""

    code: Code
    pin: Pin


class PinOperations:
    """What people do about their own PIN."""

    def __init__(self, pins: Pins, *, access: PersonAccess) -> None:
        self._pins = pins
        self._access = access

    async def set_first(self, call: Call[FirstPin, Nothing, PersonPrincipal]) -> Nothing:
        """Set one's first PIN."""
        await self._pins.set_first(call.principal, call.body.pin)
        return Nothing()

    async def change(self, call: Call[PinChange, Nothing, PersonPrincipal]) -> Nothing:
        """Change one's PIN."""
        await self._pins.change(call.principal, old=call.body.old_pin, new=call.body.new_pin)
        return Nothing()

    async def reset(self, call: Call[PinReset, Nothing, PersonPrincipal]) -> Nothing:
        """Set a new PIN in place of one that was forgotten."""
        await self._pins.set_with_code(call.principal, call.body.code, call.body.pin)
        return Nothing()

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the operations."""
        return (
            Operation(
                name="set_my_pin",
                method=Method.POST,
                path="/v1/me/pin",
                summary="Set one's first transaction PIN",
                handler=self.set_first,
                body=FirstPin,
                parameters=Nothing,
                response=Nothing,
                status=HTTPStatus.NO_CONTENT,
                access=self._access,
                rate_limit=CHANGING,
                errors=(WeakPin, PinAlreadySet, TooBusy),
            ),
            Operation(
                name="change_my_pin",
                method=Method.PUT,
                path="/v1/me/pin",
                summary="Change one's transaction PIN with the old one",
                handler=self.change,
                body=PinChange,
                parameters=Nothing,
                response=Nothing,
                status=HTTPStatus.NO_CONTENT,
                access=self._access,
                rate_limit=CHANGING,
                errors=(WeakPin, *PIN_ERRORS),
            ),
            Operation(
                name="reset_my_pin",
                method=Method.POST,
                path="/v1/me/pin/reset",
                summary="Set a new transaction PIN with a one-time code",
                handler=self.reset,
                body=PinReset,
                parameters=Nothing,
                response=Nothing,
                status=HTTPStatus.NO_CONTENT,
                access=self._access,
                rate_limit=CHANGING,
                errors=(WeakPin, InvalidCode, TooBusy),
            ),
        )
