"""Somebody who starts a process again when it has ended, as every platform does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.journey.deployment import Deployment

_LOOK_SECONDS = 0.1


@contextmanager
def kept_running(deployment: Deployment, role: str) -> Iterator[None]:
    """Restart the role whenever it has ended, until the end of the block."""
    leaving = threading.Event()

    def watch() -> None:
        while not leaving.wait(_LOOK_SECONDS):
            if deployment.has_ended(role):
                deployment.kills += 1
                deployment.restart(role)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        leaving.set()
        watcher.join()
