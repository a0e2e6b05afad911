"""A partner's health: pauses by whom and for how long, what is counted, when to look again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.admission import PartnerQueue, admit
from app.domain.breaker import Breaker, EndedCall
from app.domain.budget import Bucket
from app.domain.health import (
    PartnerCalls,
    PartnerHealth,
    PartnerLimits,
    Pause,
    after_batch,
    is_blocked,
    is_paused,
    next_look_at,
    paused,
    pay_waiting_retries,
    recent_errors,
    resumed,
)
from app.domain.session import Priority
from app.reasons import PrefillReason
from tests.builders import NOW

SECOND = timedelta(seconds=1)
LIMITS = PartnerLimits(max_concurrency=10)


def told_to_wait(health: PartnerHealth, seconds: int) -> Pause | None:
    return after_batch(health, PartnerCalls(retry_after=seconds * SECOND), NOW, 0.0).pause


@pytest.mark.parametrize(
    ("standing", "seconds", "pause"),
    [
        pytest.param(None, 30, Pause(NOW + 30 * SECOND, "retry_after"), id="first"),
        pytest.param(Pause(NOW + 60 * SECOND, "retry_after"), 30, Pause(NOW + 60 * SECOND, "retry_after"), id="longer"),
        pytest.param(Pause(NOW + SECOND, "retry_after"), 30, Pause(NOW + 30 * SECOND, "retry_after"), id="shorter"),
        pytest.param(Pause(None, "ops"), 30, Pause(None, "ops"), id="by-hand-outlasts"),
        pytest.param(None, 86_400, Pause(NOW + 3600 * SECOND, "retry_after"), id="an-hour-at-most"),
        pytest.param(Pause(NOW - SECOND, "retry_after"), 0, None, id="over-is-forgotten"),
    ],
)
def test_retry_after_pauses_the_partner(standing: Pause | None, seconds: int, pause: Pause | None) -> None:
    assert told_to_wait(PartnerHealth(pause=standing), seconds) == pause


def test_pause_by_hand_holds_until_resumed() -> None:
    health = paused(PartnerHealth(), "ops")

    assert is_paused(health, NOW + timedelta(days=365))
    assert not is_paused(resumed(health), NOW)


def test_resume_closes_the_breaker() -> None:
    health = PartnerHealth(Breaker(opened_until=NOW + SECOND, openings=4))

    assert is_blocked(health, NOW)
    assert resumed(health).breaker == Breaker()


@pytest.mark.parametrize("error", [PrefillReason.POLICY, PrefillReason.INTERNAL])
def test_calls_that_never_reached_the_partner_do_not_count_for_its_breaker(error: PrefillReason) -> None:
    calls = PartnerCalls(tuple(EndedCall(NOW, error) for _ in range(100)))

    health = after_batch(PartnerHealth(), calls, NOW, 0.0)

    assert health.breaker == Breaker()
    assert recent_errors(health, NOW) == {error: 100}


def test_recent_errors_are_those_of_five_minutes() -> None:
    health = PartnerHealth()
    for minute in range(8):
        at = NOW + timedelta(minutes=minute)
        health = after_batch(health, PartnerCalls((EndedCall(at, PrefillReason.DNS),)), at, 0.0)

    assert recent_errors(health, NOW + timedelta(minutes=7)) == {PrefillReason.DNS: 5}


@pytest.mark.parametrize(
    ("tokens", "paid"),
    [pytest.param(5.0, 3, id="full"), pytest.param(2.0, 2, id="partly"), pytest.param(0, 0, id="no")],
)
def test_retries_while_waiting_are_paid_from_the_bank(tokens: float, paid: int) -> None:
    after, got = pay_waiting_retries(PartnerHealth(bank=Bucket(tokens, NOW)), 3, NOW)

    assert (got, after.bank) == (paid, Bucket(tokens - paid, NOW))


@pytest.mark.parametrize(
    ("health", "limits", "for_retries", "look"),
    [
        pytest.param(PartnerHealth(), LIMITS, False, None, id="calls-in-flight-hold-it-up"),
        pytest.param(paused(PartnerHealth(), "ops"), LIMITS, False, None, id="paused-by-hand"),
        pytest.param(PartnerHealth(pause=Pause(NOW + SECOND, "x")), LIMITS, False, NOW + SECOND, id="paused"),
        pytest.param(
            PartnerHealth(Breaker(opened_until=NOW + 3 * SECOND)), LIMITS, False, NOW + 3 * SECOND, id="breaker"
        ),
        pytest.param(
            PartnerHealth(rate=Bucket(0, NOW)), replace(LIMITS, rate_per_second=2), False, NOW + SECOND / 2, id="rate"
        ),
        pytest.param(PartnerHealth(bank=Bucket(0, NOW)), LIMITS, True, NOW + SECOND, id="retries-and-an-empty-bank"),
        pytest.param(PartnerHealth(bank=Bucket(0, NOW)), LIMITS, False, None, id="an-empty-bank"),
    ],
)
def test_next_look_is_when_time_alone_lets_more_through(
    health: PartnerHealth, limits: PartnerLimits, for_retries: bool, look: object
) -> None:
    assert next_look_at(health, limits, NOW, for_retries=for_retries) == look


def test_admission_of_retries_pays_with_the_bank_and_lets_the_others_through() -> None:
    queue = PartnerQueue(
        "acme",
        due={Priority.RETRY: ["first", "again-1", "again-2"], Priority.REPLAY: ["replay", "again-3"]},
        retries=frozenset({"again-1", "again-2", "again-3"}),
    )

    admission = admit([queue], {"acme": PartnerHealth(bank=Bucket(1.5, NOW))}, {"acme": LIMITS}, 100, NOW, 0.0)

    assert sorted(admission.ids) == ["again-1", "first", "replay"]
    assert admission.changed["acme"].bank == Bucket(0.5, NOW)
    assert (admission.awaits_answers, admission.again_at) == (False, NOW + SECOND / 2)


def test_admission_of_several_partners_keeps_each_to_its_own() -> None:
    queues = [
        PartnerQueue("dead", 0, {Priority.FRESH: [f"dead-{n}" for n in range(50)]}),
        PartnerQueue("slow", 9, {Priority.FRESH: [f"slow-{n}" for n in range(50)]}),
        PartnerQueue("acme", 0, {Priority.FRESH: ["acme-0", "acme-1"]}),
    ]
    healths = {id_: PartnerHealth() for id_ in ("slow", "acme")}
    healths["dead"] = PartnerHealth(Breaker(opened_until=NOW + SECOND))

    admission = admit(queues, healths, dict.fromkeys(("dead", "slow", "acme"), LIMITS), 100, NOW, 0.0)

    assert sorted(admission.ids) == ["acme-0", "acme-1", "slow-0"]
    assert (admission.is_full, admission.awaits_answers) == (False, True)
    assert (admission.again_at, admission.changed) == (NOW + SECOND, {})


def test_admission_ends_no_more_expired_rows_than_there_is_room_for() -> None:
    queue = PartnerQueue("acme", 0, {Priority.FRESH: ["a", "b", "c", "d"]}, over=[f"over-{n}" for n in range(9)])

    admission = admit([queue], {"acme": PartnerHealth()}, {"acme": LIMITS}, 4, NOW, 0.0)

    assert (len(admission.ids), list(admission.over), admission.is_full) == (4, ["over-0"], True)


def test_admission_of_all_that_was_seen_of_a_longer_queue_is_full() -> None:
    queue = PartnerQueue("acme", 0, {Priority.FRESH: ["a"]}, cut=frozenset({Priority.FRESH}))

    admission = admit([queue], {"acme": PartnerHealth()}, {"acme": LIMITS}, 100, NOW, 0.0)

    assert (admission.ids, admission.is_full) == (["a"], True)
