"""Prefill calls: what is called, what an answer or a failure makes of the session, and the record of the attempt."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.breaker import BreakerState, state_of
from app.domain.budget import Bucket
from app.domain.health import PartnerHealth, Pause, recent_errors
from app.domain.partner import Authorization, AuthorizationSource, PrefillConfig
from app.domain.prefill import PartnerAnswer, Prefill, PrefillSource, PrefillStatus
from app.domain.session import ClaimedSession, Priority, Stage
from app.errors import OutsideError
from app.ports import Claim
from app.reasons import PrefillReason
from app.steps.fetch import FetchPrefills
from tests.builders import NOW, move, new_session, outcome, partner, request
from tests.fakes import FakePartnerApi, FixedClock, MemoryConfiguration, MemoryPartnerHealth, MemorySessions

CONFIG = PrefillConfig(
    url="https://api.acme.example/{campaign_id}/{sub}",
    method="GET",
    authorization=Authorization(AuthorizationSource.CLAIM, name="access_token"),
    timeout=timedelta(seconds=5),
    max_concurrency=50,
    form_mapping={"firstname": "given"},
)
ANSWER = PartnerAnswer({"firstname": "Ada"}, {"newsletter": True})
WAITING = outcome(prefill=Prefill(PrefillStatus.PENDING))


class Broken(FakePartnerApi):
    """An adapter with a bug."""

    async def fetch(self, call: Any) -> PartnerAnswer:
        raise ZeroDivisionError(f"canary {call}")


class Silent(FakePartnerApi):
    """A partner that never answers."""

    async def fetch(self, call: Any) -> PartnerAnswer:
        await asyncio.Event().wait()
        return await FakePartnerApi.fetch(self, call)


@dataclass(slots=True)
class Fetching:
    """A FetchPrefills over twins, with one session that waits for its call."""

    config: PrefillConfig | None = CONFIG
    answers: tuple[PartnerAnswer | OutsideError, ...] = (ANSWER,)
    clock: FixedClock = field(default_factory=FixedClock)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    api: FakePartnerApi = field(default_factory=FakePartnerApi)
    slept: bool = False
    unreadable: set[str] = field(default_factory=set)

    def claimed(self) -> ClaimedSession:
        """Return the session, claimed for its call."""
        new = new_session()
        self.sessions.add([new], NOW)
        [judged] = self.sessions.claim(Claim(Stage.VERIFY, 1, NOW, NOW + timedelta(seconds=30)))
        self.sessions.finish([move(judged, Stage.FETCH, due_at=NOW, outcome=WAITING, request=request())], NOW)
        return self.claim_again()

    def claim_again(self) -> ClaimedSession:
        now = self.clock.now()
        [session] = self.sessions.claim(Claim(Stage.FETCH, 1, now, now + timedelta(seconds=30)))
        return session

    def step(self) -> FetchPrefills:
        self.api.answers = {"acme": self.answers}
        configuration = replace(MemoryConfiguration.of(partner(prefill=self.config)), unreadable=self.unreadable)
        health = MemoryPartnerHealth(self.sessions.healths)
        return FetchPrefills(
            self.sessions, health, configuration, self.api, self.clock, lambda: 0.5, lambda _: self.slept
        )

    async def work(self, session: ClaimedSession) -> frozenset[str]:
        step = self.step()
        return step.save([await step.call(planned) for planned in step.plan([session])])


async def test_fetch_calls_the_partner_as_it_is_configured() -> None:
    fetching = Fetching()

    await fetching.work(fetching.claimed())

    [call] = fetching.api.calls
    assert call.url == "https://api.acme.example/945645/ada"
    assert (call.method, call.bearer, call.timeout) == ("GET", "access-token", timedelta(seconds=5))
    assert call.form_mapping == {"firstname": "given"}


async def test_fetch_puts_off_whose_partner_cannot_be_read_just_now() -> None:
    fetching = Fetching(unreadable={"acme"})
    session = fetching.claimed()

    with capture_logs() as events:
        await fetching.work(session)

    row = fetching.sessions.rows[session.id]
    assert (row.stage, row.due_at, row.lease_token) == (Stage.FETCH, NOW + timedelta(seconds=5), None)
    assert (row.outcome, row.request, row.error_class) == (WAITING, request(), None)
    assert fetching.api.calls == []
    assert [event["event"] for event in events] == ["prefill.put_off"]


async def test_fetch_that_is_put_off_stays_in_its_class() -> None:
    fetching = Fetching(unreadable={"acme"})
    session = replace(fetching.claimed(), priority=Priority.REPLAY)

    await fetching.work(session)

    assert fetching.sessions.rows[session.id].priority is Priority.REPLAY


async def test_fetch_ends_what_has_expired_though_its_partner_cannot_be_read() -> None:
    fetching = Fetching(unreadable={"acme"})
    session = fetching.claimed()
    fetching.clock.advance(25 * 3600)

    await fetching.work(session)

    row = fetching.sessions.rows[session.id]
    assert (row.stage, row.error_class, fetching.api.calls) == (Stage.DEAD, PrefillReason.DEADLINE, [])


@pytest.mark.parametrize(
    ("authorization", "bearer"),
    [
        pytest.param(Authorization(AuthorizationSource.STATIC, secret="ours"), "ours", id="our-credential"),
        pytest.param(Authorization(AuthorizationSource.NONE), None, id="none"),
        pytest.param(Authorization(AuthorizationSource.TOKEN), "access-token", id="token"),
    ],
)
async def test_fetch_carries_the_configured_credential(authorization: Authorization, bearer: str | None) -> None:
    fetching = Fetching(config=replace(CONFIG, authorization=authorization))

    await fetching.work(fetching.claimed())

    assert fetching.api.calls[0].bearer == bearer


async def test_fetch_of_an_answer_settles_the_session_and_records_the_attempt() -> None:
    fetching = Fetching()
    session = fetching.claimed()

    await fetching.work(session)

    row = fetching.sessions.rows[session.id]
    assert (row.stage, row.request) == (Stage.DONE, None)
    assert row.outcome is not None
    assert (row.outcome.prefill.status, row.outcome.prefill.source) == (PrefillStatus.READY, PrefillSource.PARTNER)
    assert row.outcome.prefill.form == {"firstname": "Ada"}
    [attempt] = fetching.sessions.attempts
    assert (attempt.number, attempt.error_class, attempt.status) == (1, None, 200)


@pytest.mark.parametrize("fault", [None, PrefillReason.HTTP_4XX], ids=["answer", "dead-letter"])
async def test_fetch_tells_still_what_was_left_out_of_the_token(fault: PrefillReason | None) -> None:
    answer = OutsideError(fault) if fault else PartnerAnswer({"firstname": "Ada", "town": []}, {})
    pending = outcome(prefill=Prefill(PrefillStatus.PENDING, warnings=("form.a: value_unusable",)))
    fetching = Fetching(answers=(answer,))
    session = replace(fetching.claimed(), outcome=pending)

    await fetching.work(session)

    settled = fetching.sessions.rows[session.id].outcome
    expected = ["form.a: value_unusable", *([] if fault else ["form.town: value_unusable"])]
    assert settled is not None
    assert list(settled.prefill.warnings) == expected


async def test_fetch_that_may_pass_is_due_again_while_the_participant_waits() -> None:
    fetching = Fetching(answers=(OutsideError(PrefillReason.HTTP_5XX, status=503), ANSWER))
    session = fetching.claimed()

    await fetching.work(session)

    row = fetching.sessions.rows[session.id]
    assert (row.stage, row.priority, row.error_class) == (Stage.FETCH, Priority.FRESH, PrefillReason.HTTP_5XX)
    assert row.due_at == NOW + timedelta(seconds=0.25)
    fetching.clock.advance(0.25)
    await fetching.work(fetching.claim_again())
    assert fetching.sessions.rows[session.id].stage is Stage.DONE
    assert [attempt.number for attempt in fetching.sessions.attempts] == [1, 2]


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        pytest.param(OutsideError(PrefillReason.TIMEOUT), PrefillReason.INTERNAL, id="silence"),
        pytest.param(OutsideError(PrefillReason.HTTP_5XX, status=503), PrefillReason.HTTP_5XX, id="answer"),
    ],
)
async def test_fetch_that_this_process_slept_through_blames_the_partner_for_its_answer_alone(
    error: OutsideError, counted: PrefillReason
) -> None:
    fetching = Fetching(answers=(error, ANSWER), slept=True)
    session = fetching.claimed()

    await fetching.work(session)

    breaker = fetching.sessions.healths["acme"].breaker
    assert [attempt.error_class for attempt in fetching.sessions.attempts] == [counted]
    assert sum(tally.faults for tally in breaker.window) == (counted is PrefillReason.HTTP_5XX)
    assert fetching.sessions.rows[session.id].due_at == NOW + timedelta(seconds=0.25)


async def test_fetch_that_cannot_pass_is_a_dead_letter() -> None:
    fetching = Fetching(answers=(OutsideError(PrefillReason.HTTP_4XX, status=404),))
    session = fetching.claimed()

    await fetching.work(session)

    row = fetching.sessions.rows[session.id]
    assert (row.stage, row.error_class, row.request) == (Stage.DEAD, PrefillReason.HTTP_4XX, request())
    assert row.outcome is not None
    assert (row.outcome.prefill.status, row.outcome.prefill.reason) == (PrefillStatus.UNAVAILABLE, "http_4xx")
    assert row.outcome.verdict == WAITING.verdict


async def test_fetch_for_a_partner_without_an_api_is_a_dead_letter_without_a_call() -> None:
    fetching = Fetching(config=None)
    session = fetching.claimed()

    await fetching.work(session)

    assert fetching.sessions.rows[session.id].error_class is PrefillReason.POLICY
    assert fetching.api.calls == []
    assert fetching.sessions.attempts == []


async def test_fetch_that_crashes_counts_as_our_own_fault_and_tells_no_secret() -> None:
    fetching = Fetching(api=Broken())
    session = fetching.claimed()

    with capture_logs() as events:
        await fetching.work(session)

    assert fetching.sessions.rows[session.id].error_class is PrefillReason.INTERNAL
    assert [event["event"] for event in events] == ["prefill.crashed", "prefill.failed"]
    assert "canary" not in json.dumps(events, default=str)


async def test_fetch_that_a_drain_cuts_off_is_an_attempt_that_blames_nobody() -> None:
    fetching = Fetching(api=Silent())
    claimed = fetching.claimed()
    step = fetching.step()

    call = asyncio.create_task(step.call(step.plan([claimed])[0]))
    await asyncio.sleep(0)
    call.cancel()
    step.save([await call])

    [attempt] = fetching.sessions.attempts
    row = fetching.sessions.rows[claimed.id]
    assert (attempt.number, attempt.error_class) == (1, PrefillReason.INTERNAL)
    assert (row.stage, row.attempts, row.lease_token) == (Stage.FETCH, 1, None)
    assert fetching.sessions.healths["acme"].breaker.window == ()


async def test_fetch_of_a_zombie_changes_no_row_and_still_records_its_call() -> None:
    fetching = Fetching()
    zombie = fetching.claimed()
    fetching.clock.advance(31)
    fetching.claim_again()

    moved = await fetching.work(zombie)

    assert moved == frozenset()
    assert fetching.sessions.rows[zombie.id].stage is Stage.FETCH
    assert len(fetching.sessions.attempts) == 1


async def test_fetch_of_a_session_whose_time_is_over_makes_no_call() -> None:
    fetching = Fetching()
    session = fetching.claimed()
    fetching.clock.advance(3600)  # the access token of the request is good for an hour

    await fetching.work(session)

    row = fetching.sessions.rows[session.id]
    assert (row.stage, row.error_class, fetching.api.calls) == (Stage.DEAD, PrefillReason.DEADLINE, [])


@pytest.mark.parametrize(
    ("is_over", "bearer_expires_at"),
    [pytest.param(True, None, id="told-by-the-claim"), pytest.param(False, NOW, id="no-access-token-any-more")],
)
async def test_fetch_of_a_replay_whose_time_is_over_makes_no_call(
    is_over: bool, bearer_expires_at: datetime | None
) -> None:
    fetching = Fetching()
    call = request(bearer_expires_at=bearer_expires_at)
    replayed = replace(fetching.claimed(), priority=Priority.REPLAY, is_over=is_over, request=call)

    await fetching.work(replayed)

    row = fetching.sessions.rows[replayed.id]
    assert (row.stage, row.error_class) == (Stage.DEAD, PrefillReason.DEADLINE)
    assert fetching.api.calls == []


async def test_fetch_told_to_come_later_pauses_the_partner_and_not_only_the_session() -> None:
    busy = OutsideError(PrefillReason.HTTP_429, status=429, retry_after=timedelta(seconds=90))
    fetching = Fetching(answers=(busy,))

    await fetching.work(fetching.claimed())

    assert fetching.sessions.healths["acme"].pause == Pause(NOW + timedelta(seconds=90), "retry_after")


async def test_fetch_told_different_times_in_one_batch_pauses_the_partner_for_the_longest() -> None:
    told = [OutsideError(PrefillReason.HTTP_429, status=429, retry_after=timedelta(seconds=s)) for s in (30, 90, 60)]
    fetching = Fetching(answers=tuple(told))
    sessions = [fetching.claimed() for _ in told]
    step = fetching.step()

    step.save([await step.call(planned) for planned in step.plan(sessions)])

    assert fetching.sessions.healths["acme"].pause == Pause(NOW + timedelta(seconds=90), "retry_after")


async def test_fetch_told_to_come_next_week_pauses_the_partner_for_an_hour() -> None:
    busy = OutsideError(PrefillReason.HTTP_5XX, status=503, retry_after=timedelta(days=7))
    fetching = Fetching(answers=(busy,))

    await fetching.work(fetching.claimed())

    assert fetching.sessions.healths["acme"].pause == Pause(NOW + timedelta(hours=1), "retry_after")


async def test_fetch_that_fails_again_and_again_opens_the_breaker_and_says_so_once() -> None:
    fetching = Fetching(answers=(OutsideError(PrefillReason.TIMEOUT),))

    with capture_logs() as events:
        for _ in range(20):
            await fetching.work(fetching.claimed())

    health = fetching.sessions.healths["acme"]
    assert state_of(health.breaker, NOW) is BreakerState.OPEN
    assert [event["partner_id"] for event in events if event["event"] == "breaker.opened"] == ["acme"]
    assert recent_errors(health, NOW) == {PrefillReason.TIMEOUT: 20}


async def test_fetch_of_answers_that_refuse_leaves_the_breaker_closed() -> None:
    fetching = Fetching(answers=(OutsideError(PrefillReason.HTTP_4XX, status=404),))

    for _ in range(40):
        await fetching.work(fetching.claimed())

    assert state_of(fetching.sessions.healths["acme"].breaker, NOW) is BreakerState.CLOSED


async def test_fetch_with_an_empty_bank_puts_its_retry_behind_the_fresh_calls() -> None:
    fetching = Fetching(answers=(OutsideError(PrefillReason.HTTP_5XX, status=503),))
    fetching.sessions.healths["acme"] = PartnerHealth(bank=Bucket(0.0, NOW))
    session = fetching.claimed()

    await fetching.work(session)

    row = fetching.sessions.rows[session.id]
    assert (row.stage, row.priority, row.due_at) == (Stage.FETCH, Priority.RETRY, NOW + timedelta(seconds=0.25))


async def test_fetch_with_a_bank_pays_for_the_retry_of_who_waits() -> None:
    fetching = Fetching(answers=(OutsideError(PrefillReason.HTTP_5XX, status=503),))
    fetching.sessions.healths["acme"] = PartnerHealth(bank=Bucket(5.0, NOW))

    await fetching.work(fetching.claimed())

    assert fetching.sessions.healths["acme"].bank == Bucket(4.1, NOW)


async def test_fetch_that_is_a_retry_itself_earns_no_other() -> None:
    fetching = Fetching()
    fetching.sessions.healths["acme"] = PartnerHealth(bank=Bucket(5.0, NOW))

    await fetching.work(replace(fetching.claimed(), attempts=2))

    assert fetching.sessions.healths["acme"].bank == Bucket(5.0, NOW)
