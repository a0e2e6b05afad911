"""A worker frozen past its lease and woken: others have done its work, and its late writes change nothing."""

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.account import Judge
from tests.faults.conftest import Deploy
from tests.faults.sabotage import prefix
from tests.faults.write_lock import is_writable
from tests.journey.crowd import Crowd, assert_outcomes_kept, crowd
from tests.journey.deadline import TooLate, eventually
from tests.journey.deployment import Deployment
from tests.journey.partner_double import Fault
from tests.journey.rows import Rows
from tests.journey.scene import Stage
from tests.journey.stacks import EMBEDDED, REDIS
from tests.servers.tree import Member, send

pytestmark = pytest.mark.journey

FEW = 20
_ENDS_WITHIN_SECONDS = 40.0
_HELD_SECONDS = 0.4
"""Longer than a save takes: who holds a lease for so long is frozen."""


def test_fetch_worker_frozen_past_its_lease_and_woken_changes_nothing(shaken: Stage, judge: Judge) -> None:
    deployment = shaken.deployment
    with crowd(shaken, kinds=("fetched",), threads=1) as arriving:
        arriving.scene.endpoint.first = [Fault.LATE]
        arriving.grow(FEW)
        frozen = deployment.members("fetch")
        held = eventually(lambda: _freeze(deployment, frozen, "fetch"), 30, "a frozen worker with calls in flight")

    deployment.start_role("fetch2")
    try:
        _check_late_writes(shaken, judge, arriving, frozen, held)
    finally:
        deployment.terminate("fetch2")
    assert _blamed(deployment, list(arriving.promised)) == []


@pytest.mark.long
@pytest.mark.parametrize("stack", [EMBEDDED, REDIS])
def test_verify_worker_frozen_past_its_lease_and_woken_changes_nothing(
    deploy: Deploy, judge: Judge, tmp_path: Path, stack: str
) -> None:
    begun = tmp_path / "begun"
    with deploy(stack, prefixes={"verify": prefix("linger", begun)}) as stage, crowd(stage, ("carried",)) as arriving:
        arriving.grow(FEW)
        visit = arriving.scene.arrive(sub="linger", form={"n": "1"})
        eventually(lambda: begun.exists() and begun.read_text(), 20, "a batch that takes long")
        main, *children = stage.deployment.members("verify")
        send(signal.SIGSTOP, [main, *children])
        held = frozenset(dict(_leases(stage.deployment, "verify")))
        stage.deployment.start_role("verify2")
        arriving.grow(FEW)
        arriving.leave()
        arriving.promised[visit.id] = (visit, "carried", "linger")

        # The main process, which would kill a child that is late, sleeps on until the late write is made.
        assert visit.id in held
        _check_late_writes(stage, judge, arriving, children, held)


@pytest.mark.long
def test_fetch_worker_frozen_inside_a_transaction_holds_nobody_up(deploy: Deploy, judge: Judge, tmp_path: Path) -> None:
    frozen_in = tmp_path / "frozen"
    with deploy(REDIS, prefixes={"fetch": prefix("freeze", frozen_in)}) as stage:
        with crowd(stage, kinds=("fetched",), threads=1) as arriving:
            eventually(lambda: frozen_in.exists() and frozen_in.read_text(), 20, "a worker frozen with its locks")
            stage.deployment.start_role("fetch2")
            arriving.grow(FEW)

        eventually(lambda: _are_terminal(stage, list(arriving.promised)), _ENDS_WITHIN_SECONDS, "the ends of all")
        send(signal.SIGCONT, stage.deployment.members("fetch"))
        judge.close_crowd(stage, arriving, most_calls=1)
        assert stage.deployment.terminate("fetch") == 0


def _check_late_writes(
    stage: Stage, judge: Judge, arrived: Crowd, frozen: Sequence[Member], held: frozenset[str]
) -> None:
    ids = list(arrived.promised)
    try:
        eventually(lambda: _are_terminal(stage, ids), _ENDS_WITHIN_SECONDS, "the ends that others bring about")
        before, wanted = _contents(stage, ids), _late_writes(stage.deployment, held) + len(held)
    finally:
        send(signal.SIGCONT, frozen)
    eventually(lambda: _late_writes(stage.deployment, held) >= wanted, 20, f"{len(held)} late writes")

    assert _contents(stage, ids) == before
    assert_outcomes_kept(arrived)
    calls = arrived.scene.endpoint.count_calls()
    fetched = sum(kind == "fetched" for _, kind, _ in arrived.promised.values())
    judge.close(stage.name, stage.deployment, ids, calls, fetched + len(held) if fetched else 0)


def _freeze(deployment: Deployment, members: Sequence[Member], stage_name: str) -> frozenset[str] | None:
    """Freeze the members; return what they hold, or None (and let them go on) if they hold nothing, or the database."""
    send(signal.SIGSTOP, members)
    before = _leases(deployment, stage_name)
    try:
        eventually(lambda: not before & _leases(deployment, stage_name), _HELD_SECONDS, "the ends of all leases")
    except TooLate:
        if is_writable(deployment):
            return frozenset(dict(before & _leases(deployment, stage_name)))
    send(signal.SIGCONT, members)
    return None


def _leases(deployment: Deployment, stage_name: str) -> frozenset[tuple[str, str]]:
    statement = "SELECT id, lease_token FROM sessions WHERE stage = :stage AND lease_token IS NOT NULL"
    return frozenset((id_, token) for id_, token in Rows(deployment).query(statement, stage=stage_name))


def _blamed(deployment: Deployment, ids: list[str]) -> list[object]:
    """Return the silences that count against the partner, which answers late and never fails."""
    statement = "SELECT error_class FROM attempts WHERE session_id IN :ids AND error_class IN ('timeout', 'connect')"
    return Rows(deployment).query(statement, ids=ids)


def _are_terminal(stage: Stage, ids: list[str]) -> bool:
    return set(Rows(stage.deployment).stages(ids).values()) <= {"done", "dead"}


def _contents(stage: Stage, ids: list[str]) -> list[object]:
    return Rows(stage.deployment).query("SELECT * FROM sessions WHERE id IN :ids ORDER BY id", ids=ids)


def _late_writes(deployment: Deployment, held: frozenset[str]) -> int:
    """Count the writes that came too late, as the workers tell of them: one by one, or by the batch."""
    lines = [json.loads(line) for text in deployment.logs().values() for line in text.splitlines() if line[:1] == "{"]
    one_by_one = sum(line.get("lease_lost") is True and line["session_id"] in held for line in lines)
    by_batch = sum(int(line.get("outcomes", {}).get("lost", 0)) for line in lines)
    return one_by_one + by_batch
