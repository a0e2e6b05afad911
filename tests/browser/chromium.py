"""Where Chromium is, by the names that ops/install-test-needs knows.

The first is the same browser without windows of its own: a page takes it a fifth of the CPU.
"""

import shutil
from pathlib import Path

from tests.servers.process import ServerMissing

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find_chromium() -> Path:
    """Return the program, which a test starts by Playwright; raise ServerMissing."""
    for name in _NAMES:
        if (path := shutil.which(name)) is not None:
            return Path(path)
    raise ServerMissing(_NAMES[0])
