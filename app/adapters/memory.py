"""How often Python looks through the objects of a process for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

COLLECT_AFTER: Final = (20_000, 20, 20)
"""What is under way is many objects and no garbage: at Python's 700 a burst is looked through again and again."""


def collect_seldom() -> None:
    """Set that for the process; what it has imported lives for ever, and is looked at no more."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for none in the block: what it imports lives for ever, and would be looked through again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
