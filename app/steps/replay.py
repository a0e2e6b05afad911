"""Replay dead letters: count and start, then take them up at the replay's rate, a step at a time.

The set is frozen when a replay starts: what was dead then, in the order of the store, up to the last. A saved cursor
goes through it once, so what fails again does not come back into it. When a call is made is not decided here: breaker
and limits apply to these calls as to all others; their own rate stands for the budget, which pays for what fails again.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.domain.dead_letter import LetterGroup, place_of
from app.domain.replay import (
    Replay,
    ReplayCounts,
    ReplayFilter,
    ReplayOrder,
    ReplayState,
    choose,
    count_replay,
    pace,
)
from app.management_ports import AuditLog, DeadLetters, DocumentKind, DocumentStore, ReplayQueue, ReplayStore
from app.ports import Clock, Hints, Leases, Work
from app.steps.authorize import Caller
from app.steps.configure import find_document
from app.steps.dead_letters import narrowed
from app.steps.partners import find_partner

_log = structlog.get_logger()

ID_PREFIX: Final = "rpl_"
_ID_BYTES = 12
_LEASE = timedelta(seconds=0.5)
"""Below the second between two rounds, so that a worker which died is missed for one of them."""
_LOOK_AHEAD = 500
"""Dead letters that one round may pass over beside those that it takes up."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay will do; `replay_id` is None where it was only asked for."""

    replay_id: str | None
    counts: ReplayCounts


@dataclass(frozen=True, slots=True)
class StartReplay:
    """Starts replays; `entropy` returns that many random bytes."""

    documents: DocumentStore
    letters: DeadLetters
    replays: ReplayStore
    audit: AuditLog
    clock: Clock
    entropy: Callable[[int], bytes] = os.urandom

    def __call__(self, order: ReplayOrder, caller: Caller) -> ReplayPlan:
        """Freeze the set and start, or only count it; raise PartnerUnknown, CampaignUnknown or ReplayActive."""
        if order.filter.partner_id is not None:
            find_partner(self.documents, order.filter.partner_id, caller)
        now = self.clock.now()
        wanted = narrowed(order.filter, caller)
        groups = self.letters.count(wanted, now)
        counts = count_replay(groups, force=order.force)
        if not counts.matched and wanted.campaign_id is not None:  # what a deleted one left can be replayed
            find_document(self.documents, DocumentKind.CAMPAIGN, wanted.campaign_id, caller)
        if order.dry_run:
            return ReplayPlan(None, counts)
        replay = self._replay(replace(order, filter=wanted), counts, _only_partner(wanted, groups), caller, now)
        detail = {"matched": counts.matched, "rate_per_second": order.rate_per_second, "force": order.force}
        with self.audit.together():
            self.replays.add(replay)
            self.audit.add(caller.did("replay.started", replay.id, now, detail, replay.partner_id or None))
        return ReplayPlan(replay.id, counts)

    def _replay(
        self, order: ReplayOrder, counts: ReplayCounts, partner_id: str, caller: Caller, now: datetime
    ) -> Replay:
        return Replay(
            id=ID_PREFIX + self.entropy(_ID_BYTES).hex(),
            partner_id=partner_id,
            filter=order.filter,
            actor=caller.client_id,
            rate_per_second=order.rate_per_second,
            force=order.force,
            state=ReplayState.RUNNING if counts.matched else ReplayState.DONE,
            frozen_at=now,
            matched=counts.matched,
            paced_at=now,
            created_at=now,
            updated_at=now,
        )


@dataclass(frozen=True, slots=True)
class AdvanceReplays:
    """Takes up what the rates of all running replays allow now."""

    replays: ReplayQueue
    leases: Leases
    hints: Hints
    clock: Clock

    def __call__(self) -> int:
        """Return how many dead letters were released; none where another process is at it."""
        now = self.clock.now()
        running = self.replays.load_running()
        if not running or not self.leases.take("replays", now, now + _LEASE):
            return 0
        released = sum(self._advance(replay, now) for replay in running)
        if released:
            self.hints.ring(Work.FETCH, released)
        return released

    def _advance(self, replay: Replay, now: datetime) -> int:
        allowed = pace(replay, now)
        if not allowed.rows:
            return 0
        limit = allowed.rows + _LOOK_AHEAD
        letters = self.replays.load_next(replay, limit)
        choice = choose(letters, allowed.rows, now, force=replay.force)
        is_through = choice.seen == len(letters) < limit
        after = replace(
            replay,
            state=ReplayState.DONE if is_through else replay.state,
            cursor=place_of(letters[choice.seen - 1]) if choice.seen else replay.cursor,
            skipped=replay.skipped + choice.skipped,
            paced_at=allowed.paid(len(choice.taken)),
        )
        released = self.replays.advance(replay, after, choice.taken, now)
        if released is None:
            return 0
        _log.info(
            "replay.finished" if is_through else "replay.advanced",
            replay_id=replay.id,
            released=released,
            skipped=choice.skipped,
        )
        return released


def _only_partner(wanted: ReplayFilter, groups: Sequence[LetterGroup]) -> str:
    """Return the partner whose dead letters are meant, empty if there are several."""
    partners = {wanted.partner_id} if wanted.partner_id else {group.partner_id for group in groups}
    return partners.pop() or "" if len(partners) == 1 else ""
