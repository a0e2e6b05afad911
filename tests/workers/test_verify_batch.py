"""A batch of verification: whoever is to blame for a fault pays for it, and leases last as long as the work."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.adapters.database.migrate import migrate
from app.adapters.database.session_intake import SqlSessionIntake
from app.domain.session import ClaimedSession, SessionMove, Stage
from app.errors import InsideError, MasterKeyMissing, StoreUnavailable
from app.ports import Claim, Work
from app.settings import load_settings
from app.steps.claim import ClaimSessions
from tests.builders import new_session
from tests.workers.fake_rows import FakeRows, TestClock
from workers import composition
from workers.batches import VerifyBatch
from workers.leases import HeldLeases
from workers.sweeper import Found

CLOCK = TestClock()
LEASE = timedelta(seconds=0.2)


@dataclass(slots=True)
class Verify:
    """Settles what it is given, unless it is to raise for all, once, or for those in `cursed`."""

    rows: FakeRows
    fault: Exception | None = None
    cursed: str = ""
    runs: list[int] = field(default_factory=list)

    def __call__(self, sessions: Sequence[ClaimedSession]) -> None:
        self.runs.append(len(sessions))
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        if any(session.id == self.cursed for session in sessions):
            raise ValueError("cannot be judged")
        self.rows.finish([SessionMove(one.id, one.lease_token, Stage.DONE) for one in sessions], CLOCK.now())


def batch_of(verify: Verify) -> VerifyBatch:
    claim = ClaimSessions(verify.rows, CLOCK, Stage.VERIFY, 256, LEASE)
    return VerifyBatch(claim, verify, HeldLeases(verify.rows, CLOCK), alone_every_seconds=0.0)


def outlive_lease() -> None:
    time.sleep(1.5 * LEASE.total_seconds())


def test_session_that_cannot_be_judged_harms_no_mate_and_ends_after_three_runs(rows: FakeRows) -> None:
    cursed, *_ = rows.add("verify", 5)
    verify = Verify(rows, cursed=cursed)
    batch = batch_of(verify)

    batch()
    mates_done = rows.count("stage = 'done'")
    for _ in range(4):
        outlive_lease()
        batch()

    assert mates_done == 4
    assert verify.runs == [5, 1, 1, 1, 1, 1, 1, 1]
    assert rows.select("stage, crashes")[0] == ("dead", 3)


@pytest.mark.parametrize("fault", [StoreUnavailable(), MasterKeyMissing()], ids=["store", "master-key"])
def test_fault_of_our_own_costs_no_session_a_crash(rows: FakeRows, fault: InsideError) -> None:
    rows.add("verify", 3)
    verify = Verify(rows, fault=fault)
    batch = batch_of(verify)

    with pytest.raises(type(fault)):
        batch()
    batch()

    assert verify.runs == [3, 3]
    assert rows.select("DISTINCT stage, crashes, attempts") == [("done", 0, 1)]


def test_session_to_be_verified_alone_comes_after_a_batch_and_again_at_once(rows: FakeRows) -> None:
    rows.add("verify", 2)
    batch = batch_of(Verify(rows))
    for _ in range(2):
        batch.claim()
        outlive_lease()
    rows.add("verify", 3)

    found = [batch(), batch(), batch()]

    assert found == [Found.FULL, Found.FULL, Found.NOTHING]
    assert rows.count("stage = 'done'") == 5


def test_lease_of_a_verification_that_takes_long_is_renewed(tmp_path: Path) -> None:
    settings = load_settings({"VESTIBULE_DATA_DIR": str(tmp_path), "VESTIBULE_LEASE_SECONDS": "0.4"})
    parts = composition._Parts(settings, frozenset({Work.VERIFY}))
    migrate(parts.database)
    now = datetime.now(UTC)
    SqlSessionIntake(parts.database, parts.sealing).add([new_session(received_at=now)], now)
    process = composition.compose(settings, frozenset({Work.VERIFY}), lambda: True)
    assert process.held is not None
    lease = timedelta(seconds=settings.lease_seconds)
    process.held.hold(parts.queue.claim(Claim(Stage.VERIFY, 1, now, now + lease)))

    process.start()
    time.sleep(3 * settings.lease_seconds)
    now = datetime.now(UTC)
    taken = parts.queue.claim(Claim(Stage.VERIFY, 1, now, now + lease))
    process.drain()

    assert taken == []
    parts.close()
