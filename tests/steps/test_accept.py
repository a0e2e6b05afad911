"""Tokens are taken in: what is refused at once, what is stored, and when workers are woken."""

import os
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from app.domain.campaign import Mode
from app.domain.session import NewSession, Stage, TokenStatus
from app.errors import StoreUnavailable, TokenMalformed, TokenMissing, TokenTooLarge
from app.ports import TakenIn, Work
from app.steps.accept import AcceptTokens, Arrival, admit, repeat_digest, session_ids
from tests.builders import JWE, JWS, NOW, campaign
from tests.fakes import FixedClock, MemorySessions, RecordingHints


def _zeros(count: int) -> bytes:
    return bytes(count)


class _LostStore:
    def add(self, sessions: Sequence[NewSession], now: datetime) -> Sequence[TakenIn]:
        raise StoreUnavailable(f"{len(sessions)} sessions at {now}")


def test_accept_with_token_stores_a_session_to_verify() -> None:
    sessions, hints = MemorySessions(), RecordingHints()
    accept = AcceptTokens(sessions, hints, FixedClock())
    played = campaign(session_ttl=timedelta(hours=2), prefill_deadline=timedelta(seconds=7))

    (taken,) = accept([Arrival(played, JWS)])

    assert sessions.rows[taken.id].made == NewSession(
        id=taken.id,
        campaign_id="945645",
        partner_id="acme",
        stage=Stage.VERIFY,
        received_at=NOW,
        deadline_at=NOW + timedelta(seconds=7),
        expires_at=NOW + timedelta(hours=2),
        token=JWS,
    )
    assert hints.rung == [(Work.VERIFY, 1)]


def test_accept_without_token_stores_a_settled_anonymous_session() -> None:
    sessions, hints = MemorySessions(), RecordingHints()

    (taken,) = AcceptTokens(sessions, hints, FixedClock())([Arrival(campaign(mode=Mode.OPTIONAL))])

    made = sessions.rows[taken.id].made
    assert (made.stage, made.token) == (Stage.DONE, None)
    assert made.outcome is not None
    assert (made.outcome.token_status, made.outcome.verdict.allowed) == (TokenStatus.ANONYMOUS, True)
    assert hints.rung == []


def test_accept_of_many_rings_once_for_those_that_wait() -> None:
    hints = RecordingHints()
    arrivals = [Arrival(campaign(), JWS), Arrival(campaign(mode=Mode.OPTIONAL)), Arrival(campaign(), JWE)]

    taken = AcceptTokens(MemorySessions(), hints, FixedClock())(arrivals)

    assert len({each.id for each in taken}) == 3
    assert hints.rung == [(Work.VERIFY, 2)]


def test_accept_while_the_store_is_lost_rings_nothing() -> None:
    hints = RecordingHints()
    accept = AcceptTokens(_LostStore(), hints, FixedClock())

    with pytest.raises(StoreUnavailable):
        accept([Arrival(campaign(), JWS)])

    assert hints.rung == []


def test_accept_of_the_same_request_twice_in_one_batch_stores_one_session() -> None:
    sessions = MemorySessions()
    arrival = Arrival(campaign(), JWS, "1")

    first, second = AcceptTokens(sessions, RecordingHints(), FixedClock())([arrival, arrival])

    assert first == second
    assert list(sessions.rows) == [first.id]


@pytest.mark.parametrize(
    ("token", "refusal"),
    [
        pytest.param("", TokenMalformed, id="empty"),
        pytest.param("a.b", TokenMalformed, id="two-parts"),
        pytest.param("é.é.é", TokenMalformed, id="not-ascii"),
        pytest.param("a" * 16_385, TokenTooLarge, id="too-large"),
    ],
)
def test_admit_with_wrong_shape_refuses(token: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        admit(campaign(mode=Mode.OPTIONAL), token)


@pytest.mark.parametrize(
    ("mode", "is_admitted"), [(Mode.REQUIRED, False), (Mode.OPTIONAL, True), (Mode.REPORT_ONLY, True)]
)
def test_admit_without_token_follows_the_mode(mode: Mode, is_admitted: bool) -> None:
    played = campaign(mode=mode)

    if is_admitted:
        assert admit(played, None) == Arrival(played)
    else:
        with pytest.raises(TokenMissing):
            admit(played, None)


def test_session_ids_sort_by_time_and_differ_by_chance() -> None:
    earlier = session_ids(2, NOW, lambda count: b"\xff" * count)
    later = session_ids(1, NOW + timedelta(milliseconds=1), _zeros)

    assert all(re.fullmatch(r"ses_[0-9a-v]{26}", id_) for id_ in (*earlier, *later))
    assert max(earlier) < later[0]
    assert session_ids(1, NOW, _zeros) != earlier[:1]


def test_session_ids_of_one_batch_all_differ() -> None:
    ids = session_ids(1000, NOW, os.urandom)

    assert len(set(ids)) == 1000


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Arrival(campaign(id="other"), JWS, "1"), id="campaign"),
        pytest.param(Arrival(campaign(), JWE, "1"), id="token"),
        pytest.param(Arrival(campaign(), None, "1"), id="no-token"),
        pytest.param(Arrival(campaign(), JWS, "2"), id="key"),
        pytest.param(Arrival(campaign(id="9456451"), JWS, ""), id="border-between-them"),
    ],
)
def test_repeat_digest_of_another_campaign_token_or_key_differs(other: Arrival) -> None:
    assert repeat_digest(other) != repeat_digest(Arrival(campaign(), JWS, "1"))


def test_repeat_digest_without_key_is_none() -> None:
    assert repeat_digest(Arrival(campaign(), JWS)) is None


def test_repeat_digest_says_nothing_of_the_token() -> None:
    digest = repeat_digest(Arrival(campaign(), JWS, "1"))

    assert digest is not None
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
