"""Master keys as people spell them."""

import base64

import pytest

from app.domain.master_keys import parse_master_keys
from app.errors import ConfigurationError

OLD, NEW = b"o" * 32, b"n" * 32


def test_master_keys_are_read_in_both_spellings() -> None:
    spelled = base64.urlsafe_b64encode(NEW).decode()
    unpadded = base64.urlsafe_b64encode(b"x" * 32).decode().rstrip("=")

    keys = parse_master_keys(f"{OLD.hex()}, {spelled} ,{unpadded}", "here")

    assert keys == (OLD, NEW, b"x" * 32)


def test_master_keys_with_mistakes_are_refused_by_place_and_position_without_quoting() -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_master_keys(f"{OLD.hex()},{OLD.hex()[:-2]},,{OLD.hex()},hunter2", "here")

    assert raised.value.problems == (
        "here: key 2 must be 32 bytes in base64url or hex",
        "here: key 3 must be 32 bytes in base64url or hex",
        "here: key 4 stands twice",
        "here: key 5 must be 32 bytes in base64url or hex",
    )
