"""Somebody at the HTTP door: signed in, with the token at hand."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import msgspec

from engine.argon import ArgonPool
from engine.passwords import seed_passwords
from engine.permissions import Role
from engine.principals import Owner, OwnerKind
from engine.staff import create_staff
from tests.engine.running import RunningEngine
from tests.identities import CHEAP, PASSWORD, SYSTEM

Body = dict[str, object]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by a header of theirs."""

    client: httpx.AsyncClient
    token: str = ""
    """Of nobody yet, if it is empty."""

    async def ask(self, method: str, path: str, body: Body | None = None) -> httpx.Response:
        """Send a request and return the answer, whatever it is."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            headers["content-type"] = "application/json"
        return await self.client.request(method, path, content=content, headers=headers)

    async def get(self, path: str) -> Body:
        """Return the answer to a question that must succeed."""
        return _answer(await self.ask("GET", path))

    async def post(self, path: str, **body: object) -> Body:
        """Return the answer to a request that must succeed."""
        return _answer(await self.ask("POST", path, body or None))

    async def put(self, path: str, **body: object) -> Body:
        """Return the answer to a change that must succeed."""
        return _answer(await self.ask("PUT", path, body))


async def sign_in(
    engine: RunningEngine, kind: OwnerKind, login: str, password: str = PASSWORD
) -> Caller:
    """Sign in through the door."""
    nobody = Caller(engine.client)
    opened = await nobody.post("/v1/sign-in", kind=kind.value, login=login, password=password)
    return Caller(engine.client, str(opened["token"]))


async def staff_caller(engine: RunningEngine, name: str, *roles: Role) -> Caller:
    """Appoint a member of staff and sign them in."""
    at = engine.parts.clock()
    async with engine.parts.pool.acquire() as connection, connection.transaction():
        staff = await create_staff(connection, name, roles, actor=SYSTEM, at=at)
    await _give_password(engine, Owner(OwnerKind.STAFF, staff.id))
    return await sign_in(engine, OwnerKind.STAFF, name)


async def person_caller(engine: RunningEngine, person_id: UUID, number: str) -> Caller:
    """Give a person a password and sign them in."""
    await _give_password(engine, Owner(OwnerKind.PERSON, person_id))
    return await sign_in(engine, OwnerKind.PERSON, number)


async def _give_password(engine: RunningEngine, owner: Owner) -> None:
    with ArgonPool(CHEAP, workers=1, turns_max=1) as argon:
        async with engine.parts.pool.acquire() as connection:
            at = engine.parts.clock()
            await seed_passwords(connection, argon, {owner: PASSWORD}, at=at)


def _answer(response: httpx.Response) -> Body:
    assert response.is_success, response.text
    return msgspec.json.decode(response.content, type=Body) if response.content else {}
