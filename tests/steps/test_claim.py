"""Claims: due sessions come leased, and what has killed its process once too often ends."""

from datetime import timedelta

from app.domain.prefill import PrefillStatus
from app.domain.session import Stage, TokenStatus
from app.reasons import PrefillReason, TokenReason
from app.steps.claim import ClaimSessions
from tests.builders import NOW, new_session
from tests.fakes import FixedClock, MemorySessions

LEASE = timedelta(seconds=30)


def test_claim_takes_at_most_its_limit() -> None:
    sessions = MemorySessions()
    sessions.add([new_session() for _ in range(5)], NOW)
    claim = ClaimSessions(sessions, FixedClock(), Stage.VERIFY, 3, LEASE)

    first, second, third = claim(), claim(limit=1), claim(limit=99)

    assert (len(first), len(second), len(third)) == (3, 1, 1)
    assert not claim()


def test_claim_of_a_poisonous_session_ends_it_after_three_runs() -> None:
    clock, sessions = FixedClock(), MemorySessions()
    [poison] = [new_session()]
    sessions.add([poison], NOW)
    claim = ClaimSessions(sessions, clock, Stage.VERIFY, 256, LEASE)

    runs = 0
    for _ in range(6):  # each claim dies with its process, so its lease runs out
        runs += len(claim()) + len(claim(1, alone=True))
        clock.advance(31)

    row = sessions.rows[poison.id]
    assert runs == 3
    assert (row.stage, row.error_class, row.token) == (Stage.DEAD, PrefillReason.POISON, None)
    assert row.outcome is not None
    assert (row.outcome.token_status, row.outcome.token_reason) == (TokenStatus.REJECTED, TokenReason.TOKEN_MALFORMED)
    assert (row.outcome.prefill.status, row.outcome.prefill.reason) == (PrefillStatus.UNAVAILABLE, PrefillReason.POISON)
