"""Signing in and out, one's own sessions, and passwords: for people and staff alike."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import msgspec

from engine.api import (
    Answer,
    AnyOperation,
    Call,
    CampusTime,
    Confidential,
    Method,
    Nothing,
    Operation,
    RateLimit,
    Received,
    campus_time,
)
from engine.api.sign_in_access import Newcomer, NewcomerAccess, SignedInAccess
from engine.errors import (
    AccountNotActive,
    InvalidCode,
    SessionNotFound,
    SignInPaused,
    TooBusy,
    WeakPassword,
    WrongCredentials,
)
from engine.parts import Parts
from engine.passwords import Credentials, Passwords
from engine.principals import OwnerKind, Principal
from engine.sessions import Session, SignedIn, end_session, list_sessions
from engine.sign_in import SignIn
from ledger.time import Clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import Pool

Login = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]

SIGNING_IN: Final = RateLimit(name="signing_in", burst=300, per_second=20)
"""For one address, behind which a whole campus may be; wrong passwords are paused by account."""
OWN_SESSIONS: Final = RateLimit(name="own_sessions", burst=30, per_second=1)


class SigningIn(Confidential, frozen=True, kw_only=True):
    """The number of a person or the name of a member of staff, and the password."""

    kind: OwnerKind
    login: Login
    password: Password


class Activation(Confidential, frozen=True, kw_only=True):
    """A one-time code from the card centre, and the password that its owner chose."""

    kind: OwnerKind
    login: Login
    code: Code
    password: Password


class PasswordChange(Confidential, frozen=True, kw_only=True):
    """The present password and the one that is to take its place."""

    old_password: Password
    new_password: Password


class SessionOpened(Answer, frozen=True, kw_only=True):
    """A session: send `token` as bearer with each request, and `device` with the next sign-in."""

    kind: OwnerKind
    token: str
    device: str


class OwnSession(Answer, frozen=True, kw_only=True):
    """A live session of one's own."""

    id: UUID
    is_present: bool
    created_at: CampusTime
    last_seen_at: CampusTime
    address: str
    agent: str


class OwnSessions(Answer, frozen=True, kw_only=True):
    """All live sessions of one's own, the latest seen first."""

    items: list[OwnSession]


class SessionPlace(Received, frozen=True, kw_only=True):
    """Which session."""

    session_id: UUID


def sign_in_operations(parts: Parts) -> tuple[AnyOperation, ...]:
    """Return the operations by which sessions begin and end."""
    pool, argon, clock = parts.pool, parts.argon, parts.clock
    passwords = Passwords(pool, argon, clock)
    doors = _Doors(SignIn(pool, argon, clock), passwords)
    sessions = _Sessions(pool, passwords, clock=clock)
    return (*doors.operations(), *sessions.operations())


class _Doors:
    """For those who have no session yet."""

    def __init__(self, sign_in: SignIn, passwords: Passwords) -> None:
        self._sign_in = sign_in
        self._passwords = passwords

    async def sign_in(self, call: Call[SigningIn, Nothing, Newcomer]) -> SessionOpened:
        form = call.body
        credentials = Credentials(kind=form.kind, login=form.login, password=form.password)
        signed_in = await self._sign_in.sign_in(credentials, call.principal.client)
        return _opened(signed_in, call.principal)

    async def activate(self, call: Call[Activation, Nothing, Newcomer]) -> SessionOpened:
        form = call.body
        chosen = Credentials(kind=form.kind, login=form.login, password=form.password)
        signed_in = await self._passwords.set_with_code(form.code, chosen, call.principal.client)
        return _opened(signed_in, call.principal)

    def operations(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="sign_in",
                method=Method.POST,
                path="/v1/sign-in",
                summary="Open a session with a password",
                handler=self.sign_in,
                body=SigningIn,
                parameters=Nothing,
                response=SessionOpened,
                status=HTTPStatus.CREATED,
                access=NewcomerAccess(),
                rate_limit=SIGNING_IN,
                errors=(WrongCredentials, AccountNotActive, SignInPaused, TooBusy),
            ),
            Operation(
                name="activate",
                method=Method.POST,
                path="/v1/activation",
                summary="Set a password with a one-time code, and open a session",
                handler=self.activate,
                body=Activation,
                parameters=Nothing,
                response=SessionOpened,
                status=HTTPStatus.CREATED,
                access=NewcomerAccess(),
                rate_limit=SIGNING_IN,
                errors=(InvalidCode, WeakPassword, AccountNotActive, TooBusy),
            ),
        )


