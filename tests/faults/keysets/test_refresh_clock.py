"""What takes minutes or hours, on real databases with a moved clock: the budget of unknown kids, and the spread."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.adapters.database.engine import Database
from app.adapters.database.keysets import SqlKeysets
from app.domain.keyset import KeysetPolicy
from app.domain.keyset_refresh import KeysetAnswer
from app.steps.refresh import RefreshKeysets
from tests.fakes import FixedClock, RecordingHints
from tests.journey.tokens import Signer

SOURCES = 1000
POLICY = KeysetPolicy()
TICK_SECONDS = 15
_DOCUMENT = {"keys": [Signer.make("ES256", kid="only").jwk]}
_SOURCE = "https://acme.example/jwks.json"


@dataclass(slots=True)
class TimedJwks:
    """Every source has the same good set; `fetched_at` keeps when it was asked for."""

    clock: FixedClock
    fetched_at: list[datetime] = field(default_factory=list)

    async def fetch(self, url: str, etag: str | None, last_modified: str | None) -> KeysetAnswer:
        """Answer."""
        del url, etag, last_modified
        self.fetched_at.append(self.clock.now())
        return KeysetAnswer(_DOCUMENT)


def refreshing(keysets: SqlKeysets, jwks: TimedJwks) -> RefreshKeysets:
    """Return the step with a jitter that is the same in each run."""
    return RefreshKeysets(keysets, jwks, RecordingHints(), jwks.clock, POLICY, random.Random(2027).random)  # noqa: S311 it spreads, and hides nothing


async def test_invented_kids_from_all_processes_cost_ten_requests_in_any_ten_minutes(database: Database) -> None:
    clock = FixedClock()
    processes = [SqlKeysets(database, POLICY) for _ in range(2)]
    jwks = TimedJwks(clock)
    refresh = refreshing(processes[0], jwks)
    processes[0].ask({_SOURCE: frozenset()}, clock.now())
    await refresh()
    jwks.fetched_at.clear()

    for second in range(0, 1300, 10):
        clock.advance(10)
        for number, process in enumerate(processes):
            process.ask({_SOURCE: frozenset({f"invented-{second}-{number}"})}, clock.now())
        await refresh()

    windows = [_within(jwks.fetched_at, begin, timedelta(minutes=10)) for begin in jwks.fetched_at]
    cooldowns = [_within(jwks.fetched_at, begin, POLICY.kid_cooldown) for begin in jwks.fetched_at]
    assert max(windows) == 10
    assert max(cooldowns) == 1


async def test_thousand_sources_refreshed_together_are_refreshed_apart_the_next_time(database: Database) -> None:
    clock = FixedClock()
    keysets = SqlKeysets(database, POLICY)
    jwks = TimedJwks(clock)
    refresh = refreshing(keysets, jwks)
    sources = frozenset(f"https://partner-{number}.example/jwks.json" for number in range(SOURCES))
    keysets.ask(dict.fromkeys(sources, frozenset()), clock.now())

    while await refresh():
        pass

    due_at = sorted(due for keyset in keysets.load(sources).values() if (due := keyset.refresh_at))
    ticks = Counter(round((due - clock.now()).total_seconds()) // TICK_SECONDS for due in due_at)
    assert len(jwks.fetched_at) == len(due_at) == SOURCES
    assert round((due_at[-1] - due_at[0]) / POLICY.default_ttl, 2) >= 0.20
    assert max(ticks.values()) <= SOURCES / 20  # an even spread puts 21 on each tick of beat


def _within(moments: list[datetime], begin: datetime, length: timedelta) -> int:
    return sum(begin <= moment < begin + length for moment in moments)
