"""How many files a process may hold open, of which each connection is one.

Systems begin with 1,024, for the sake of programs that can count no further, and let a process take more by itself.
"""

import resource
from typing import Final

MOST: Final = 65_536


def allow_many(most: int = MOST) -> int:
    """Take as many as the hard limit allows, `most` at most, and return how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
