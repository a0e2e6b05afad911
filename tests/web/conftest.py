"""Logging as a process sets it up, for the tests that read what is told; taken back afterwards."""

import logging
from collections.abc import Iterator

import pytest

from app.logs import configure


@pytest.fixture
def logs_on_stderr() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure()
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
