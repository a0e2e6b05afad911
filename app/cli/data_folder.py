"""The data folder's lock: one `vestibule up` per folder, for as long as that process lives, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from app.adapters.private_file import make_data_folder
from app.errors import ConfigurationError

LOCK_FILE: Final = "up.lock"
_LOOK_SECONDS: Final = 0.1
"""How long somebody who only looks may hold it: far longer than `is_locked` does."""


def is_locked(folder: Path) -> bool:
    """Tell whether a `vestibule up` runs on `folder`."""
    try:
        with (folder / LOCK_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is no such file, or it is not ours to read
        return False
    return False


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which is created if need be.

    Raises ConfigurationError if another process holds it, or nothing can be written there.
    """
    make_data_folder(folder)
    with ExitStack() as held:
        try:
            _take(held.enter_context((folder / LOCK_FILE).open("a+")), folder)
        except OSError:
            raise ConfigurationError((f"VESTIBULE_DATA_DIR: {folder} cannot be written",)) from None
        yield


def _take(file: IO[str], folder: Path) -> None:
    """Take the lock and note whose it is; raise ConfigurationError if another process holds it."""
    if not _lock(file):
        file.seek(0)
        holder = file.read().strip() or "unknown"
        running = f"`vestibule up` is already running on {folder} (process {holder})"
        raise ConfigurationError((f"{running}; stop it, or choose another VESTIBULE_DATA_DIR",))
    file.truncate(0)
    os.write(file.fileno(), str(os.getpid()).encode())  # of what is buffered a full disk would be told at the end


def _lock(file: IO[str]) -> bool:
    """Take the lock and tell whether it could be had, if not at once, then when who only looked at it is gone."""
    for pause in (0.0, _LOOK_SECONDS):
        time.sleep(pause)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False
