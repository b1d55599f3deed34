from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.chain import Link
from ledger.proof.errors import BadHead, BadKeyFile
from ledger.proof.head_file import append_head, last_head, read_heads
from ledger.proof.heads import Head, SignedHead, Signer, dump_head, load_head
from ledger.proof.signing_key import create_key_file, load_key_file
from tests.ledger.histories import NOON, SIGNER, TRUST, signer_of

LINK = Link(7, bytes(range(32)))
SIGNED = SIGNER.sign(LINK, transfers_total=900, at=NOON)


def test_the_signed_text_is_this() -> None:
    assert SIGNED.head.text() == (
        b"campus-ledger-head-v1\n"
        b"campus campus\n"
        b"position 7\n"
        b"chain_hash 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        b"transfers_total 900\n"
        b"signed_at 2026-03-02T04:00:00.000000Z\n"
    )


def test_a_head_of_a_trusted_key_is_accepted() -> None:
    assert TRUST.check(SIGNED) == SIGNED.head


def test_a_head_that_an_old_key_signed_is_accepted_as_long_as_that_key_is_trusted() -> None:
    new = signer_of(2)
    both = replace(TRUST, public_keys=(new.public_key, SIGNER.public_key))
    assert both.check(SIGNED) == SIGNED.head
    assert both.check(new.sign(LINK, transfers_total=900, at=NOON)) == SIGNED.head


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"position": 8}, "signature"),
        ({"chain_hash": bytes(32)}, "signature"),
        ({"transfers_total": 901}, "signature"),
        ({"signed_at": NOON + timedelta(microseconds=1)}, "signature"),
        ({"campus": "other"}, "campus"),
    ],
)
def test_a_head_with_one_field_changed_is_refused(
    change: dict[str, int | str | bytes | datetime], reason: str
) -> None:
    changed = replace(SIGNED, head=replace(SIGNED.head, **change))  # type: ignore[arg-type]  # by name
    with pytest.raises(BadHead, match=reason):
        TRUST.check(changed)


@given(at=st.integers(0, 63), bit=st.integers(0, 7))
def test_a_signature_with_one_bit_changed_is_refused(at: int, bit: int) -> None:
    signature = bytearray(SIGNED.signature)
    signature[at] ^= 1 << bit
    with pytest.raises(BadHead, match="signature"):
        TRUST.check(replace(SIGNED, signature=bytes(signature)))


def test_an_unknown_key_is_refused_by_name() -> None:
    stranger = signer_of(9)
    with pytest.raises(BadHead, match=stranger.key_id):
        TRUST.check(stranger.sign(LINK, transfers_total=900, at=NOON))


def test_a_stranger_who_claims_our_key_is_refused() -> None:
    forged = signer_of(9).sign(LINK, transfers_total=900, at=NOON)
    with pytest.raises(BadHead, match="signature"):
        TRUST.check(replace(forged, key_id=SIGNER.key_id))


def test_a_signature_for_one_campus_is_none_for_another() -> None:
    signed = signer_of(1, "north").sign(LINK, transfers_total=900, at=NOON)
    assert replace(TRUST, campus="north").check(signed) == signed.head
    renamed = replace(signed, head=replace(signed.head, campus="campus"))
    with pytest.raises(BadHead, match="signature"):
        TRUST.check(renamed)


@pytest.mark.parametrize(
    "change",
    [
        {"campus": "campus\nposition 9"},
        {"campus": ""},
        {"chain_hash": bytes(31)},
        {"position": -1},
        {"transfers_total": -1},
        {"signed_at": datetime(2026, 3, 2)},  # noqa: DTZ001  the refusal is what is asked about
    ],
)
def test_a_head_whose_text_would_be_ambiguous_cannot_be_made(
    change: dict[str, int | str | bytes | datetime],
) -> None:
    with pytest.raises(BadHead):
        replace(SIGNED.head, **change)  # type: ignore[arg-type]  # by name


