"""The figures of partners on the management port, each of them as the database has it."""

from datetime import timedelta

from app.domain.breaker import Breaker
from app.domain.health import PartnerHealth, Pause
from app.domain.session import Priority, Stage
from app.ports import Claim
from app.web.partner_gauges import PartnerGauges
from tests.builders import NOW, move, new_session, request
from tests.fakes import FixedClock, MemoryDeliveryFigures, MemorySessions


def test_gauges_show_each_partner_whole() -> None:
    sessions = MemorySessions()
    sessions.add([new_session() for _ in range(3)], NOW)
    in_fetch = [
        move(session, Stage.FETCH, due_at=NOW, priority=Priority.RETRY, request=request())
        for session in sessions.claim(Claim(Stage.VERIFY, 3, NOW, NOW))
    ]
    sessions.finish(in_fetch, NOW)
    sessions.claim(Claim(Stage.FETCH, 1, NOW, NOW + timedelta(seconds=30)))
    sessions.healths["globex"] = PartnerHealth(
        breaker=Breaker(opened_until=NOW + timedelta(minutes=1), openings=1), pause=Pause(None, "admin")
    )

    shown = PartnerGauges(MemoryDeliveryFigures(sessions), FixedClock()).render().decode()

    assert [line for line in shown.splitlines() if not line.startswith("#")] == [
        'vestibule_partner_breaker{partner="acme",state="closed"} 1.0',
        'vestibule_partner_breaker{partner="globex",state="open"} 1.0',
        'vestibule_partner_paused{partner="acme"} 0.0',
        'vestibule_partner_paused{partner="globex"} 1.0',
        'vestibule_partner_retry_bank{partner="acme"} 100.0',
        'vestibule_partner_retry_bank{partner="globex"} 100.0',
        'vestibule_partner_in_flight{partner="acme"} 1.0',
        'vestibule_partner_in_flight{partner="globex"} 0.0',
        'vestibule_partner_due{class="fresh",partner="acme"} 0.0',
        'vestibule_partner_due{class="retry",partner="acme"} 2.0',
        'vestibule_partner_due{class="replay",partner="acme"} 0.0',
        'vestibule_partner_due{class="fresh",partner="globex"} 0.0',
        'vestibule_partner_due{class="retry",partner="globex"} 0.0',
        'vestibule_partner_due{class="replay",partner="globex"} 0.0',
    ]
