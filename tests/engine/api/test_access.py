import pytest

from engine.api import Visitor


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("unknown:host", "unknown:host"),
    ],
)
def test_visitors_are_told_apart_by_the_line_they_come_from(address: str, key: str) -> None:
    assert Visitor(address).key == key
