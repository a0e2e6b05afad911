"""Which sessions were shown: gathered, written together, lost without harm."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from app.errors import StoreUnavailable
from app.web import read_marks
from app.web.read_marks import ReadMarks
from app.web.store_threads import StoreThreads
from tests.builders import NOW
from tests.web.stage import eventually

SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class _Marking:
    """Keeps what it is handed; can be held up and lost."""

    batches: list[Mapping[str, datetime]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    is_asked: threading.Event = field(default_factory=threading.Event)
    is_lost: bool = False
    error: Exception | None = None
    passed_over: list[frozenset[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
        self.is_asked.set()
        self.gate.wait(30)
        if self.is_lost:
            raise StoreUnavailable("the test took the store away")
        if self.error is not None:
            raise self.error
        self.batches.append(read_at)
        return self.passed_over.pop() if self.passed_over else frozenset()


async def test_marks_that_gather_are_written_together_and_once() -> None:
    marking, threads = _Marking(), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))

    for later, session_id in enumerate(("ses_1", "ses_2", "ses_1")):
        marks.note(session_id, NOW + later * SECOND)
    noted = list(marking.batches)
    await eventually(lambda: bool(marking.batches))

    assert (noted, marking.batches) == ([], [{"ses_1": NOW, "ses_2": NOW + SECOND}])
    await threads.close()


async def test_mark_noted_after_a_write_is_written_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_marks, "GATHER_SECONDS", 0.01)
    marking, threads = _Marking(), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))

    marks.note("ses_1", NOW)
    await eventually(lambda: marking.batches == [{"ses_1": NOW}])
    await asyncio.sleep(0.05)
    marks.note("ses_2", NOW)
    await eventually(lambda: marking.batches == [{"ses_1": NOW}, {"ses_2": NOW}])

    await threads.close()


async def test_mark_that_is_passed_over_is_written_with_its_own_moment_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(read_marks, "GATHER_SECONDS", 0.05)
    marking, threads = _Marking(passed_over=[frozenset({"ses_1"})]), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))

    marks.note("ses_1", NOW)
    marks.note("ses_2", NOW)
    await eventually(lambda: len(marking.batches) == 1)
    marks.note("ses_1", NOW + SECOND)
    await eventually(lambda: len(marking.batches) == 2)
    await asyncio.sleep(0.1)

    assert marking.batches == [{"ses_1": NOW, "ses_2": NOW}, {"ses_1": NOW}]
    await threads.close()


async def test_mark_that_is_noted_again_while_it_is_passed_over_keeps_its_first_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(read_marks, "GATHER_SECONDS", 0)
    marking, threads = _Marking(passed_over=[frozenset({"ses_1"})]), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))
    marking.gate.clear()
    marks.note("ses_1", NOW)
    await eventually(marking.is_asked.is_set)

    marks.note("ses_1", NOW + SECOND)
    marking.gate.set()
    await marks.flush()
    await marks.flush()

    assert marking.batches == [{"ses_1": NOW}, {"ses_1": NOW}]
    await threads.close()


async def test_flush_waits_for_a_write_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_marks, "GATHER_SECONDS", 0)
    marking, threads = _Marking(), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))
    marking.gate.clear()
    marks.note("ses_1", NOW)
    await asyncio.sleep(0.05)

    flushing = asyncio.create_task(marks.flush())
    await asyncio.sleep(0.05)
    was_done = flushing.done()
    marking.gate.set()
    await flushing

    assert (was_done, marking.batches) == (False, [{"ses_1": NOW}])
    await threads.close()


async def test_marks_whose_flush_is_cancelled_are_written_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_marks, "GATHER_SECONDS", 60)
    marking, threads = _Marking(), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))
    marking.gate.clear()
    held_up = asyncio.create_task(threads.call(lambda: marking({})))
    marks.note("ses_1", NOW)
    left = asyncio.create_task(marks.flush())
    await eventually(lambda: not marks._noted)  # it has them in hand

    left.cancel()
    await asyncio.wait([left])
    marks.note("ses_1", NOW + SECOND)
    marking.gate.set()
    await held_up
    await marks.flush()

    assert (marking.batches[1:], marks.lost) == ([{"ses_1": NOW}], 0)
    await threads.close()


async def test_marks_are_lost_with_the_store_and_told_by_their_number() -> None:
    marking, threads = _Marking(is_lost=True), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))
    marks.note("ses_secret", NOW)

    with capture_logs() as told:
        await marks.flush()

    assert told[-1].pop("where")
    assert told[-1] == {
        "event": "reads.not_marked",
        "sessions": 1,
        "error": "StoreUnavailable",
        "log_level": "warning",
    }
    assert marks.lost == 1
    await threads.close()


async def test_marks_are_written_after_some_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_marks, "GATHER_SECONDS", 0.01)
    marking, threads = _Marking(error=LookupError("a defect")), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))
    marks.note("ses_1", NOW)
    await eventually(lambda: marks.lost == 1)
    marking.error = None

    marks.note("ses_2", NOW)
    await eventually(lambda: marking.batches == [{"ses_2": NOW}])

    await threads.close()


async def test_close_writes_what_has_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_marks, "MAX_NOTED", 2)
    marking, threads = _Marking(), StoreThreads(1, 5, bool)
    marks = ReadMarks(lambda read_at: threads.call(lambda: marking(read_at)))
    for number in range(3):
        marks.note(f"ses_{number}", NOW)

    await marks.close()

    assert marking.batches == [{"ses_0": NOW, "ses_1": NOW}]
    await threads.close()
