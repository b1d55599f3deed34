from datetime import timedelta
from uuid import uuid4

import pytest

from engine.errors import NotSignedIn
from engine.terminal_tokens import CHALLENGE_LIFE, SESSION_LIFE, Tokens
from tests.identities import START

TOKENS = Tokens(bytes(32))
TERMINAL = uuid4()
EXPIRES_AT = START + SESSION_LIFE
TOKEN = TOKENS.new_session(TERMINAL, expires_at=EXPIRES_AT).encode()
JUST = timedelta(milliseconds=1)


def test_a_session_is_that_of_its_terminal_until_it_ends() -> None:
    assert TOKENS.read_session(TOKEN, at=EXPIRES_AT - JUST) == TERMINAL
    with pytest.raises(NotSignedIn):
        TOKENS.read_session(TOKEN, at=EXPIRES_AT)


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_a_token_with_one_letter_changed_is_refused(place: int) -> None:
    other = b"A" if TOKEN[place : place + 1] != b"A" else b"B"
    with pytest.raises(NotSignedIn):
        TOKENS.read_session(TOKEN[:place] + other + TOKEN[place + 1 :], at=START)


@pytest.mark.parametrize("token", [b"", b"A", b"=", b"\xff", TOKEN[:-1], TOKEN + b"A", TOKEN * 9])
def test_what_is_no_token_is_refused(token: bytes) -> None:
    with pytest.raises(NotSignedIn):
        TOKENS.read_session(token, at=START)


def test_a_token_of_another_campus_is_refused() -> None:
    with pytest.raises(NotSignedIn):
        Tokens(bytes([1]) * 32).read_session(TOKEN, at=START)


def test_a_challenge_is_ours_for_its_life_and_no_longer() -> None:
    nonce = TOKENS.new_challenge(START)
    assert TOKENS.is_challenge(nonce, at=START + CHALLENGE_LIFE - JUST)
    assert not TOKENS.is_challenge(nonce, at=START + CHALLENGE_LIFE)


@pytest.mark.parametrize("place", range(32))
def test_a_challenge_with_one_bit_changed_is_not_ours(place: int) -> None:
    nonce = bytearray(TOKENS.new_challenge(START))
    nonce[place] ^= 1
    assert not TOKENS.is_challenge(bytes(nonce), at=START)


def test_no_two_challenges_are_the_same() -> None:
    assert len({TOKENS.new_challenge(START) for _ in range(100)}) == 100
