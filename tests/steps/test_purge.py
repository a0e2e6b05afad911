"""A purge in chunks: others come to write between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter, sleep

from app.ports import Work
from app.steps.purge import PurgeExpired
from tests.fakes import FixedClock, MemoryLeases

CHUNK, CHUNK_SECONDS = 10, 0.02


@dataclass(slots=True)
class SlowHousekeeping:
    """Deletes what is left, each chunk in some time."""

    left: int
    seconds: list[float] = field(default_factory=list)

    def purge(self, now: datetime, chunk: int) -> Mapping[str, int]:
        del now
        began = perf_counter()
        sleep(CHUNK_SECONDS)
        deleted = min(self.left, chunk)
        self.left -= deleted
        self.seconds.append(perf_counter() - began)
        return {"sessions": deleted, "repeats": 0}

    def count_due(self, now: datetime) -> Mapping[Work, int]:
        raise NotImplementedError(f"nothing is due at {now}")


def test_purge_pauses_between_chunks_for_as_long_as_each_took() -> None:
    housekeeping, pauses = SlowHousekeeping(25), list[float]()
    purge = PurgeExpired(housekeeping, MemoryLeases(), FixedClock(), CHUNK, pauses.append)

    deleted = purge()

    assert deleted == {"sessions": 25, "repeats": 0}
    assert len(pauses) == len(housekeeping.seconds) - 1 == 2
    assert all(took <= pause < took + CHUNK_SECONDS for took, pause in zip(housekeeping.seconds, pauses, strict=False))


def test_purge_that_is_told_to_stop_ends_after_the_chunk_in_hand() -> None:
    housekeeping, stop = SlowHousekeeping(25), [False]
    purge = PurgeExpired(
        housekeeping, MemoryLeases(), FixedClock(), CHUNK, lambda _: stop.append(True), lambda: stop[-1]
    )

    deleted = purge()

    assert (deleted["sessions"], housekeeping.left) == (20, 5)


def test_purge_right_after_another_one_deletes_nothing_unless_it_is_by_hand() -> None:
    purge = PurgeExpired(SlowHousekeeping(1), MemoryLeases(), FixedClock(), CHUNK, sleep)

    purged, again, by_hand = purge(), purge(), purge(by_hand=True)

    assert (purged["sessions"], again, by_hand["sessions"]) == (1, {}, 0)
