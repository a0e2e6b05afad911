"""Fetch prefills from partners' APIs: plan the calls of a claimed batch, make each, save them together.

A failure never leaves this step as an exception: it is a value, and decides whether and when the call is made again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter

import structlog

from app.domain.breaker import EndedCall, blame
from app.domain.health import PartnerCalls, PartnerHealth, after_batch, pay_waiting_retries
from app.domain.partner import AuthorizationSource, Partner, PrefillConfig
from app.domain.patience import LEAST_POSTPONED, MOST_POSTPONED, look_again_at
from app.domain.prefill import Prefill, PrefillCall, PrefillRequest, expand_url, prefill_from_answer, unavailable
from app.domain.retry import Failure, GiveUp, TryAgain, decide_retry
from app.domain.session import ClaimedSession, Outcome, Priority, SessionMove, Stage
from app.errors import OutsideError
from app.fetch_ports import HealthStore
from app.ports import Attempt, Clock, ConfigurationSource, PartnerApi, SessionQueue
from app.reasons import PrefillReason
from app.values import light_value

_log = structlog.get_logger()


@light_value
class PlannedCall:
    """A claimed session with the call that it needs; None where its partner no longer has an API to call.

    It is put off where its partner's document cannot be read just now.
    """

    session: ClaimedSession
    call: PrefillCall | None = field(repr=False)
    is_put_off: bool = False


@light_value
class Fetched:
    """What a call made of its session, the record of the attempt (None if none was made), and a Retry-After."""

    move: SessionMove
    attempt: Attempt | None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class FetchPrefills:
    """Calls partners for claimed sessions of the stage `fetch`; `jitter` returns a number in [0, 1).

    `stood_still_since` tells whether this process did since a moment of perf_counter.
    """

    queue: SessionQueue
    health: HealthStore
    configuration: ConfigurationSource
    partners: PartnerApi
    clock: Clock
    jitter: Callable[[], float]
    stood_still_since: Callable[[float], bool]

    def plan(self, sessions: Sequence[ClaimedSession]) -> Sequence[PlannedCall]:
        """Return the calls of a claimed batch; one query at most."""
        loaded = self.configuration.load(frozenset(), frozenset(session.partner_id for session in sessions))
        return [
            PlannedCall(
                session,
                _call(session, loaded.partners.get(session.partner_id)),
                is_put_off=session.partner_id in loaded.unreadable_partners,
            )
            for session in sessions
        ]

    async def call(self, planned: PlannedCall) -> Fetched:
        """Make one call and return what it makes of its session; raise nothing, not even where it is cancelled."""
        session = planned.session
        if _is_over(session, self.clock.now()):
            return Fetched(_dead(session, PrefillReason.DEADLINE), None)
        if planned.is_put_off:
            return Fetched(_put_off(session, self.clock.now()), None)
        if planned.call is None or session.outcome is None:
            return Fetched(_dead(session, PrefillReason.POLICY), None)
        started_at, began = self.clock.now(), perf_counter()
        try:
            answer = await self.partners.fetch(planned.call)
            prefill = prefill_from_answer(answer)
        except asyncio.CancelledError:
            return self._cut_off(session, started_at, began)
        except OutsideError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - one session's fault must not end the calls in flight beside it
            _log.error("prefill.crashed", session_id=session.id, error=type(error).__name__)
            failure = OutsideError(PrefillReason.INTERNAL)
        else:
            attempt = _attempt(session, started_at, began, None, answer.status)
            return Fetched(_done(session, session.outcome, prefill), attempt)
        blamed = blame(failure.error_class, slept=self.stood_still_since(began))
        attempt = _attempt(session, started_at, began, blamed, failure.status)
        return Fetched(self._after(session, failure), attempt, failure.retry_after)

    def save(self, fetched: Sequence[Fetched]) -> frozenset[str]:
        """Tell the partners' health, then save moves and attempts in one transaction; return whose lease still held.

        Health comes first, while the leases still count as calls in flight. Where the second transaction fails and
        `save` is called again the calls count twice for health: a breaker may open early, no session is harmed.
        """
        now = self.clock.now()
        saved = self._within_budget(fetched, now)
        attempts = [one.attempt for one in saved if one.attempt is not None]
        moved = self.queue.finish([one.move for one in saved], now, attempts)
        for one in saved:
            _log_attempt(one, is_lost=one.move.id not in moved)
        return moved

    def _within_budget(self, fetched: Sequence[Fetched], now: datetime) -> Sequence[Fetched]:
        """Return `fetched` with those retries that the bank cannot pay for put behind the fresh calls."""
        changes: dict[str, _Noted] = {}
        for one in fetched:
            if one.attempt is not None:
                changes.setdefault(one.attempt.partner_id, _Noted(now, self.jitter())).add(one)
        after = self.health.change(changes, now) if changes else {}
        for partner_id, noted in changes.items():
            _log_breaker(partner_id, noted.before, after[partner_id])
        unpaid = {one.move.id for noted in changes.values() for one in noted.waiting[noted.paid :]}
        return [_behind_fresh(one) if one.move.id in unpaid else one for one in fetched]

    def _cut_off(self, session: ClaimedSession, started_at: datetime, began: float) -> Fetched:
        """Return what a call that we ended ourselves makes of its session: an attempt that blames nobody."""
        attempt = _attempt(session, started_at, began, PrefillReason.INTERNAL, None)
        return Fetched(self._after(session, OutsideError(PrefillReason.INTERNAL), was_cut_off=True), attempt)

    def _after(self, session: ClaimedSession, error: OutsideError, *, was_cut_off: bool = False) -> SessionMove:
        now = self.clock.now()
        failure = Failure(
            error.error_class,
            session.attempts,
            session.received_at,
            session.deadline_at,
            _ends_at(session),
            error.retry_after,
            was_cut_off=was_cut_off,
        )
        match decide_retry(failure, now, self.jitter()):
            case TryAgain(due_at, while_waiting):
                return SessionMove(
                    session.id,
                    session.lease_token,
                    Stage.FETCH,
                    due_at=due_at,
                    priority=Priority.FRESH if while_waiting else Priority.RETRY,
                    outcome=session.outcome,
                    request=session.request,
                    error_class=error.error_class,
                )
            case GiveUp(error_class):
                return _dead(session, error_class)


@dataclass(slots=True)
class _Noted:
    """What a batch means for one partner's health; called once under the lock of its row."""

    now: datetime
    jitter: float
    calls: list[Fetched] = field(default_factory=list)
    waiting: list[Fetched] = field(default_factory=list)
    before: PartnerHealth = field(default_factory=PartnerHealth)
    paid: int = 0

    def add(self, fetched: Fetched) -> None:
        self.calls.append(fetched)
        if fetched.move.stage is Stage.FETCH and fetched.move.priority is Priority.FRESH:
            self.waiting.append(fetched)

    def __call__(self, health: PartnerHealth) -> PartnerHealth:
        self.before = health
        after = after_batch(health, self._summed_up(), self.now, self.jitter)
        paid_for, self.paid = pay_waiting_retries(after, len(self.waiting), self.now)
        return paid_for

    def _summed_up(self) -> PartnerCalls:
        attempts = [one.attempt for one in self.calls if one.attempt is not None]
        return PartnerCalls(
            ended=tuple(EndedCall(attempt.started_at, attempt.error_class) for attempt in attempts),
            first_tries=sum(attempt.number == 1 for attempt in attempts),
            retry_after=max((one.retry_after for one in self.calls if one.retry_after), default=None),
        )


