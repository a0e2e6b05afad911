"""Fetch prefills from partners' APIs: plan the calls of a claimed batch, make each, save them together.

A failure never leaves this step as an exception: it is a value, and decides whether and when the call is made again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter

import structlog

from app.domain.partner import AuthorizationSource, Partner, PrefillConfig
from app.domain.prefill import Prefill, PrefillCall, expand_url, prefill_from_answer, unavailable
from app.domain.retry import Failure, GiveUp, TryAgain, decide_retry
from app.domain.session import ClaimedSession, Outcome, Priority, SessionMove, Stage
from app.errors import OutsideError
from app.ports import Attempt, Clock, ConfigurationSource, PartnerApi, SessionQueue
from app.reasons import PrefillReason

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A claimed session with the call that it needs; None where its partner no longer has an API to call."""

    session: ClaimedSession
    call: PrefillCall | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a call made of its session, and the record of the attempt (None if none was made)."""

    move: SessionMove
    attempt: Attempt | None


@dataclass(frozen=True, slots=True)
class FetchPrefills:
    """Calls partners for claimed sessions of the stage `fetch`; `jitter` returns a number in [0, 1)."""

    queue: SessionQueue
    configuration: ConfigurationSource
    partners: PartnerApi
    clock: Clock
    jitter: Callable[[], float]

    def plan(self, sessions: Sequence[ClaimedSession]) -> Sequence[PlannedCall]:
        """Return the calls of a claimed batch; one query at most."""
        configuration = self.configuration.load(frozenset(), frozenset(session.partner_id for session in sessions))
        return [
            PlannedCall(session, _call(session, configuration.partners.get(session.partner_id))) for session in sessions
        ]

    async def call(self, planned: PlannedCall) -> Fetched:
        """Make one call and return what it makes of its session; raise nothing but a cancellation."""
        session = planned.session
        if planned.call is None or session.outcome is None:
            return Fetched(_dead(session, PrefillReason.POLICY), None)
        started_at, began = self.clock.now(), perf_counter()
        try:
            answer = await self.partners.fetch(planned.call)
            prefill = prefill_from_answer(answer)
        except OutsideError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - one session's fault must not end the calls in flight beside it
            _log.error("prefill.crashed", session_id=session.id, error=type(error).__name__)
            failure = OutsideError(PrefillReason.INTERNAL)
        else:
            attempt = _attempt(session, started_at, began, None, answer.status)
            return Fetched(_done(session, session.outcome, prefill), attempt)
        attempt = _attempt(session, started_at, began, failure.error_class, failure.status)
        return Fetched(self._after(session, failure), attempt)

    def save(self, fetched: Sequence[Fetched]) -> frozenset[str]:
        """Save moves and attempts in one transaction; return the ids of the sessions whose lease still held."""
        attempts = [one.attempt for one in fetched if one.attempt is not None]
        moved = self.queue.finish([one.move for one in fetched], self.clock.now(), attempts)
        for one in fetched:
            _log_attempt(one, is_lost=one.move.id not in moved)
        return moved

    def _after(self, session: ClaimedSession, error: OutsideError) -> SessionMove:
        now = self.clock.now()
        bearer_ends_at = session.request.bearer_expires_at if session.request else None
        failure = Failure(
            error.error_class,
            session.attempts,
            session.received_at,
            session.deadline_at,
            min(session.expires_at, bearer_ends_at or session.expires_at),
            error.retry_after,
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


def _call(session: ClaimedSession, partner: Partner | None) -> PrefillCall | None:
    if partner is None or partner.prefill is None or session.request is None:
        return None
    config = partner.prefill
    return PrefillCall(
        partner_id=partner.id,
        url=expand_url(config.url, session.request.sub, session.campaign_id),
        method=config.method,
        bearer=_bearer(config, session.request.bearer),
        timeout=config.timeout,
        max_concurrency=config.max_concurrency,
        form_mapping=config.form_mapping,
        optin_mapping=config.optin_mapping,
    )


def _bearer(config: PrefillConfig, carried: str | None) -> str | None:
    match config.authorization.source:
        case AuthorizationSource.STATIC:
            return config.authorization.secret
        case AuthorizationSource.NONE:
            return None
        case AuthorizationSource.CLAIM | AuthorizationSource.TOKEN:
            return carried


def _done(session: ClaimedSession, outcome: Outcome, prefill: Prefill) -> SessionMove:
    return SessionMove(session.id, session.lease_token, Stage.DONE, outcome=replace(outcome, prefill=prefill))


def _dead(session: ClaimedSession, error_class: PrefillReason) -> SessionMove:
    outcome = session.outcome and replace(session.outcome, prefill=unavailable(error_class))
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


def _log_attempt(fetched: Fetched, *, is_lost: bool) -> None:
    move, attempt = fetched.move, fetched.attempt
    if attempt is None:
        _log.warning("prefill.dropped", session_id=move.id, error_class=move.error_class)
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
