"""Waiting for what other processes bring about: looked at often, given up at a deadline, never slept through."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_LOOK_SECONDS = 0.03

T = TypeVar("T")


class TooLate(AssertionError):
    """What was waited for did not come; the argument says what it was, with the last thing that was seen."""


def eventually(look: Callable[[], T | None], within_seconds: float, what: str) -> T:
    """Return the first thing that `look` returns which is true (or raise TooLate); a lost connection is looked past."""
    never = threading.Event()
    give_up_at = time.monotonic() + within_seconds
    while True:
        try:
            seen: object = look()
        except ConnectionError as error:
            seen, failure = None, type(error).__name__
        else:
            failure = ""
        if seen:
            return seen  # type: ignore[return-value] # it is what `look` returned, and true
        if time.monotonic() > give_up_at:
            raise TooLate(f"not within {within_seconds:g} s: {what} {failure}(last seen: {seen!r})")
        never.wait(_LOOK_SECONDS)
