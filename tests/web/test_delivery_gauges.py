"""The figures of the delivery on the management port: what waits, what is dead, what becomes of tokens."""

import os
from datetime import timedelta

from app.domain.session import Priority, Stage, TokenStatus
from app.ports import Claim
from app.reasons import TokenReason
from app.steps.accept import session_ids
from app.web.delivery_gauges import DeliveryGauges
from tests.builders import NOW, move, new_session, outcome, request
from tests.fakes import FixedClock, MemoryDeliveryFigures, MemorySessions


def test_gauges_show_what_waits_and_since_when_and_what_became_of_tokens() -> None:
    sessions = MemorySessions()
    sessions.add([new_session(id=id_) for id_ in session_ids(4, NOW, os.urandom)], NOW)
    first, second, third, _ = sessions.claim(Claim(Stage.VERIFY, 4, NOW, NOW))
    expired = outcome(token_status=TokenStatus.REJECTED, token_reason=TokenReason.TOKEN_EXPIRED)
    later = NOW + timedelta(hours=1)
    moves = [
        move(first, Stage.FETCH, due_at=later, priority=Priority.RETRY, request=request()),
        move(second, Stage.DEAD, request=request()),
        move(third, outcome=expired),
    ]
    sessions.finish(moves, NOW)

    shown = DeliveryGauges(MemoryDeliveryFigures(sessions), FixedClock(NOW + timedelta(seconds=90))).render().decode()

    assert [line for line in shown.splitlines() if not line.startswith("#") and not line.endswith(" 0.0")] == [
        'vestibule_backlog{class="fresh",stage="verify"} 1.0',
        'vestibule_backlog{class="retry",stage="fetch"} 1.0',
        'vestibule_backlog_overdue_seconds{class="fresh",stage="verify"} 90.0',
        "vestibule_dead_letters 1.0",
        'vestibule_recent_tokens{partner="acme",verdict="accepted"} 2.0',
        'vestibule_recent_tokens{partner="acme",verdict="pending"} 1.0',
        'vestibule_recent_tokens{partner="acme",verdict="token_expired"} 1.0',
    ]
    assert shown.count("vestibule_backlog{") == shown.count("vestibule_backlog_overdue_seconds{") == 6


def test_gauges_of_tokens_forget_after_five_minutes() -> None:
    sessions = MemorySessions()
    sessions.add([new_session(id=id_) for id_ in session_ids(1, NOW, os.urandom)], NOW)
    figures = MemoryDeliveryFigures(sessions)

    shown = [
        DeliveryGauges(figures, FixedClock(NOW + timedelta(minutes=minutes))).render().decode() for minutes in (5, 6)
    ]

    assert ["vestibule_recent_tokens{" in text for text in shown] == [True, False]
