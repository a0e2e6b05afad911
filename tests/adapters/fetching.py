"""Sessions that wait for a partner's answer, put into any implementation of the stores."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.domain.breaker import EndedCall
from app.domain.health import PartnerCalls, PartnerLimits, after_batch
from app.domain.prefill import PrefillRequest
from app.domain.session import ClaimedSession, Priority, Stage
from app.fetch_ports import FetchClaim, FetchClaimed
from app.ports import Claim
from app.reasons import PrefillReason
from tests.adapters.stores import Stores
from tests.builders import NOW, move, new_session, outcome, replay, request

LEASE = timedelta(seconds=30)
LATER = NOW + timedelta(seconds=2)
WIDE = PartnerLimits(max_concurrency=10_000)


def waiting(
    stores: Stores,
    number: int = 1,
    partner_id: str = "acme",
    priority: Priority = Priority.FRESH,
    due_at: datetime = NOW,
    call: PrefillRequest | None = None,
    **changes: object,
) -> list[str]:
    """Put `number` sessions into the stage `fetch`; return their ids in the order of the queue."""
    sessions = [new_session(partner_id=partner_id, **changes) for _ in range(number)]
    stores.intake.add(sessions, NOW)
    leases = stores.queue.claim(Claim(Stage.VERIFY, number, NOW, NOW + LEASE))
    moves = [
        move(
            session,
            Stage.FETCH,
            due_at=due_at + timedelta(microseconds=place),
            priority=priority,
            outcome=outcome(),
            request=call or request(),
        )
        for place, session in enumerate(leases)
    ]
    stores.queue.finish(moves, NOW)
    return [session.id for session in leases]


def claim_fairly(
    stores: Stores,
    limits: Mapping[str, PartnerLimits] | None = None,
    limit: int = 256,
    now: datetime = LATER,
    turn: float = 0.0,
    *,
    alone: bool = False,
) -> FetchClaimed:
    """Claim by default for the partner `acme`, without limits of its own."""
    return stores.fetches.claim_fairly(FetchClaim(limits or {"acme": WIDE}, limit, now, now + LEASE, turn, alone))


def failed(stores: Stores, number: int = 1) -> list[str]:
    """Put sessions of `acme` whose call failed into the stage `fetch`, as retries due at LATER; return their ids."""
    waiting(stores, number)
    called = claim_fairly(stores, limit=number).sessions
    retry = {"due_at": LATER, "priority": Priority.RETRY, "error_class": PrefillReason.TIMEOUT}
    moves = [move(one, Stage.FETCH, request=one.request, **retry) for one in called]
    stores.queue.finish(moves, LATER)
    return [session.id for session in called]


def replayed(stores: Stores, expires_at: datetime, *, force: bool) -> str:
    """Put a dead letter of `acme` that a replay took up into the stage `fetch`, due at LATER; return its id."""
    waiting(stores, call=request(bearer_expires_at=None), expires_at=expires_at)
    [session] = claim_fairly(stores, now=NOW + timedelta(milliseconds=1)).sessions
    stores.queue.finish([move(session, Stage.DEAD, request=session.request)], NOW)
    started = replay(force=force)
    stores.replays.add(started)
    stores.replay_queue.advance(started, replace(started, cursor=session.id), [session.id], LATER)
    return session.id


def finish(stores: Stores, sessions: Sequence[ClaimedSession], now: datetime = LATER) -> None:
    """Settle `sessions`."""
    stores.queue.finish([move(session) for session in sessions], now)


def open_breaker(stores: Stores, partner_id: str = "acme", now: datetime = LATER) -> None:
    """Let 20 calls fail."""
    calls = PartnerCalls(tuple(EndedCall(now, PrefillReason.TIMEOUT) for _ in range(20)))
    stores.health.change({partner_id: lambda health: after_batch(health, calls, now, 0.0)}, now)


def end_calls(stores: Stores, number: int, now: datetime) -> None:
    """Let calls of `acme` that began now go well."""
    calls = PartnerCalls(tuple(EndedCall(now) for _ in range(number)))
    stores.health.change({"acme": lambda health: after_batch(health, calls, now, 0.0)}, now)
