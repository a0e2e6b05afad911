"""Client secrets: hashes that tell right from wrong, and what keeps them from being a way to burn our time."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.scopes import MIN_SECRET_CHARACTERS
from app.steps import client_secrets
from app.steps.client_secrets import ClientSecrets, hash_secret, new_secret
from tests.builders import NOW

SECRET = "a-client-secret-of-some-length"
HASH = hash_secret(SECRET)


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    scrypt = client_secrets._scrypt

    def counting(secret: str, *arguments: Any) -> bytes:
        made.append(secret)
        return scrypt(secret, *arguments)

    monkeypatch.setattr(client_secrets, "_scrypt", counting)
    return made


def test_secret_hashed_twice_has_two_hashes_that_both_match() -> None:
    first, second = hash_secret(SECRET), hash_secret(SECRET)

    matches = [ClientSecrets().matches(SECRET, stored, NOW) for stored in (first, second)]

    assert first != second
    assert SECRET not in first
    assert matches == [True, True]


def test_new_secrets_are_long_and_differ() -> None:
    made = {new_secret() for _ in range(10)}

    assert len(made) == 10
    assert min(map(len, made)) > MIN_SECRET_CHARACTERS


def test_secret_that_was_right_is_not_hashed_again_for_a_minute(hashes: list[str]) -> None:
    secrets = ClientSecrets()

    times = [0, 59, 61]
    answers = [secrets.matches(SECRET, HASH, NOW + timedelta(seconds=seconds)) for seconds in times]

    assert answers == [True, True, True]
    assert len(hashes) == 2


def test_secret_that_was_right_is_forgotten_with_its_hash(hashes: list[str]) -> None:
    secrets = ClientSecrets()
    secrets.matches(SECRET, HASH, NOW)

    is_right = secrets.matches(SECRET, hash_secret("another-secret-altogether"), NOW)

    assert not is_right
    assert hashes.count(SECRET) == 2


def test_secret_of_nobody_costs_as_much_as_a_wrong_one(hashes: list[str]) -> None:
    is_right = ClientSecrets().matches(SECRET, None, NOW)

    assert not is_right
    assert hashes == [SECRET]


def test_remembered_secrets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_secrets, "_REMEMBERED_MAX", 2)
    secrets = ClientSecrets()

    for number in range(4):
        secrets._remember(str(number).encode(), NOW)

    assert list(secrets._remembered) == [b"2", b"3"]
