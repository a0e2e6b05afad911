"""Real keys, made once per run, and the libraries."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.peers import PYTHON, Npm
from tests.jose.tokens import KeyRing


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    return KeyRing()


@pytest.fixture
def peer(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Return the library of a name; one of npm starts Node when first asked for."""

    def of(name: str) -> Any:
        if name in PYTHON:
            return PYTHON[name]()
        return Npm(request.getfixturevalue("node_libraries"), name)

    return of
