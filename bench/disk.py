"""The disk under PostgreSQL as on a machine that is set up for it and has run for a while, not on one just made.

A new cluster makes each file of its log when it needs it, 16 MiB of zeros and an fsync, for which every commit waits.
And a kernel left as it is keeps what PostgreSQL adds to its tables for half a minute, then writes all of it at once,
before the next commit. Who runs a launch sets both (docs/operate.md); a benchmark may not set the kernel.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

LOG_BYTES: Final = 1_000_000_000
"""More than any section of the benchmark writes."""
_EVERY_SECONDS: Final = 0.5
_MESSAGE_BYTES: Final = 1_000_000


def make_log_files(url: str, log_bytes: int = LOG_BYTES) -> None:
    """Let the server write that much log, and keep its files for use once more."""
    with _connect(url) as connection:
        for _ in range(log_bytes // _MESSAGE_BYTES):
            connection.execute("SELECT pg_logical_emit_message(false, 'bench', repeat('x', %s))", (_MESSAGE_BYTES,))
    keep_log_files(url)


def keep_log_files(url: str) -> None:
    """Write what is dirty, so that the files of the log until now are used once more (`min_wal_size` of them)."""
    with _connect(url) as connection:
        connection.execute("CHECKPOINT")


@contextmanager
def written_back_steadily() -> Iterator[None]:
    """Write what is dirty twice a second, as a kernel does that has little patience (`vm.dirty_background_bytes`)."""
    ends = threading.Event()

    def write_back() -> None:
        while not ends.wait(_EVERY_SECONDS):
            os.sync()

    threading.Thread(target=write_back, name="write-back", daemon=True).start()
    try:
        yield
    finally:
        ends.set()


def _connect(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
