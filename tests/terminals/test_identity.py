import json
from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.errors import BadSignature, BrokenKey, KeyFileExposed
from terminals.identity import (
    Identity,
    Purpose,
    challenge_text,
    load,
    new_private_key,
    public_key_of,
    save,
    sign,
    verify,
)
from tests.links import stranger
from tests.sources import ROOT

VECTORS: Final[list[dict[str, str]]] = json.loads(
    (ROOT / "tests/vectors/rfc8032_ed25519.json").read_text("utf-8")
)["vectors"]


@pytest.fixture
def identity() -> Identity:
    return stranger()


@pytest.mark.parametrize("vector", VECTORS)
def test_keys_and_signatures_are_those_of_rfc_8032(vector: dict[str, str]) -> None:
    private_key, public_key, text, signature = (
        bytes.fromhex(vector[name]) for name in ("private_key", "public_key", "text", "signature")
    )
    assert public_key_of(private_key) == public_key
    assert sign(private_key, text) == signature
    verify(public_key, text=text, signature=signature)


@pytest.mark.parametrize("position", range(64))
def test_a_signature_with_any_byte_changed_is_refused(position: int) -> None:
    private_key = new_private_key()
    signature = bytearray(sign(private_key, b"text"))
    signature[position] ^= 1
    with pytest.raises(BadSignature):
        verify(public_key_of(private_key), text=b"text", signature=bytes(signature))


def test_a_broken_key_is_not_a_bad_signature() -> None:
    with pytest.raises(BrokenKey):
        verify(b"short", text=b"", signature=bytes(64))
    with pytest.raises(BrokenKey):
        sign(b"short", b"")


campuses = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def parts_of(text: bytes) -> tuple[bytes, ...]:
    """Take a text apart as its description says."""
    purpose, campus, tail = text.split(b"\0", 2)
    return purpose, campus, tail[:1], tail[1:33], tail[33:]


@given(
    st.sampled_from(Purpose),
    campuses,
    st.integers(1, 255),
    st.binary(min_size=32, max_size=32),
    st.uuids(),
)
def test_a_challenge_text_says_all_it_is_for_and_nothing_twice(
    purpose: Purpose, campus: str, version: int, nonce: bytes, terminal_id: UUID
) -> None:
    text = challenge_text(
        purpose, campus=campus, version=version, nonce=nonce, terminal_id=terminal_id
    )
    assert parts_of(text) == (
        purpose.encode(),
        campus.encode(),
        bytes([version]),
        nonce,
        terminal_id.bytes,
    )


def test_a_saved_identity_is_loaded_again(identity: Identity, tmp_path: Path) -> None:
    save(identity, tmp_path / "terminal.key")
    assert load(tmp_path / "terminal.key") == identity


def test_a_key_file_is_for_its_owner_alone(identity: Identity, tmp_path: Path) -> None:
    save(identity, tmp_path / "terminal.key")
    assert [path.name for path in tmp_path.iterdir()] == ["terminal.key"]
    assert (tmp_path / "terminal.key").stat().st_mode & 0o777 == 0o600


def test_a_saved_key_is_never_replaced(identity: Identity, tmp_path: Path) -> None:
    save(identity, tmp_path / "terminal.key")
    with pytest.raises(FileExistsError):
        save(stranger(), tmp_path / "terminal.key")
    assert load(tmp_path / "terminal.key") == identity
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_open_to_others_is_not_used(
    identity: Identity, tmp_path: Path, mode: int
) -> None:
    save(identity, tmp_path / "terminal.key")
    (tmp_path / "terminal.key").chmod(mode)
    with pytest.raises(KeyFileExposed):
        load(tmp_path / "terminal.key")


@pytest.mark.parametrize("change", [b"", b"{", b'{"campus":"nau"}', b"\xff"])
def test_a_broken_key_file_says_so_and_nothing_of_the_key(
    identity: Identity, tmp_path: Path, change: bytes
) -> None:
    save(identity, tmp_path / "terminal.key")
    (tmp_path / "terminal.key").write_bytes(change)
    with pytest.raises(BrokenKey) as broken:
        load(tmp_path / "terminal.key")
    assert broken.value.__suppress_context__


def test_a_key_of_the_wrong_length_is_broken(identity: Identity, tmp_path: Path) -> None:
    save(replace(identity, private_key=bytes(31)), tmp_path / "terminal.key")
    with pytest.raises(BrokenKey):
        load(tmp_path / "terminal.key")


def test_an_identity_shows_no_key(identity: Identity) -> None:
    assert "private_key" not in repr(identity)
    assert repr(identity.private_key) not in repr(identity)