def prefill_call(partner: Partner, request: PrefillRequest, campaign_id: str) -> PrefillCall | None:
    """Return the call that `request` asks for; None where the partner has no API to call."""
    config = partner.prefill
    if config is None:
        return None
    return PrefillCall(
        partner_id=partner.id,
        url=expand_url(config.url, request.sub, campaign_id),
        method=config.method,
        bearer=_bearer(config, request.bearer),
        timeout=config.timeout,
        max_concurrency=config.max_concurrency,
        form_mapping=config.form_mapping,
        optin_mapping=config.optin_mapping,
    )


def _behind_fresh(fetched: Fetched) -> Fetched:
    return replace(fetched, move=replace(fetched.move, priority=Priority.RETRY))


def _ends_at(session: ClaimedSession) -> datetime:
    """Return when the session or its access token is good for nothing more."""
    bearer_ends_at = session.request.bearer_expires_at if session.request else None
    return min(session.expires_at, bearer_ends_at or session.expires_at)


def _is_over(session: ClaimedSession, now: datetime) -> bool:
    """Tell whether a call would be for nobody; who replays an expired session by force wants what is behind it."""
    bearer_ends_at = session.request.bearer_expires_at if session.request else None
    if session.priority is Priority.REPLAY:  # the claim tells by `is_over` of sessions that were not forced
        return session.is_over or (bearer_ends_at is not None and now >= bearer_ends_at)
    return session.is_over or now >= _ends_at(session)