def test_the_zone_of_a_moment_does_not_change_the_text() -> None:
    moved = replace(SIGNED.head, signed_at=NOON.astimezone(timezone(timedelta(hours=8))))
    assert moved.text() == SIGNED.head.text()


heads = st.builds(
    Head,
    campus=st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True),
    position=st.integers(0, 2**63 - 1),
    chain_hash=st.binary(min_size=32, max_size=32),
    transfers_total=st.integers(0, 2**63 - 1),
    signed_at=st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  hypothesis adds the zone
)


@given(head=heads, key_id=st.text("0123456789abcdef"), signature=st.binary(max_size=64))
def test_a_head_survives_json(head: Head, key_id: str, signature: bytes) -> None:
    signed = SignedHead(head=head, key_id=key_id, signature=signature)
    assert load_head(dump_head(signed)) == signed


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        dump_head(SIGNED).replace("head-v1", "head-v2"),
        dump_head(SIGNED).replace('"position":7', '"position":7.0'),
        dump_head(SIGNED).replace('"position":7', '"position":true'),
        dump_head(SIGNED).replace('"position":7', '"position":99999999999999999999'),
        dump_head(SIGNED).replace('"position":7,', ""),
        dump_head(SIGNED).replace('"position":7', '"position":7,"note":"x"'),
        dump_head(SIGNED).replace("000102", "zz0102"),
        dump_head(SIGNED).replace("0a0b", "0A0B"),
        dump_head(SIGNED).replace(".000000Z", ""),
    ],
)
def test_what_is_not_a_head_is_refused(document: str) -> None:
    with pytest.raises(BadHead):
        load_head(document)


# The file of heads.


def signed_at_position(position: int, signer: Signer = SIGNER) -> SignedHead:
    return signer.sign(Link(position, bytes(32)), transfers_total=position, at=NOON)


def test_heads_are_read_back_in_the_order_in_which_they_were_added(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    added = [signed_at_position(position) for position in (1, 2, 3)]
    for signed in added:
        append_head(path, signed)
    assert list(read_heads(path)) == added
    assert last_head(path) == added[-1]


def test_a_file_that_does_not_exist_holds_no_heads(tmp_path: Path) -> None:
    assert list(read_heads(tmp_path / "none")) == []
    assert last_head(tmp_path / "none") is None


@pytest.mark.parametrize("kept", [0, 1, 40, -2])
def test_a_line_cut_short_by_a_crash_is_passed_over(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "heads.jsonl"
    append_head(path, signed_at_position(1))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    append_head(path, signed_at_position(3))
    assert [each.head.position for each in read_heads(path)] == [1, 3]


def test_a_line_that_lacks_only_its_end_is_a_head(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    append_head(path, signed_at_position(1))
    path.write_bytes(path.read_bytes()[:-1])
    append_head(path, signed_at_position(2))
    assert [each.head.position for each in read_heads(path)] == [1, 2]


def test_a_damaged_line_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    append_head(path, signed_at_position(1))
    append_head(path, signed_at_position(2))
    path.write_text(path.read_text().replace('"position":2', '"position":x'))
    with pytest.raises(BadHead, match="line 2"):
        list(read_heads(path))


# The file of the key.


def test_a_key_file_gives_the_key_that_was_made(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = create_key_file(path)
    assert load_key_file(path).private_bytes_raw() == made.private_bytes_raw()


def test_a_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    create_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(BadKeyFile, match="others"):
        load_key_file(path)


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = create_key_file(path)
    with pytest.raises(BadKeyFile, match="exists"):
        create_key_file(path)
    assert load_key_file(path).private_bytes_raw() == made.private_bytes_raw()


@pytest.mark.parametrize("content", [b"", b"not a key", b"\x00\xff"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(BadKeyFile, match="not an unencrypted private key"):
        load_key_file(path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    key = generate_private_key(65537, 2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(BadKeyFile, match="Ed25519"):
        load_key_file(path)


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadKeyFile, match="No such file"):
        load_key_file(tmp_path / "none")
