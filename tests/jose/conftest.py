"""Real keys, made once per run."""

import pytest

from tests.jose.tokens import KeyRing


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    return KeyRing()
