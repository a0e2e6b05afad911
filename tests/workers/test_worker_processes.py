"""What becomes of sessions when worker processes start, end and are killed: real processes, real brokers."""

import os
import signal
from itertools import pairwise
from time import monotonic, sleep

import pytest

from app.ports import Work
from tests.servers.process import ServerFailed
from tests.servers.redis import Redis
from tests.workers.conftest import NEVER, Bench, wait_until

EMBEDDED = pytest.mark.parametrize("broker_url", [""], ids=["files"])
DEAD = pytest.mark.parametrize(
    "broker_url",
    [pytest.param("redis://127.0.0.1:9/0", id="redis"), pytest.param("amqp://127.0.0.1:9//", id="rabbitmq")],
)
FROZEN = pytest.mark.parametrize("broker_url", ["redis_server"], ids=["redis"], indirect=True)
BOTH_POOLS = pytest.mark.parametrize(
    ("stage", "pool"), [pytest.param("verify", "prefork", id="verify"), pytest.param("fetch", "threads", id="fetch")]
)


def all_done(bench: Bench) -> bool:
    return bench.rows.count("stage != 'done'") == 0


def leases(bench: Bench) -> int:
    return bench.rows.count("lease_until IS NOT NULL")


@pytest.mark.parametrize(
    ("stage", "work", "pool"),
    [
        pytest.param("verify", Work.VERIFY, "prefork", id="verify"),
        pytest.param("fetch", Work.FETCH, "threads", id="fetch"),
    ],
)
def test_hint_after_the_commit_wakes_a_worker_that_does_not_sweep(
    bench: Bench, stage: str, work: Work, pool: str
) -> None:
    bench.start(stage, pool, sweep_seconds=NEVER)
    publisher = bench.publisher()

    bench.rows.add(stage, 3)
    done_before = bench.rows.count("stage = 'done'")
    publisher.ring(work, 3)

    wait_until(lambda: all_done(bench), "the hint to be worked on")
    assert done_before == 0


@BOTH_POOLS
@EMBEDDED
def test_sweep_without_any_hint_finds_due_work(bench: Bench, stage: str, pool: str) -> None:
    bench.start(stage, pool, sweep_seconds="0.3")

    bench.rows.add(stage, 3)

    wait_until(lambda: all_done(bench), "a sweep")


@DEAD
@BOTH_POOLS
def test_sweep_with_a_dead_broker_works_and_drains(bench: Bench, stage: str, pool: str) -> None:
    worker = bench.start(stage, pool, sweep_seconds="0.3")

    bench.rows.add(stage, 3)
    wait_until(lambda: all_done(bench), "a sweep")
    os.kill(worker.pid, signal.SIGTERM)

    assert worker.end() == 0


@BOTH_POOLS
def test_stop_in_mid_batch_finishes_it_and_leaves_no_lease(bench: Bench, stage: str, pool: str) -> None:
    worker = bench.start(stage, pool, batch_seconds="0.6", claim_rows="4", sweep_seconds="0.3")
    bench.rows.add(stage, 40)
    wait_until(lambda: "batch.began" in worker.log or "call.began" in worker.log, "work that has begun")

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.end() == 0
    assert leases(bench) == 0
    assert bench.rows.count("stage = 'done'") > 0
    assert bench.rows.count("finished > 1") == 0


@BOTH_POOLS
@EMBEDDED
def test_interrupt_given_twice_ends_like_a_stop(bench: Bench, stage: str, pool: str) -> None:
    worker = bench.start(stage, pool, batch_seconds="1", sweep_seconds="0.3")
    bench.rows.add(stage, 4)
    wait_until(lambda: leases(bench) == 4, "a claim")

    os.killpg(worker.pid, signal.SIGINT)
    wait_until(lambda: "Warm shutdown" in worker.log, "the first one to be heard")
    os.killpg(worker.pid, signal.SIGINT)

    assert worker.end() == 0
    assert bench.rows.count("stage = 'done'") == 4


@BOTH_POOLS
@FROZEN
def test_stop_with_a_frozen_broker_claims_nothing_more(
    bench: Bench, stage: str, pool: str, redis_server: Redis
) -> None:
    worker = bench.start(stage, pool, sweep_seconds="0.1")
    wait_until(lambda: "Connected to" in worker.log, "the broker")
    redis_server.pause()
    try:
        bench.rows.add(stage, 3)
        wait_until(lambda: all_done(bench), "a sweep")

        os.kill(worker.pid, signal.SIGTERM)
        wait_until(lambda: "Warm shutdown" in worker.log, "the stop to be heard")
        wait_until(lambda: leases(bench) == 0, "the batch in hand")
        sleep(1)  # until a round that began before is over; one that finds nothing leaves no trace to wait for
        bench.rows.add(stage, 3)

        assert worker.end() == 0
        assert bench.rows.count(f"stage = '{stage}' AND attempts = 0") == 3
    finally:
        redis_server.resume()


