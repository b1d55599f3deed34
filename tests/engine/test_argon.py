"""The pool that hashes secrets: real Argon2id, and never more of it than agreed."""

import threading
from typing import Literal

import argon2
import pytest

from engine.argon import DEMO, OWASP, ArgonPool
from engine.errors import TooBusy
from tests.identities import CHEAP, at_once


async def test_the_owasp_parameters_are_what_is_computed() -> None:
    with ArgonPool(OWASP, workers=1, turns_max=1) as argon, argon.turn() as hasher:
        encoded = await hasher.hash(b"secret")
        assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await hasher.verify(encoded, b"secret")
        assert not await hasher.verify(encoded, b"Secret")
    assert argon2.PasswordHasher().verify(encoded, b"secret")


async def test_each_hash_has_its_own_salt(argon: ArgonPool) -> None:
    with argon.turn() as hasher:
        assert await hasher.hash(b"secret") != await hasher.hash(b"secret")


async def test_without_a_hash_the_same_work_ends_in_no(argon: ArgonPool) -> None:
    with argon.turn() as hasher:
        assert not await hasher.verify(None, b"secret")
    assert argon.computed == 1


def test_the_hash_of_nobody_costs_what_a_real_one_costs(argon: ArgonPool) -> None:
    nobody = argon2.extract_parameters(argon._hasher._nobody)
    assert nobody == argon2.extract_parameters(argon._hasher._argon2.hash(b"secret"))


async def test_what_is_no_hash_is_an_error_and_not_a_wrong_secret(argon: ArgonPool) -> None:
    with argon.turn() as hasher, pytest.raises(argon2.exceptions.InvalidHashError):
        await hasher.verify("nonsense", b"secret")


async def test_other_parameters_make_a_hash_outdated(argon: ArgonPool) -> None:
    with argon.turn() as hasher:
        cheap = await hasher.hash(b"secret")
        assert not hasher.is_outdated(cheap)
    with ArgonPool(DEMO, workers=1, turns_max=1) as other, other.turn() as hasher:
        assert hasher.is_outdated(cheap)
        assert await hasher.verify(cheap, b"secret")


async def test_past_the_bound_callers_are_refused_and_later_served() -> None:
    with ArgonPool(CHEAP, workers=1, turns_max=2) as argon:
        with argon.turn(), argon.turn(), pytest.raises(TooBusy), argon.turn():
            pass
        with argon.turn() as hasher:
            assert await hasher.hash(b"secret")


async def test_a_turn_that_fails_is_given_back() -> None:
    with ArgonPool(CHEAP, workers=1, turns_max=1) as argon:
        with pytest.raises(KeyError), argon.turn():
            raise KeyError
        with argon.turn() as hasher:
            assert await hasher.hash(b"secret")


class Watched(argon2.PasswordHasher):
    """Notes when more than two verify at the same time."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.free = threading.Semaphore(2)
        self.were_too_many = False

    def verify(self, *secret: str | bytes) -> Literal[True]:
        if not self.free.acquire(blocking=False):
            self.were_too_many = True
        try:
            return super().verify(*secret)
        finally:
            self.free.release()


async def test_no_more_hashes_run_at_once_than_there_are_workers() -> None:
    watched = Watched()
    with ArgonPool(CHEAP, workers=2, turns_max=1) as argon, argon.turn() as hasher:
        hasher._argon2 = watched
        verdicts = await at_once(hasher.verify(None, b"secret") for _ in range(50))
    assert verdicts == [False] * 50
    assert not watched.were_too_many
