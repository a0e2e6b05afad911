"""Dead letters for the tests of the management interface."""

from datetime import timedelta
from typing import Any

from app.domain.session import Stage
from app.ports import Attempt, Claim
from app.reasons import PrefillReason
from tests.builders import NOW, move, new_session, request
from tests.web.management import Management

LEASE = timedelta(seconds=30)


def bury(management: Management, error_class: PrefillReason = PrefillReason.TIMEOUT, **changes: Any) -> str:
    """Store a dead letter and return its session's id."""
    sessions, session = management.sessions, new_session(**changes)
    sessions.add([session], NOW)
    [verified] = sessions.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    sessions.finish([move(verified, Stage.FETCH, due_at=NOW, request=request())], NOW)
    [fetched] = sessions.claim(Claim(Stage.FETCH, 1, NOW, NOW + LEASE))
    attempt = Attempt(session.id, session.partner_id, 1, NOW, LEASE, error_class, 503)
    sessions.finish([move(fetched, Stage.DEAD, error_class=error_class)], NOW, [attempt])
    return session.id
