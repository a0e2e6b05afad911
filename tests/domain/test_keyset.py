"""The life of a key set: its states, what an unknown kid means, and what may never happen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.keyset import (
    Keyset,
    KeysetMode,
    KeysetPolicy,
    KeysetState,
    Park,
    Refuse,
    Serve,
    decide_lookup,
    is_served,
    keyset_state,
    may_ask,
    source_label,
)
from app.domain.keyset_kids import with_missing_kids
from app.domain.keyset_refresh import (
    KeysetAnswer,
    after_ask,
    after_failure,
    after_not_modified,
    after_request,
    after_success,
    ttl_of,
)
from app.reasons import TokenReason

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
POLICY = KeysetPolicy()
EMPTY = Keyset("https://acme.example/jwks")
KEYS = ({"kid": "one", "kty": "RSA"},)
ANSWER = KeysetAnswer(document={}, max_age=timedelta(hours=1))
GOOD = after_success(EMPTY, KEYS, (), ANSWER, START, 0.5, POLICY)
FAILING = after_failure(
    GOOD, "http_503", START + timedelta(minutes=42), START + timedelta(minutes=42), 0.5, timedelta(minutes=5), POLICY
)
FETCHING = replace(EMPTY, attempted_at=START, refresh_at=START)
EXHAUSTED = replace(GOOD, asked_at=tuple(START - timedelta(seconds=30 * n) for n in range(10, 0, -1)))


def at(**elapsed: float) -> datetime:
    return START + timedelta(**elapsed)


@pytest.mark.parametrize(
    ("keyset", "now", "state"),
    [
        pytest.param(EMPTY, at(), KeysetState.EMPTY, id="never-fetched"),
        pytest.param(GOOD, at(minutes=41), KeysetState.FRESH, id="within-its-ttl"),
        pytest.param(GOOD, at(minutes=42), KeysetState.DUE, id="refresh-ahead"),
        pytest.param(FAILING, at(minutes=44), KeysetState.BACKOFF, id="refresh-ahead-failed"),
        pytest.param(FAILING, at(minutes=47), KeysetState.DUE, id="tried-again"),
        pytest.param(FAILING, at(minutes=60), KeysetState.STALE, id="failing-and-ttl-over"),
        pytest.param(GOOD, at(minutes=60), KeysetState.STALE, id="ttl-over"),
        pytest.param(GOOD, at(hours=24), KeysetState.EXPIRED, id="staleness-bounded"),
        pytest.param(replace(GOOD, mode=KeysetMode.PINNED), at(days=99), KeysetState.PINNED, id="pinned"),
        pytest.param(replace(GOOD, mode=KeysetMode.DISABLED), at(), KeysetState.DISABLED, id="disabled"),
    ],
)
def test_keyset_state_follows_from_its_times(keyset: Keyset, now: datetime, state: KeysetState) -> None:
    assert keyset_state(keyset, now) is state


@pytest.mark.parametrize(
    ("answer", "ttl"),
    [
        pytest.param(KeysetAnswer({}), timedelta(hours=1), id="no-max-age"),
        pytest.param(KeysetAnswer({}, max_age=timedelta(seconds=1)), timedelta(minutes=5), id="too-short"),
        pytest.param(KeysetAnswer({}, max_age=timedelta(days=9)), timedelta(hours=24), id="too-long"),
        pytest.param(
            KeysetAnswer({}, max_age=timedelta(hours=2), age=timedelta(hours=1)), timedelta(hours=1), id="less-age"
        ),
        pytest.param(KeysetAnswer({}, max_age=timedelta(hours=2), no_store=True), timedelta(minutes=5), id="no-store"),
    ],
)
def test_ttl_is_held_within_bounds(answer: KeysetAnswer, ttl: timedelta) -> None:
    assert ttl_of(answer, POLICY) == ttl


def test_good_fetch_replaces_the_set_whole_and_grows_the_version() -> None:
    other = ({"kid": "two", "kty": "RSA"},)

    replaced = after_success(GOOD, other, (), ANSWER, at(hours=1), 0.5, POLICY)
    same = after_success(GOOD, KEYS, (), ANSWER, at(hours=1), 0.5, POLICY)

    assert (replaced.version, replaced.keys) == (2, other)
    assert (same.version, same.fetched_at) == (1, at(hours=1))


def test_not_modified_extends_the_times_and_nothing_else() -> None:
    extended = after_not_modified(GOOD, KeysetAnswer(None), at(minutes=45), 0.5, POLICY)

    assert extended.fresh_until == at(minutes=105)
    assert (extended.version, extended.keys, extended.etag) == (GOOD.version, GOOD.keys, GOOD.etag)


@pytest.mark.parametrize(
    ("answer", "fresh_for"),
    [
        pytest.param(KeysetAnswer(None), timedelta(minutes=10), id="says-nothing"),
        pytest.param(KeysetAnswer(None, age=timedelta(minutes=9)), timedelta(minutes=10), id="says-its-age-alone"),
        pytest.param(KeysetAnswer(None, max_age=timedelta(hours=2)), timedelta(hours=2), id="says-another"),
        pytest.param(KeysetAnswer(None, no_store=True), POLICY.min_ttl, id="not-to-be-stored"),
    ],
)
def test_not_modified_that_says_nothing_of_its_freshness_leaves_it_as_it_was(
    answer: KeysetAnswer, fresh_for: timedelta
) -> None:
    before = after_success(GOOD, KEYS, (), KeysetAnswer({}, max_age=timedelta(minutes=10)), at(), 0.5, POLICY)

    once = after_not_modified(before, answer, at(minutes=8), 0.5, POLICY)

    assert once.fresh_until == at(minutes=8) + fresh_for


def test_failed_fetch_keeps_the_keys_and_backs_off() -> None:
    failed = GOOD
    delays = []
    for _ in range(8):
        failed = after_failure(failed, "timeout", at(), at(), 1.0, None, POLICY)
        delays.append(failed.refresh_at and (failed.refresh_at - START).total_seconds())

    assert failed.keys == KEYS
    assert failed.failures == 8
    assert delays == [5, 10, 20, 40, 80, 160, 300, 300]


def test_failed_fetch_honours_retry_after_up_to_its_cap() -> None:
    polite = after_failure(GOOD, "http_429", at(), at(), 0.0, timedelta(minutes=2), POLICY)
    greedy = after_failure(GOOD, "http_429", at(), at(), 0.0, timedelta(days=2), POLICY)

    assert polite.refresh_at == at(minutes=2)
    assert greedy.refresh_at == at(minutes=15)


@pytest.mark.parametrize(
    ("keyset", "kid", "received", "now", "lookup"),
    [
        pytest.param(GOOD, "one", at(seconds=1), at(seconds=1), Serve(), id="known"),
        pytest.param(GOOD, "one", at(hours=2), at(hours=2), Serve(), id="known-and-stale"),
        pytest.param(
            GOOD, "new", at(seconds=40), at(seconds=40), Park(at(seconds=70), wants_refresh=True), id="unknown-asks"
        ),
        pytest.param(
            GOOD,
            "new",
            at(seconds=1),
            at(seconds=1),
            Park(at(seconds=30), wants_refresh=False),
            id="unknown-cools-down",
        ),
        pytest.param(
            GOOD, "new", at(seconds=-1), at(seconds=1), Refuse(TokenReason.KID_UNKNOWN), id="fetched-since-and-lacking"
        ),
        pytest.param(
            GOOD, "new", at(seconds=40), at(seconds=130), Refuse(TokenReason.KID_UNKNOWN), id="waited-long-enough"
        ),
        pytest.param(None, "one", at(), at(), Park(at(seconds=30), wants_refresh=True), id="never-heard-of"),
        pytest.param(EMPTY, "one", at(), at(), Park(at(seconds=30), wants_refresh=True), id="empty"),
        pytest.param(
            FETCHING, "one", at(), at(minutes=4), Park(at(minutes=8), wants_refresh=False), id="waits-as-long-again"
        ),
        pytest.param(
            FETCHING, "one", at(), at(minutes=14), Park(at(minutes=15), wants_refresh=False), id="to-the-end-at-most"
        ),
        pytest.param(
            EMPTY, "one", at(), at(minutes=15), Refuse(TokenReason.KEYS_UNAVAILABLE), id="outage-longer-than-we-wait"
        ),
        pytest.param(
            replace(GOOD, mode=KeysetMode.PINNED), "new", at(), at(), Refuse(TokenReason.KID_UNKNOWN), id="pinned"
        ),
        pytest.param(
            replace(GOOD, mode=KeysetMode.DISABLED),
            "one",
            at(),
            at(),
            Refuse(TokenReason.KEYS_UNAVAILABLE),
            id="disabled",
        ),
    ],
)
def test_lookup_parks_rather_than_refuses(
    keyset: Keyset | None, kid: str, received: datetime, now: datetime, lookup: object
) -> None:
    assert decide_lookup(keyset, kid, received, None, now, POLICY) == lookup


def test_session_that_waits_out_an_outage_is_looked_at_seldom() -> None:
    now, looks = at(), 0
    while isinstance(lookup := decide_lookup(FETCHING, "one", at(), None, now, POLICY), Park):
        now, looks = lookup.until, looks + 1

    assert now == at() + POLICY.park_outage
    assert looks <= 6


def test_lookup_never_waits_past_the_tokens_own_life() -> None:
    ends_at = at(seconds=50)

    waiting = decide_lookup(GOOD, "new", at(seconds=40), ends_at, at(seconds=40), POLICY)
    over = decide_lookup(GOOD, "new", at(seconds=40), ends_at, ends_at, POLICY)

    assert waiting == Park(ends_at, wants_refresh=True)
    assert over == Refuse(TokenReason.KID_UNKNOWN)


@pytest.mark.parametrize(
    ("keyset", "now", "until"),
    [
        pytest.param(EXHAUSTED, at(seconds=40), at(seconds=130), id="budget-spent-and-wait-over-first"),
        pytest.param(EXHAUSTED, at(seconds=280), at(seconds=300), id="budget-returns"),
        pytest.param(FAILING, at(minutes=46, seconds=30), at(minutes=47), id="retry-after"),
    ],
)
def test_unknown_kid_waits_until_it_may_ask_and_never_looks_again_at_once(
    keyset: Keyset, now: datetime, until: datetime
) -> None:
    assert decide_lookup(keyset, "new", now, None, now, POLICY) == Park(until, wants_refresh=False)


@pytest.mark.parametrize(
    ("keyset", "kid"), [pytest.param(GOOD, "new", id="unknown-kid"), pytest.param(EMPTY, "one", id="no-keys")]
)
def test_session_that_nobody_looked_at_for_long_gets_its_wait_all_the_same(keyset: Keyset, kid: str) -> None:
    received, now = at(seconds=31), at(minutes=30)

    first = decide_lookup(keyset, kid, received, None, now, POLICY, is_first_look=True)
    second = decide_lookup(keyset, kid, received, None, now, POLICY)

    assert first == Park(now + POLICY.kid_cooldown, wants_refresh=True)
    assert isinstance(second, Refuse)


def test_operator_may_have_a_refresh_whatever_backoff_says() -> None:
    soon = after_request(FAILING, at(minutes=42))
    later = after_request(FAILING, at(minutes=43))
    already_due = after_request(GOOD, at(minutes=50))

    assert (soon.refresh_at, later.refresh_at) == (at(minutes=42, seconds=1), at(minutes=43))
    assert already_due.refresh_at == GOOD.refresh_at


def test_kid_that_a_good_fetch_lacked_is_refused_for_a_minute() -> None:
    lacking = with_missing_kids(GOOD, frozenset({"invented"}), POLICY)

    soon = decide_lookup(lacking, "invented", at(seconds=40), None, at(seconds=40), POLICY)
    later = decide_lookup(lacking, "invented", at(seconds=61), None, at(seconds=61), POLICY)

    assert soon == Refuse(TokenReason.KID_UNKNOWN)
    assert isinstance(later, Park)


def test_missing_kids_are_remembered_up_to_their_bound() -> None:
    lacking = with_missing_kids(GOOD, frozenset(f"kid-{number}" for number in range(300)), POLICY)

    assert len(lacking.negative_kids) == 256


def test_asking_is_bounded_by_cool_down_and_budget_and_never_pauses_for_longer_than_a_token_waits() -> None:
    keyset, asks = GOOD, [START]
    for second in range(3600):
        now = at(seconds=second)
        if may_ask(keyset, now, POLICY):
            asks.append(now)
            keyset = replace(after_ask(keyset, now, POLICY), attempted_at=now)

    gaps = [later - earlier for earlier, later in pairwise(asks)]
    assert min(gaps[1:]) >= POLICY.kid_cooldown
    assert max(gaps) < POLICY.park_unknown_kid - POLICY.lease
    assert all(asks[n + 10] - asks[n] >= POLICY.kid_budget_window for n in range(1, len(asks) - 10))


@given(
    st.lists(
        st.tuples(st.sampled_from(["good", "same", "fail", "wait"]), st.integers(min_value=0, max_value=20000)),
        max_size=30,
    )
)
def test_keyset_served_is_never_past_its_staleness_nor_without_keys(events: list[tuple[str, int]]) -> None:
    keyset, now, version = EMPTY, START, 0
    for event, seconds in events:
        now += timedelta(seconds=seconds)
        match event:
            case "good":
                keys = ({"kid": f"kid-{version}"},)
                keyset = after_success(keyset, keys, (), ANSWER, now, 0.5, POLICY)
            case "same" if keyset.keys:
                keyset = after_not_modified(keyset, KeysetAnswer(None), now, 0.5, POLICY)
            case "fail":
                keyset = after_failure(keyset, "timeout", now, now, 0.5, None, POLICY)
        if is_served(keyset, now):
            assert keyset.keys
            assert keyset.stale_until is not None
            assert now < keyset.stale_until
        assert keyset.version >= version
        version = keyset.version


def test_source_label_tells_sources_apart_without_their_queries() -> None:
    one, other = source_label(f"{EMPTY.source}?key=secret"), source_label(f"{EMPTY.source}?key=other")

    assert source_label(EMPTY.source) == EMPTY.source
    assert one.startswith(f"{EMPTY.source}?")
    assert one != other
    assert "secret" not in one
