"""The life of a key set against a plain model: whatever happens in whatever order, four things always hold.

Served means not yet expired; after a good fetch there are always keys; versions only grow; a revoked key is never
served.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.domain.keyset import (
    Keyset,
    KeysetMode,
    KeysetPolicy,
    Park,
    Refuse,
    Serve,
    decide_lookup,
    is_served,
    may_ask,
)
from app.domain.keyset_history import thumbprint_of
from app.domain.keyset_kids import judge_asked, with_asked_kids
from app.domain.keyset_override import after_pin, after_revoke, after_unpin
from app.domain.keyset_refresh import (
    KeysetAnswer,
    after_ask,
    after_failure,
    after_not_modified,
    after_request,
    after_success,
)
from app.reasons import TokenReason
from tests.builders import jwk

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
POLICY = KeysetPolicy()
KIDS = ("a", "b", "c", "d")
JITTER = st.floats(min_value=0, max_value=0.999)
SETS = st.sets(st.sampled_from(KIDS[:3]), min_size=1).map(sorted)


class KeysetLife(RuleBasedStateMachine):
    """Beside the record stands what a plain mind would keep: what is published, until when, and what was revoked."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.keyset = Keyset("https://acme.example/jwks.json", refresh_at=START)
        self.expected: set[str] = set()
        self.ends_at: datetime | None = None
        self.is_pinned = False
        self.revoked: set[str] = set()
        self.highest_version = 0
        self.asked: list[datetime] = []

    @rule(seconds=st.integers(min_value=0, max_value=100_000))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(kids=SETS, max_age=st.none() | st.integers(min_value=0, max_value=10**6), jitter=JITTER)
    def good_fetch(self, kids: list[str], max_age: int | None, jitter: float) -> None:
        if self.is_pinned:
            return
        keys = tuple(jwk(kid) for kid in kids)
        answer = KeysetAnswer({}, max_age=None if max_age is None else timedelta(seconds=max_age))
        fetched = after_success(self.keyset, keys, (), answer, self.now, jitter, POLICY)
        self.keyset = judge_asked(fetched, self.keyset.asked_kids, POLICY)
        self.expected = set(kids)
        self.ends_at = self.now + timedelta(hours=24)

    @rule(jitter=JITTER)
    def not_modified(self, jitter: float) -> None:
        if self.keyset.fetched_at is None:
            return
        extended = after_not_modified(self.keyset, KeysetAnswer(None), self.now, jitter, POLICY)
        self.keyset = judge_asked(extended, self.keyset.asked_kids, POLICY)
        self.ends_at = self.now + timedelta(hours=24)

    @rule(jitter=JITTER, retry_after=st.none() | st.integers(min_value=0, max_value=10**6))
    def failed_fetch(self, jitter: float, retry_after: int | None) -> None:
        if self.is_pinned:
            return
        wanted = None if retry_after is None else timedelta(seconds=retry_after)
        failed = after_failure(self.keyset, "timeout", self.now, self.now, jitter, wanted, POLICY)
        self.keyset = judge_asked(failed, self.keyset.asked_kids, POLICY)
        assert failed.refresh_at is not None
        assert failed.refresh_at <= self.now + POLICY.retry_after_cap

    @rule(kid=st.sampled_from(KIDS))
    def kid_is_asked_for(self, kid: str) -> None:
        if may_ask(self.keyset, self.now, POLICY):
            self.asked.append(self.now)
            self.keyset = with_asked_kids(after_ask(self.keyset, self.now, POLICY), frozenset({kid}), self.now, POLICY)

    @rule()
    def operator_asks(self) -> None:
        if not self.is_pinned:
            self.keyset = after_request(self.keyset, self.now)

    @rule(kids=SETS)
    def operator_pins(self, kids: list[str]) -> None:
        self.keyset = after_pin(self.keyset, tuple(jwk(kid) for kid in kids))
        self.expected, self.ends_at, self.is_pinned = set(kids), None, True

    @rule()
    def operator_unpins(self) -> None:
        self.keyset = after_unpin(self.keyset, self.now)
        self.expected, self.ends_at, self.is_pinned = set(), None, False

    @rule(kid=st.sampled_from(KIDS))
    def operator_revokes(self, kid: str) -> None:
        self.keyset = after_revoke(self.keyset, frozenset({thumbprint_of(jwk(kid))}))
        self.revoked.add(kid)

    @invariant()
    def is_served_as_the_model_says(self) -> None:
        is_within = self.ends_at is not None and self.now < self.ends_at
        assert is_served(self.keyset, self.now) is (self.is_pinned or is_within)
        if is_served(self.keyset, self.now):
            assert {key["kid"] for key in self.keyset.keys} == self.expected != set()
            assert self.keyset.mode is KeysetMode.PINNED or self.now < (self.keyset.stale_until or START)

    @invariant()
    def versions_only_grow(self) -> None:
        assert self.keyset.version >= self.highest_version
        self.highest_version = self.keyset.version

    @invariant()
    def revoked_key_is_never_served(self) -> None:
        usable = {key["kid"] for key in self.keyset.keys if thumbprint_of(key) not in self.keyset.revoked}
        assert usable.isdisjoint(self.revoked)

    @invariant()
    def every_token_has_an_end_to_its_wait(self) -> None:
        for kid in KIDS:
            match decide_lookup(self.keyset, kid, self.now, None, self.now, POLICY):
                case Serve():
                    assert kid in self.expected
                case Park(until):
                    assert self.now < until <= self.now + POLICY.park_outage
                case Refuse(reason):
                    assert reason is TokenReason.KID_UNKNOWN

    @invariant()
    def asking_keeps_to_its_budget(self) -> None:
        assert sum(asked > self.now - timedelta(minutes=10) for asked in self.asked) <= 10


TestKeysetLife = pytest.mark.filterwarnings("error")(KeysetLife.TestCase)
TestKeysetLife.settings = settings(max_examples=100, stateful_step_count=30)


def test_machine_notices_a_revoked_key_that_is_served() -> None:
    life = KeysetLife()
    life.good_fetch(["a"], None, 0.5)
    life.operator_revokes("a")

    life.keyset = replace(life.keyset, revoked=frozenset())

    with pytest.raises(AssertionError):
        life.revoked_key_is_never_served()
