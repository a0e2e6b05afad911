"""How a process shares the cores with the others, where there are fewer cores than work."""

import os
import sys


def interrupt_nobody() -> None:
    """Let whoever runs finish its turn when this process wakes (Linux's `SCHED_BATCH`), as do threads made later.

    On a full machine a process whose turn is cut short finds its caches cold; where a core is idle nothing changes. One
    that may not, or that somebody gave a policy of its own, stays as it is.
    """
    if sys.platform != "linux":
        return
    try:
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError:
        return  # forbidden (EPERM), or unknown to the kernel or the C library (EINVAL, ENOSYS): nothing depends on it
