"""Sessions that wait for a key: parked, brought back as soon as there is something new to judge by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from app.domain.keyset import Keyset
from app.domain.keyset_history import thumbprint_of
from app.domain.keyset_override import after_revoke
from app.domain.session import SessionMove, Stage, TokenStatus
from app.ports import Attempt, Claim, Work
from app.reasons import TokenReason
from tests.builders import NOW, SOURCE, keyset
from tests.fakes import MemoryKeysets, MemorySessions
from tests.steps.verifying import Verification, key_pair, mint, published_partner


@dataclass(slots=True)
class InterruptedSessions(MemorySessions):
    """Sessions whose batch is finished only after something else has happened."""

    meanwhile: Callable[[], object] = bool

    def finish(self, moves: Sequence[SessionMove], now: datetime, attempts: Sequence[Attempt] = ()) -> frozenset[str]:
        self.meanwhile()
        return MemorySessions.finish(self, moves, now, attempts)


def _unknown_kid_after(verification: Verification) -> str:
    """Take in a token whose kid its fresh key set lacks, and let the time pass that waiting for one takes."""
    verification.clock.advance(60)
    [id_] = verification.take_in(mint(iat=int(NOW.timestamp()), exp=int(NOW.timestamp()) + 3000))
    verification.clock.advance(100)
    return id_


def _lacking() -> Verification:
    sessions = MemorySessions()
    keysets = MemoryKeysets(sessions=sessions, rows={SOURCE: keyset(source=SOURCE, keys=(key_pair("k2")[1],))})
    return Verification(published_partner(), sessions=sessions, keysets=keysets)


def test_verify_whose_first_claim_was_killed_asks_for_the_key_all_the_same() -> None:
    verification = _lacking()
    _unknown_kid_after(verification)
    now = verification.clock.now()
    verification.sessions.claim(Claim(Stage.VERIFY, 256, now, now + timedelta(seconds=30)))
    verification.clock.advance(31)

    report = verification.work()

    assert report.outcomes == {"parked": 1}
    assert verification.hints.rung == [(Work.REFRESH, 1)]


def test_verify_that_was_put_off_asks_for_the_key_all_the_same() -> None:
    verification = _lacking()
    _unknown_kid_after(verification)
    verification.unreadable.add(verification.partner.id)
    put_off = verification.work()
    verification.unreadable.clear()
    verification.clock.advance(300)

    report = verification.work()

    assert (put_off.outcomes, report.outcomes) == ({"postponed": 1}, {"parked": 1})
    assert verification.hints.rung == [(Work.REFRESH, 1)]


def test_verify_that_has_waited_for_its_key_refuses_at_the_next_look() -> None:
    verification = _lacking()
    id_ = _unknown_kid_after(verification)
    verification.work()
    verification.clock.advance(60)

    report = verification.work()

    assert report.outcomes == {TokenReason.KID_UNKNOWN: 1}
    assert verification.stored(id_).outcome is not None


@pytest.mark.parametrize(
    ("published", "token_reason"),
    [
        pytest.param("k1", None, id="the-key-came"),
        pytest.param("k2", TokenReason.KID_UNKNOWN, id="the-set-still-lacks-it"),
    ],
)
def test_verify_whose_keys_come_while_it_parks_looks_again_at_once(
    published: str, token_reason: TokenReason | None
) -> None:
    sessions = InterruptedSessions()
    keysets = MemoryKeysets(sessions=sessions, rows={SOURCE: keyset(source=SOURCE, keys=(key_pair("k3")[1],))})
    verification = Verification(published_partner(), sessions=sessions, keysets=keysets)
    verification.clock.advance(60)
    [id_] = verification.take_in(mint(iat=int(NOW.timestamp())))
    now = verification.clock.now()

    def refresh() -> None:
        keysets.request(SOURCE, now)
        [claimed] = keysets.claim_due(1, now, now + timedelta(seconds=15))
        fetched = replace(claimed, keys=(key_pair(published)[1],), version=2, fetched_at=now, attempted_at=now)
        keysets.save(fetched, claimed.lease_token or "", now)
        sessions.meanwhile = bool

    sessions.meanwhile = refresh
    parked = verification.work()
    verification.work()

    outcome = verification.stored(id_).outcome
    assert parked.outcomes == {"parked": 1}
    assert verification.hints.rung[-1] == (Work.VERIFY, 1)
    assert outcome is not None
    assert outcome.token_reason is token_reason


@pytest.mark.parametrize(
    "keysets",
    [
        pytest.param({SOURCE: keyset(source=SOURCE, keys=(key_pair("k2")[1],))}, id="unknown-kid"),
        pytest.param({}, id="empty-source"),
    ],
)
def test_verify_parks_a_token_that_counts_by_its_leeway_alone(keysets: dict[str, Keyset]) -> None:
    verification = Verification(published_partner(), keysets=MemoryKeysets(rows=keysets))
    verification.clock.advance(60)
    verification.take_in(mint(iat=int(NOW.timestamp()), exp=int(NOW.timestamp()) + 30))

    report = verification.work()

    assert report.outcomes == {"parked": 1}
    assert (Work.REFRESH, 1) in verification.hints.rung


REVOKED = frozenset({thumbprint_of(key_pair("k1")[1])})
LONG_AGO = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("row", "rung"),
    [
        pytest.param(
            keyset(source=SOURCE, keys=(key_pair("k1")[1],), revoked=REVOKED, attempted_at=LONG_AGO),
            [(Work.REFRESH, 1)],
            id="published-still",
        ),
        pytest.param(
            keyset(
                source=SOURCE,
                keys=(key_pair("k2")[1],),
                revoked=REVOKED,
                withdrawn=frozenset({"k1"}),
                attempted_at=LONG_AGO,
            ),
            [(Work.REFRESH, 1)],
            id="published-no-more",
        ),
        pytest.param(
            keyset(source=SOURCE, keys=(key_pair("k1")[1],), revoked=REVOKED, attempted_at=NOW), [], id="just-fetched"
        ),
    ],
)
def test_verify_refuses_a_revoked_key_at_once_and_asks_for_its_successor(
    row: Keyset, rung: list[tuple[Work, int]]
) -> None:
    verification = Verification(published_partner(), keysets=MemoryKeysets(rows={SOURCE: row}))
    verification.clock.advance(1)
    verification.take_in(mint("k1", iat=int(NOW.timestamp())))

    report = verification.work()

    assert report.outcomes == {TokenReason.KEY_REVOKED: 1}
    assert verification.hints.rung == rung


def test_verify_voids_what_a_key_accepted_that_is_revoked_before_all_is_saved() -> None:
    sessions, keysets = InterruptedSessions(), MemoryKeysets()
    keysets.rows[SOURCE] = keyset(source=SOURCE, keys=(key_pair("k1")[1], key_pair("k2")[1]))
    verification = Verification(published_partner(), sessions=sessions, keysets=keysets)
    in_hand, by_another_key = verification.take_in(mint("k1"), mint("k2"))
    thumbprints = frozenset({thumbprint_of(key_pair("k1")[1])})
    sessions.meanwhile = lambda: keysets.change(SOURCE, lambda one: after_revoke(one, thumbprints), NOW)

    verification.work()

    voided, accepted = (verification.stored(id_).outcome for id_ in (in_hand, by_another_key))
    assert voided is not None
    assert accepted is not None
    assert (voided.token_status, voided.token_reason) == (TokenStatus.REJECTED, TokenReason.KEY_REVOKED)
    assert accepted.token_status is TokenStatus.ACCEPTED


def test_verify_says_how_many_tokens_stale_keys_accepted() -> None:
    verification = Verification(published_partner())
    verification.keysets.rows[SOURCE] = keyset(keys=(key_pair("k1")[1],), fresh_until=NOW)
    verification.take_in(mint())

    with capture_logs() as events:
        verification.work()

    assert [event["by_stale_keys"] for event in events] == [1]
