"""Real keys, made once per run, and the libraries."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.node_libraries import NodeLibraries
from tests.interop.peers import PYTHON, Npm
from tests.jose.tokens import KeyRing
from tests.servers.leaving_out import running


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    return KeyRing()


@pytest.fixture(scope="session")
def node_libraries(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[NodeLibraries]:
    with running(NodeLibraries.start, servers_folder / "node", pytestconfig.stash) as started:
        yield started


@pytest.fixture
def peer(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Return the library of a name; one of npm starts Node when first asked for."""

    def of(name: str) -> Any:
        if name in PYTHON:
            return PYTHON[name]()
        return Npm(request.getfixturevalue("node_libraries"), name)

    return of
