"""How dead letters and replays are shown, over HTTP and by the command line alike; nothing of a person."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar

from app.domain.dead_letter import LetterFilter
from app.domain.session import rfc3339
from app.steps.dead_letters import ListedLetter
from app.steps.replay import ReplayPlan
from app.steps.steer_replay import ReplayProgress

Name = TypeVar("Name", bound=str)


def letter_view(listed: ListedLetter) -> dict[str, object]:
    """Return an item of the list of dead letters; `skip_reason` says why it is not `replayable` without force."""
    letter = listed.letter
    return {
        "session_id": letter.session_id,
        "partner_id": letter.partner_id,
        "campaign_id": letter.campaign_id,
        "error_class": letter.error_class,
        "attempts": letter.attempts,
        "received_at": rfc3339(letter.received_at),
        "died_at": rfc3339(letter.died_at),
        "expires_at": rfc3339(letter.expires_at),
        "replayable": listed.skip_reason is None,
        "skip_reason": listed.skip_reason,
    }


def plan_view(plan: ReplayPlan) -> dict[str, object]:
    """Return what a replay will do."""
    counts = plan.counts
    return {
        "replay_id": plan.replay_id,
        "matched": counts.matched,
        "skipped": counts.skipped,
        "by_error_class": _sorted(counts.by_error_class),
        "by_skip_reason": _sorted(counts.by_skip_reason),
    }


def progress_view(progress: ReplayProgress) -> dict[str, object]:
    """Return how far a replay is; matched = moved + skipped + left, and of those moved so many wait, are done, dead."""
    replay = progress.replay
    return {
        "replay_id": replay.id,
        "state": replay.state,
        "filter": _filter(replay.filter),
        "rate_per_second": _plain(replay.rate_per_second),
        "force": replay.force,
        "started_by": replay.actor,
        "matched": replay.matched,
        "moved": replay.moved,
        "skipped": replay.skipped,
        "left": replay.left,
        "waiting": progress.waiting,
        "done": progress.done,
        "dead": progress.dead,
        "created_at": rfc3339(replay.created_at),
        "updated_at": rfc3339(replay.updated_at),
    }


def _filter(letters: LetterFilter) -> dict[str, object]:
    members = asdict(letters).items()
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in members if value}


def _sorted(counts: Mapping[Name, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}


def _plain(rate: float) -> float:
    return int(rate) if float(rate).is_integer() else rate  # 20 stays 20, although it is stored as 20.0
