"""Hints as files: the transport of the embedded default, one folder per queue and one file per hint.

kombu has a filesystem transport of its own. It is not used, because it has no event loop: Celery then falls back to a
pool whose processes share one pipe and its lock, and a process killed with that lock takes every later hint with it
(measured on Celery 5.7). It also reads files that are still being written. Knows nothing of what a hint means.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.utils.json import dumps, loads

SCHEME = "hintfiles"
_SUFFIX = ".hint"
_MOST_PER_LOOK = 100
"""Hints handed on before the event loop has its turn again."""


class Channel(virtual.Channel):
    """Reads and writes the folders; a hint is moved out of the way before it is read, so that one reader gets it."""

    do_restore = False

    def _folder(self, queue: str) -> Path:
        options = self.connection.client.transport_options or {}  # type: ignore[union-attr]  # set while a channel is open
        return Path(options["folder"]) / queue

    def _new_queue(self, queue: str, **_: Any) -> None:
        self._folder(queue).mkdir(parents=True, exist_ok=True)

    def _has_queue(self, queue: str, **_: Any) -> bool:
        return self._folder(queue).is_dir()

    def _put(self, queue: str, message: object, **_: Any) -> None:
        folder, name = self._folder(queue), uuid4().hex
        unfinished = folder / name
        unfinished.write_text(dumps(message))
        unfinished.rename(folder / f"{name}{_SUFFIX}")

    def _get(self, queue: str, timeout: float | None = None) -> object:  # noqa: ARG002 kombu's signature
        for hint in self._hints(queue):  # in no order: a hint says no more than the next
            with suppress(FileNotFoundError):  # another reader was faster
                taken = hint.rename(hint.with_suffix(f".{os.getpid()}"))
                text = taken.read_text()
                taken.unlink()
                return loads(text)
        raise Empty

    def _size(self, queue: str) -> int:
        return sum(1 for _ in self._hints(queue))

    def _purge(self, queue: str) -> int:
        gone = 0
        for hint in self._hints(queue):
            with suppress(FileNotFoundError):
                hint.unlink()
                gone += 1
        return gone

    def _delete(self, queue: str, *_: Any, **__: Any) -> None:
        self._purge(queue)

    def _hints(self, queue: str) -> Iterator[Path]:
        with suppress(FileNotFoundError), os.scandir(self._folder(queue)) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX):
                    yield Path(entry.path)


class Transport(virtual.Transport):
    """Looks into the folders every `polling_interval` seconds on Celery's event loop."""

    Channel = Channel
    driver_type = "hintfiles"
    driver_name = "hintfiles"
    connection_errors = (*virtual.Transport.connection_errors, OSError)
    implements = virtual.Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, _: object, loop: Any) -> None:
        """Look for hints regularly on `loop`, kombu's hub."""
        loop.call_repeatedly(self.polling_interval, self._look)

    def _look(self) -> None:
        with suppress(Empty):
            for _ in range(_MOST_PER_LOOK):
                self.cycle.get(self._deliver)  # type: ignore[union-attr]  # set by the constructor

    def driver_version(self) -> str:
        """Return nothing of meaning; kombu asks."""
        return "1"


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:{Transport.__name__}"