@EMBEDDED
def test_stop_told_twice_right_after_work_waits_for_no_result(bench: Bench) -> None:
    for _ in range(3):  # the wait that must not be begins only where a child has just answered
        worker = bench.start("verify", sweep_seconds=NEVER)
        bench.rows.add("verify", 20)
        bench.publisher().ring(Work.VERIFY, 20)
        wait_until(lambda: all_done(bench), "the hint to be worked on")

        os.kill(worker.pid, signal.SIGTERM)
        wait_until(lambda: "Warm shutdown" in worker.log, "the first one to be heard")  # noqa: B023 - called here
        os.kill(worker.pid, signal.SIGTERM)

        began = monotonic()
        assert worker.end() == 0
        assert monotonic() - began < 15


@EMBEDDED
def test_stop_of_the_process_group_finishes_the_batch_and_leaves_no_lease(bench: Bench) -> None:
    worker = bench.start("verify", batch_seconds="0.6", claim_rows="4", sweep_seconds="0.3")
    bench.rows.add("verify", 40)
    wait_until(lambda: leases(bench) == 8, "both children's claims")

    os.killpg(worker.pid, signal.SIGTERM)

    assert worker.end() == 0
    assert leases(bench) == 0
    assert bench.rows.count("stage = 'done'") >= 8


@BOTH_POOLS
@EMBEDDED
def test_stop_with_work_longer_than_the_grace_gives_its_sessions_back(bench: Bench, stage: str, pool: str) -> None:
    worker = bench.start(stage, pool, batch_seconds="25", drain_seconds="1")
    bench.rows.add(stage, 4)
    wait_until(lambda: leases(bench) == 4, "a claim")
    if stage == "fetch":
        wait_until(lambda: worker.log.count("call.began") == 4, "their calls")

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.end() == 0
    assert leases(bench) == 0
    attempts = 1 if stage == "fetch" else 0  # a call that was cut off was made
    assert bench.rows.count(f"stage = '{stage}' AND attempts = {attempts} AND crashes = 0") == 4


def test_kill_of_a_child_in_mid_batch_loses_nothing_and_hints_go_on(bench: Bench) -> None:
    worker = bench.start("verify", batch_seconds="0.5", lease_seconds="3", sweep_seconds="0.3")
    bench.rows.add("verify", 4)
    wait_until(lambda: leases(bench) > 0, "a claim")

    for child in worker.children:
        os.kill(child, signal.SIGKILL)

    wait_until(lambda: worker.log.count("worker.started") >= 4, "new children")
    wait_until(lambda: all_done(bench), "the leases to run out")
    assert bench.rows.count("finished = 1 AND crashes >= 1") == 4


def test_kill_of_a_child_leaves_the_others_hints(bench: Bench) -> None:
    worker = bench.start("verify", sweep_seconds=NEVER)
    publisher = bench.publisher()

    for killed, child in enumerate(worker.children, start=1):
        os.kill(child, signal.SIGKILL)
        wait_until(lambda count=2 + killed: worker.log.count("worker.started") == count, "a new child")  # type: ignore[misc]
    bench.rows.add("verify", 1)
    publisher.ring(Work.VERIFY)

    wait_until(lambda: all_done(bench), "the hint to be worked on")


@DEAD
def test_kill_of_the_children_with_a_dead_broker_brings_new_ones(bench: Bench) -> None:
    worker = bench.start("verify", sweep_seconds="0.3")

    for child in worker.children:
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: worker.log.count("worker.started") == 4, "new children")
    bench.rows.add("verify", 3)

    wait_until(lambda: all_done(bench), "a sweep")


@EMBEDDED
def test_kill_of_a_child_while_the_worker_starts_brings_a_new_one(bench: Bench) -> None:
    worker = bench.start("verify", sweep_seconds="0.3", fake_start="killed")

    bench.rows.add("verify", 3)
    wait_until(lambda: all_done(bench), "a sweep")

    assert len(worker.children) == 2
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.end() == 0


@EMBEDDED
def test_worker_whose_children_cannot_start_ends(bench: Bench) -> None:
    with pytest.raises(ServerFailed):
        bench.start("verify", fake_start="unstartable")

    assert bench.workers[0].end() != 0


@EMBEDDED
def test_kill_of_the_main_process_takes_its_children_along(bench: Bench) -> None:
    worker = bench.start("verify")
    children = worker.children

    os.kill(worker.pid, signal.SIGKILL)
    worker.end()

    wait_until(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), "the children's end")  # noqa: PTH110


@EMBEDDED
def test_poison_is_worked_on_alone(bench: Bench) -> None:
    bench.rows.add("verify", 5)
    bench.rows._run("UPDATE rows SET crashes = 2")

    bench.start("verify", size=1, sweep_seconds="0.3")

    wait_until(lambda: all_done(bench), "the sweeps")
    claims = sorted(at for (at,) in bench.rows.select("claimed_at"))
    assert all(later > earlier for earlier, later in pairwise(claims))
