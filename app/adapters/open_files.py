"""How many files a process may hold open, of which each connection is one.

Systems begin with 1,024, for the sake of programs that can count no further, and let a process take more by itself.
"""

import resource
from typing import Final

from structlog import get_logger

MOST: Final = 65_536
_log = get_logger()


def allow_many(most: int = MOST) -> None:
    """Take as many as the hard limit allows, `most` at most; one that refuses, as macOS may, is told of."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        _log.warning("files.limited", files=soft, wanted=wanted)
