"""The publisher: what is rung together goes out together, and a broker in trouble costs a counter, not a caller."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter
from typing import Any

import kombu
import pytest
from celery import Celery
from structlog.testing import capture_logs

from app.adapters.broker import PURGE_TASK, broker_configuration
from app.adapters.queue import LINGERED_CLAIMS, LINGERED_PAUSE_SECONDS, MOST_WAITING, HintPublisher
from app.ports import Work
from tests.servers.redis import Redis
from tests.workers.conftest import wait_until
from workers.beat import SparingScheduler

DEAD = "redis://127.0.0.1:9/0"
CLAIM_ROWS = 256
LINGERED_ROWS = CLAIM_ROWS * LINGERED_CLAIMS
CALLS = 500
NEVER_SECONDS = 3600.0


def publisher(url: str, folder: Path) -> HintPublisher:
    return HintPublisher(broker_configuration(url, folder), CLAIM_ROWS)


@contextmanager
def channel(url: str, folder: Path) -> Iterator[Any]:
    settings: dict[str, Any] = broker_configuration(url, folder)
    with kombu.Connection(settings["broker_url"], transport_options=settings["broker_transport_options"]) as connection:
        yield connection.default_channel


def waiting(url: str, folder: Path, work: Work) -> int:
    with channel(url, folder) as opened:
        return int(opened.queue_declare(queue=work.value, durable=True, auto_delete=False).message_count)


def rung(hints: HintPublisher) -> int:
    hints.ring(Work.REFRESH)
    return hints.sent


def ring_times(hints: HintPublisher, calls: int = CALLS) -> list[float]:
    times = []
    for _ in range(calls):
        began = perf_counter()
        hints.ring(Work.VERIFY)
        times.append(perf_counter() - began)
    return times


@pytest.mark.parametrize(
    ("work", "rows", "messages"),
    [
        pytest.param(Work.FETCH, 1, 1, id="one-row"),
        pytest.param(Work.FETCH, CLAIM_ROWS, 1, id="one-claim"),
        pytest.param(Work.FETCH, CLAIM_ROWS + 1, 2, id="two-claims"),
        pytest.param(Work.FETCH, CLAIM_ROWS * 1000, MOST_WAITING, id="more-than-may-wait"),
        pytest.param(Work.VERIFY, LINGERED_ROWS, 1, id="what-a-lingering-worker-does"),
        pytest.param(Work.VERIFY, LINGERED_ROWS + 1, 2, id="more-than-a-lingering-worker-does"),
    ],
)
def test_publisher_sends_as_many_hints_as_workers_are_worth_waking(
    broker_url: str, tmp_path: Path, work: Work, rows: int, messages: int
) -> None:
    hints = publisher(broker_url, tmp_path)

    hints.ring(work, rows)
    hints.close(10)

    assert (hints.sent, hints.dropped) == (messages, 0)
    assert waiting(broker_url, tmp_path, work) == messages


def test_publisher_with_a_burst_of_rings_sends_few_hints(tmp_path: Path) -> None:
    hints = publisher("", tmp_path)

    ring_times(hints, calls=200)
    hints.close(10)

    assert 1 <= hints.sent <= 20


def after_a_hint(folder: Path) -> HintPublisher:
    """Return a publisher that has just announced work which its worker lingers for, and nothing else."""
    hints = publisher("", folder)
    hints.ring(Work.VERIFY)
    wait_until(lambda: hints.sent == 1, "the first hint")
    return hints


def has_sent(hints: HintPublisher, count: int) -> bool:
    return hints.sent == count


def test_publisher_holds_what_is_lingered_for_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.queue.LINGERED_PAUSE_SECONDS", {Work.VERIFY: NEVER_SECONDS})
    hints = after_a_hint(tmp_path)

    for sent in (2, 3):
        hints.ring(Work.VERIFY)
        hints.ring(Work.FETCH)
        wait_until(partial(has_sent, hints, sent), "the hint of the other kind")
        assert waiting("", tmp_path, Work.VERIFY) == 1

    hints.close(10)
    assert (waiting("", tmp_path, Work.FETCH), waiting("", tmp_path, Work.VERIFY)) == (2, 2)


def test_publisher_does_not_hold_what_is_enough_for_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.queue.LINGERED_PAUSE_SECONDS", {Work.VERIFY: NEVER_SECONDS})
    monkeypatch.setattr("app.adapters.queue.LEAST_PAUSE_SECONDS", 0.0)
    hints = after_a_hint(tmp_path)
    hints.ring(Work.VERIFY)
    changed: Any = hints._changed
    wait_until(lambda: bool(changed._waiters), "the thread to hold it")

    for _ in range(LINGERED_ROWS - 1):
        hints.ring(Work.VERIFY)

    wait_until(lambda: hints.sent == 2, "the next hint")
    hints.close(10)


def test_publisher_sends_by_itself_what_it_held(tmp_path: Path) -> None:
    began = monotonic()
    hints = after_a_hint(tmp_path)

    hints.ring(Work.VERIFY)

    wait_until(lambda: hints.sent == 2, "the hint that was held")
    assert monotonic() - began >= LINGERED_PAUSE_SECONDS[Work.VERIFY]
    hints.close(10)


def test_beat_without_a_worker_never_fills_the_broker(broker_url: str, tmp_path: Path) -> None:
    app = Celery("beat", fixups=[])
    tick = {"task": PURGE_TASK, "schedule": 60.0, "options": {"queue": Work.UPKEEP.value}}
    app.conf.update(broker_configuration(broker_url, tmp_path), beat_schedule={"purge": tick})
    scheduler = SparingScheduler(app)

    for _ in range(MOST_WAITING + 8):
        scheduler.apply_entry(scheduler.schedule["purge"], producer=scheduler.producer)

    assert waiting(broker_url, tmp_path, Work.UPKEEP) == MOST_WAITING
    scheduler.close()


def test_publisher_outlives_a_fault_that_nobody_thought_of_and_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = publisher("", tmp_path)

    with capture_logs() as events, monkeypatch.context() as patch:
        patch.setattr(hints._app, "send_task", {}.__getitem__)
        hints.ring(Work.VERIFY)
        wait_until(lambda: hints.dropped == 1, "the fault")
    hints.ring(Work.VERIFY)
    hints.close(10)

    assert (hints.sent, hints.dropped) == (1, 1)
    assert [(event["event"], event["dropped"]) for event in events] == [("hints.crashed", 1)]


def test_publisher_without_a_worker_never_fills_the_broker(tmp_path: Path) -> None:
    hints = publisher("", tmp_path)

    for _ in range(3 * MOST_WAITING):
        hints.ring(Work.FETCH, CLAIM_ROWS * MOST_WAITING)
        wait_until(lambda: not hints._noted, "the burst to be taken")
    hints.close(10)

    assert waiting("", tmp_path, Work.FETCH) == MOST_WAITING


def test_publisher_with_a_dead_broker_counts_and_costs_callers_nothing(tmp_path: Path) -> None:
    hints = publisher(DEAD, tmp_path)

    times = ring_times(hints)
    wait_until(lambda: hints.dropped > 0, "the broker to be found dead")
    hints.close(5)

    assert hints.sent == 0
    assert median(times) < 0.001


def test_publisher_with_a_frozen_broker_counts_and_goes_on_after_it(redis_server: Redis, tmp_path: Path) -> None:
    hints = publisher(redis_server.url, tmp_path)
    hints.ring(Work.UPKEEP)
    wait_until(lambda: hints.sent == 1, "the first hint")

    redis_server.pause()
    try:
        times = ring_times(hints)
        wait_until(lambda: hints.dropped > 0, "the broker to be found frozen")
    finally:
        redis_server.resume()
    hints.ring(Work.UPKEEP)

    wait_until(lambda: hints.sent > 1, "a hint after the thaw")
    hints.close(10)
    assert median(times) < 0.001


def test_publisher_after_the_broker_came_back_empty_sends_again(redis_server: Redis, tmp_path: Path) -> None:
    hints = publisher(redis_server.url, tmp_path)
    hints.ring(Work.REFRESH)
    wait_until(lambda: hints.sent == 1, "the first hint")

    redis_server.restart()
    wait_until(lambda: rung(hints) > 1, "a hint to the new server")
    hints.close(10)

    assert waiting(redis_server.url, tmp_path, Work.REFRESH) >= 1


def test_publisher_after_a_fork_sends_from_the_child(tmp_path: Path) -> None:
    hints = publisher("", tmp_path)
    hints.ring(Work.VERIFY)
    wait_until(lambda: hints.sent == 1, "the parent's hint")

    child = os.fork()
    if child == 0:
        hints.ring(Work.VERIFY)
        hints.close(5)
        os._exit(0 if hints.sent == 2 else 1)
    _, status = os.waitpid(child, 0)
    hints.close(5)

    assert os.waitstatus_to_exitcode(status) == 0
    assert waiting("", tmp_path, Work.VERIFY) == 2


@pytest.mark.timed
def test_close_with_a_frozen_broker_gives_up_in_time(redis_server: Redis, tmp_path: Path) -> None:
    hints = publisher(redis_server.url, tmp_path)
    redis_server.pause()
    try:
        hints.ring(Work.VERIFY)
        began = perf_counter()
        hints.close(0.5)
        took = perf_counter() - began
    finally:
        redis_server.resume()

    assert took < 1
    hints.close(10)
