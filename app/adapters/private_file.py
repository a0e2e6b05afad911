"""Files that hold secrets of this machine, and their folder: made once, by whoever comes first, for nobody else."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from app.errors import ConfigurationError


def make_data_folder(path: Path) -> None:
    """Create the data folder with mode 0700, and what it stands in; raise ConfigurationError if that cannot be done."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        raise ConfigurationError((f"VESTIBULE_DATA_DIR: {path} cannot be created",)) from None


def load_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the content of `path`; if it is missing, create it with mode 0600, holding what `make` returns.

    Of several processes that create it at once one wins, and all return what that one wrote, whole.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _create(path, make())
    return path.read_bytes()


def _create(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # with mode 0600
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # whole or not at all, and never over another's file
    except FileExistsError:
        return
    finally:
        draft.unlink()