class _Sessions:
    """For those who have a session."""

    def __init__(self, pool: "Pool[Record]", passwords: Passwords, *, clock: Clock) -> None:
        self._pool = pool
        self._passwords = passwords
        self._clock = clock
        self._access = SignedInAccess(pool, clock=clock)

    async def sign_out(self, call: Call[Nothing, Nothing, Principal]) -> Nothing:
        present = call.principal.session_id
        async with self._pool.acquire() as connection:
            await end_session(connection, call.principal, present, at=self._clock())
        return Nothing()

    async def list_sessions(self, call: Call[Nothing, Nothing, Principal]) -> OwnSessions:
        async with self._pool.acquire() as connection:
            found = await list_sessions(connection, call.principal, at=self._clock())
        return OwnSessions(items=[_own(each, call.principal) for each in found])

    async def end_session(self, call: Call[Nothing, SessionPlace, Principal]) -> Nothing:
        session_id = call.parameters.session_id
        async with self._pool.acquire() as connection:
            await end_session(connection, call.principal, session_id, at=self._clock())
        return Nothing()

    async def change_password(self, call: Call[PasswordChange, Nothing, Principal]) -> Nothing:
        form = call.body
        await self._passwords.change(call.principal, old=form.old_password, new=form.new_password)
        return Nothing()

    def operations(self) -> tuple[AnyOperation, ...]:
        return (*self._of_sessions(), self._of_password())

    def _of_sessions(self) -> tuple[AnyOperation, ...]:
        return (
            Operation(
                name="sign_out",
                method=Method.POST,
                path="/v1/sign-out",
                summary="End the present session",
                handler=self.sign_out,
                body=Nothing,
                parameters=Nothing,
                response=Nothing,
                status=HTTPStatus.NO_CONTENT,
                access=self._access,
                rate_limit=OWN_SESSIONS,
                errors=(SessionNotFound,),
            ),
            Operation(
                name="list_sessions",
                method=Method.GET,
                path="/v1/sessions",
                summary="List one's own live sessions",
                handler=self.list_sessions,
                body=Nothing,
                parameters=Nothing,
                response=OwnSessions,
                access=self._access,
                rate_limit=OWN_SESSIONS,
            ),
            Operation(
                name="end_session",
                method=Method.DELETE,
                path="/v1/sessions/{session_id}",
                summary="End one of one's own sessions",
                handler=self.end_session,
                body=Nothing,
                parameters=SessionPlace,
                response=Nothing,
                status=HTTPStatus.NO_CONTENT,
                access=self._access,
                rate_limit=OWN_SESSIONS,
                errors=(SessionNotFound,),
            ),
        )

    def _of_password(self) -> AnyOperation:
        return Operation(
            name="change_password",
            method=Method.PUT,
            path="/v1/password",
            summary="Change one's password with the old one; other sessions end",
            handler=self.change_password,
            body=PasswordChange,
            parameters=Nothing,
            response=Nothing,
            status=HTTPStatus.NO_CONTENT,
            access=self._access,
            rate_limit=OWN_SESSIONS,
            errors=(WeakPassword, WrongCredentials, SignInPaused, TooBusy),
        )


def _opened(signed_in: SignedIn, newcomer: Newcomer) -> SessionOpened:
    device = newcomer.client.device
    assert device is not None, "who had none was given one"
    return SessionOpened(
        kind=signed_in.owner.kind, token=signed_in.token, device=device.decode("latin-1")
    )


def _own(session: Session, principal: Principal) -> OwnSession:
    return OwnSession(
        id=session.id,
        is_present=session.id == principal.session_id,
        created_at=campus_time(session.created_at),
        last_seen_at=campus_time(session.last_seen_at),
        address=session.address,
        agent=session.agent,
    )
