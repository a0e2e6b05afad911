"""Lines of the log on their way to stderr; those of one turn of an event loop go together, and have one moment."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from threading import get_ident
from typing import Final

import structlog

_MICROSECONDS: Final = 1_000_000
_clock = structlog.processors.TimeStamper(fmt=None, key="at")


class StderrLogger:
    """Writes each line with one system call: no lock that a fork could take along, no buffer that a kill could lose."""

    def msg(self, line: str) -> None:
        """Write `line`, or leave it to the loop whose turn this is (see `gathered`)."""
        put(line)

    debug = info = warning = warn = error = critical = exception = fatal = failure = err = log = msg


@contextmanager
def gathered(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Write what the thread of `loop` logs in one turn with one system call: each costs it the interpreter's lock.

    All of it has one moment, when the first of it was told.
    """
    global _turn  # noqa: PLW0603 - as the standard error stream, there is one in a process
    turn = _turn = _Turn(loop)
    try:
        yield
    finally:
        _turn = None
        turn.flush()


@dataclass(slots=True)
class _Turn:
    loop: asyncio.AbstractEventLoop
    thread: int = field(default_factory=get_ident)
    lines: list[str] = field(default_factory=list)
    began_at: str = ""

    def gather(self, line: str) -> None:
        self.lines.append(line)
        if len(self.lines) == 1:
            self.loop.call_soon(self.flush)

    def moment(self) -> str:
        """Return when the first line that is waiting was told; not every line has asked."""
        if not self.lines or not self.began_at:
            self.began_at = _now()
        return self.began_at

    def flush(self) -> None:
        if self.lines:
            _write("\n".join(self.lines))
            self.lines.clear()
            self.began_at = ""


_turn: _Turn | None = None


def _own_turn() -> _Turn | None:
    """Return the turn that gathers what the calling thread logs."""
    turn = _turn
    return turn if turn is not None and turn.thread == get_ident() else None


def moment() -> str:
    """Return when it is: on a loop whose lines are gathered, for all lines of a turn as for the first."""
    turn = _own_turn()
    return _now() if turn is None else turn.moment()


def put(line: str) -> None:
    """Write `line`, or leave it to the loop whose turn this is (see `gathered`)."""
    turn = _own_turn()
    if turn is None:
        _write(line)
    else:
        turn.gather(line)


def _write(text: str) -> None:
    # A log that cannot be written has nowhere to be reported, and must not fail the work it tells of.
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"{text}\n".encode("utf-8", "backslashreplace"))


def _now() -> str:
    now = _clock(None, "", {})["at"]
    seconds = int(now)
    return f"{_spelled(seconds)}.{int((now - seconds) * _MICROSECONDS):06d}Z"


@lru_cache(maxsize=4)
def _spelled(seconds: int) -> str:
    """Return a moment of Unix time in the form of RFC 3339 without its zone, asked for again and again in a second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
