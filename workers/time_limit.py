"""A time limit of which the kernel sees to it: it ends this process, whatever that is stuck in."""

import signal
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def ending_process_after(seconds: float, work: Callable[[], T]) -> Callable[[], T]:
    """Return what does `work`, and ends this process by SIGALRM if that takes longer.

    No thread of Python could do that: what hangs may hold its lock. One piece of work at a time: there is one timer.
    """

    def work_in_time() -> T:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return work()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    return work_in_time
