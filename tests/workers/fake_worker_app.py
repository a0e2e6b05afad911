"""The real Celery app with a composition of fakes: `celery -A tests.workers.fake_worker_app` runs real processes.

FAKE_ROWS names the rows' file, FAKE_BATCH_SECONDS says how long a batch of verification and a partner's call take.
FAKE_START is `killed` where the first process that starts is to be killed, `unstartable` where none can start.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog

from app.domain.session import ClaimedSession, SessionMove, Stage
from app.ports import Work
from app.settings import Settings
from app.steps.claim import ClaimSessions
from app.steps.fetch import Fetched, PlannedCall
from tests.workers.fake_rows import ClaimAnyPartner, FakeRows, TestClock
from workers import runtime
from workers.batches import VerifyBatch
from workers.leases import HeldLeases
from workers.loop import Watch
from workers.outside import Outside
from workers.process import WorkerProcess
from workers.pump import FetchPump
from workers.sweeper import Sweeper

ROWS = FakeRows(Path(os.environ["FAKE_ROWS"]))
SECONDS = float(os.environ.get("FAKE_BATCH_SECONDS", "0"))
CLOCK = TestClock()


class FakeFetch:
    def plan(self, sessions: Sequence[ClaimedSession]) -> Sequence[PlannedCall]:
        return [PlannedCall(session, None) for session in sessions]

    async def call(self, planned: PlannedCall) -> Fetched:
        session, stage = planned.session, Stage.DONE
        structlog.get_logger().info("call.began")
        try:
            await asyncio.sleep(SECONDS)
        except asyncio.CancelledError:
            stage = Stage.FETCH  # cut off by a drain, as the real step sees it
        return Fetched(SessionMove(session.id, session.lease_token, stage), None)

    def save(self, fetched: Sequence[Fetched]) -> frozenset[str]:
        return ROWS.finish([one.move for one in fetched], CLOCK.now())


def verify(sessions: Sequence[ClaimedSession]) -> None:
    structlog.get_logger().info("batch.began")
    time.sleep(SECONDS)  # stands for work that keeps the processor busy
    ROWS.finish([SessionMove(session.id, session.lease_token, Stage.DONE) for session in sessions], CLOCK.now())


@asynccontextmanager
async def no_http() -> AsyncIterator[None]:
    yield


async def refresh() -> int:
    return 0


def harm_start() -> None:
    """Do to a process that starts what FAKE_START says."""
    match os.environ.get("FAKE_START"):
        case "killed":
            with suppress(FileExistsError):
                ROWS.path.with_suffix(".killed").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        case "unstartable":
            raise LookupError("nothing can be composed")


def compose(settings: Settings, roles: frozenset[Work], is_told_to_stop: Callable[[], bool]) -> WorkerProcess:
    harm_start()
    lease = timedelta(seconds=settings.lease_seconds)

    def claim(stage: Stage) -> ClaimSessions:
        return ClaimSessions(ROWS, CLOCK, stage, settings.claim_rows, lease)

    def pump(_: object) -> FetchPump:
        return FetchPump(
            claim=ClaimAnyPartner(claim(Stage.FETCH)),
            fetch=FakeFetch(),
            held=HeldLeases(ROWS, CLOCK),
            owed=HeldLeases(ROWS, CLOCK),
            capacity=settings.fetch_concurrency,
            of_one=settings.fetch_concurrency,
            lease=lease,
            sweep_seconds=settings.sweep_seconds,
        )

    held = HeldLeases(ROWS, CLOCK)
    batch = VerifyBatch(claim(Stage.VERIFY), verify, held, settings.sweep_seconds)
    return WorkerProcess(
        sweepers={Work.VERIFY: Sweeper("verify", batch, settings.sweep_seconds, is_told_to_stop)}
        if Work.VERIFY in roles
        else {},
        drain_seconds=settings.drain_seconds,
        look_seconds=settings.lease_seconds * 0.6,
        outside=Outside(no_http(), pump, lambda _: Watch("refresh", refresh, 1)) if Work.FETCH in roles else None,
        held=held,
    )


runtime.composition = lambda: compose

from workers.celery_app import app  # noqa: E402 the composition is replaced first

__all__ = ["app"]