def _call(session: ClaimedSession, partner: Partner | None) -> PrefillCall | None:
    if partner is None or session.request is None:
        return None
    return prefill_call(partner, session.request, session.campaign_id)


def _bearer(config: PrefillConfig, carried: str | None) -> str | None:
    match config.authorization.source:
        case AuthorizationSource.STATIC:
            return config.authorization.secret
        case AuthorizationSource.NONE:
            return None
        case AuthorizationSource.CLAIM | AuthorizationSource.TOKEN:
            return carried


def _done(session: ClaimedSession, outcome: Outcome, prefill: Prefill) -> SessionMove:
    return SessionMove(session.id, session.lease_token, Stage.DONE, outcome=outcome.with_prefill(prefill))


def _put_off(session: ClaimedSession, now: datetime) -> SessionMove:
    again_at = look_again_at(session.received_at, now, LEAST_POSTPONED, MOST_POSTPONED)
    return SessionMove(session.id, session.lease_token, Stage.FETCH, due_at=again_at, priority=session.priority)


def _dead(session: ClaimedSession, error_class: PrefillReason) -> SessionMove:
    outcome = session.outcome and session.outcome.with_prefill(unavailable(error_class))
    return SessionMove(
        session.id,
        session.lease_token,
        Stage.DEAD,
        outcome=outcome,
        request=session.request,
        error_class=error_class,
    )


def _attempt(
    session: ClaimedSession, started_at: datetime, began: float, error_class: PrefillReason | None, status: int | None
) -> Attempt:
    duration = timedelta(seconds=perf_counter() - began)
    return Attempt(session.id, session.partner_id, session.attempts, started_at, duration, error_class, status)


def _log_breaker(partner_id: str, before: PartnerHealth, after: PartnerHealth) -> None:
    was_open, is_open = before.breaker.opened_until, after.breaker.opened_until
    if is_open is not None and is_open != was_open:
        _log.warning(
            "breaker.opened", partner_id=partner_id, until=is_open.isoformat(), openings=after.breaker.openings
        )
    elif is_open is None and was_open is not None:
        _log.info("breaker.closed", partner_id=partner_id)


def _log_attempt(fetched: Fetched, *, is_lost: bool) -> None:
    move, attempt = fetched.move, fetched.attempt
    if attempt is None:
        event = "prefill.dropped" if move.stage is Stage.DEAD else "prefill.put_off"
        _log.warning(event, session_id=move.id, error_class=move.error_class)
        return
    _log.info(
        "prefill.failed" if attempt.error_class else "prefill.fetched",
        session_id=move.id,
        partner_id=attempt.partner_id,
        attempt=attempt.number,
        duration_ms=round(attempt.duration.total_seconds() * 1000, 1),
        error_class=attempt.error_class,
        status=attempt.status,
        next_stage=move.stage,
        lease_lost=is_lost,
    )
