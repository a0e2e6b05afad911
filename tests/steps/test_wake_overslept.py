"""What has slept through the news of its keys is woken."""

from datetime import timedelta

from structlog.testing import capture_logs

from app.domain.session import Stage
from app.ports import Claim
from app.steps.wake_overslept import WakeOverslept
from tests.builders import NOW, SOURCE, keyset, move, new_session
from tests.fakes import FixedClock, MemoryKeysets, MemorySessions


def test_session_that_slept_through_its_keys_is_woken_and_told_of() -> None:
    sessions = MemorySessions()
    wake = WakeOverslept(MemoryKeysets(sessions=sessions, rows={SOURCE: keyset()}), FixedClock())
    sessions.add([new_session()], NOW)
    minute = NOW + timedelta(minutes=1)
    [claimed] = sessions.claim(Claim(Stage.VERIFY, 1, NOW, minute))
    sessions.finish([move(claimed, Stage.VERIFY, outcome=None, due_at=minute, parked_on=SOURCE)], NOW)

    with capture_logs() as told:
        sources = [wake(), wake()]

    assert sources == [1, 0]
    assert told == [{"event": "sessions.woken_late", "log_level": "info", "sources": 1}]
    assert len(sessions.claim(Claim(Stage.VERIFY, 1, NOW, minute))) == 1
