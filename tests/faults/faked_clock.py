"""libfaketime, which shows a process another time of day; the monotonic clock stays as it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.servers.process import ServerMissing

_PLACES = ("usr/lib/*/faketime/libfaketime.so.1", "usr/lib/faketime/libfaketime.so.1", "usr/local/lib/faketime/*.so.1")


@dataclass(frozen=True, slots=True)
class Libfaketime:
    """The library."""

    library: Path

    @classmethod
    def find(cls) -> Self:
        """Find the library; raise ServerMissing."""
        for place in _PLACES:
            for library in Path("/").glob(place):
                return cls(library)
        raise ServerMissing("faketime")

    def prefix(self, offset: str) -> list[str]:
        """Return the words before a command whose clock is to be off by so much, like `+1h`."""
        faked = {"LD_PRELOAD": str(self.library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        return ["env", *(f"{name}={value}" for name, value in faked.items())]
