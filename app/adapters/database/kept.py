"""What a process keeps of rows that rarely change: so many of them, the one used longest ago goes first."""

from collections import OrderedDict
from threading import Lock
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

MOST_KEPT: Final = 4096
"""More documents or key sets than one process works with in turn; a big key set takes some 100 KiB."""


class Kept(Generic[Value]):
    """Thread-safe; knows nothing of what it keeps."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> Value | None:
        """Return what is kept under `key`, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: Value) -> None:
        """Keep `value` under `key`."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)
