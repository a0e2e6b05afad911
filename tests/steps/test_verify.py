"""A batch is verified: each session gets its own verdict, and one update saves them all."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.campaign import Mode
from app.domain.keyset import Keyset
from app.domain.participation import Limit, Ticket, Verdict
from app.domain.partner import (
    Authorization,
    AuthorizationSource,
    EncryptionConfig,
    EncryptionMethod,
    KeyMaterial,
    Partner,
    PrefillConfig,
)
from app.domain.prefill import PrefillRequest, PrefillSource, PrefillStatus
from app.domain.session import Stage, TokenStatus
from app.jose.encryption import encrypt
from app.jose.keys import import_secret
from app.ports import ParticipantKey, Work
from app.reasons import ParticipationReason, PrefillReason, TokenReason
from tests.builders import NOW, SOURCE, campaign, keyset, new_session
from tests.steps.verifying import Verification, key_pair, mint, pinned_partner, published_partner

SECRET = "0123456789abcdef0123456789abcdef"
SHARED = EncryptionConfig(EncryptionMethod.SHARED_SECRET, required=True, keys=(KeyMaterial(secret=SECRET),))
TAMPERED = mint()[:-4] + "AAAA"


def calling(source: AuthorizationSource, name: str | None = None) -> PrefillConfig:
    authorization = Authorization(source, name=name, secret="ours" if source is AuthorizationSource.STATIC else None)
    return PrefillConfig("https://api.acme.example/{sub}", "GET", authorization, timedelta(seconds=5), 50)


def nested(token: str) -> str:
    return encrypt(token, import_secret(SECRET, "text"), "dir", "A256GCM", None)


@pytest.mark.parametrize(
    ("partner", "token", "reason"),
    [
        pytest.param(pinned_partner(), "e30.e30.AAAA", TokenReason.TOKEN_MALFORMED, id="header-without-alg"),
        pytest.param(pinned_partner(), TAMPERED, TokenReason.SIGNATURE_INVALID, id="tampered"),
        pytest.param(pinned_partner(), mint("k2"), TokenReason.SIGNATURE_INVALID, id="other-key"),
        pytest.param(pinned_partner(), mint(exp=1), TokenReason.TOKEN_EXPIRED, id="expired"),
        pytest.param(pinned_partner(), mint(campaignId="1"), TokenReason.CAMPAIGN_MISMATCH, id="other-campaign"),
        pytest.param(
            pinned_partner(), nested(mint()), TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED, id="not-to-be-encrypted"
        ),
        pytest.param(pinned_partner(encryption=SHARED), mint(), TokenReason.TOKEN_NOT_ENCRYPTED, id="to-be-encrypted"),
        pytest.param(
            pinned_partner(encryption=replace(SHARED, keys=(KeyMaterial(secret=SECRET[::-1]),))),
            nested(mint()),
            TokenReason.DECRYPTION_FAILED,
            id="other-secret",
        ),
        pytest.param(
            replace(pinned_partner(), signature=replace(pinned_partner().signature, algorithms=frozenset({"RS256"}))),
            mint(),
            TokenReason.ALG_NOT_ALLOWED,
            id="algorithm-not-listed",
        ),
    ],
)
def test_verify_refuses_a_token_with_its_reason(partner: Partner, token: str, reason: TokenReason) -> None:
    verification = Verification(partner)
    [refused, accepted] = verification.take_in(token, mint() if not partner.encryption else nested(mint()))

    report = verification.work()

    outcome = verification.stored(refused).outcome
    assert outcome is not None
    assert (outcome.token_status, outcome.token_reason) == (TokenStatus.REJECTED, reason)
    assert outcome.verdict.reason is ParticipationReason.TOKEN_REJECTED
    assert verification.stored(accepted).stage is Stage.DONE
    assert report.outcomes[reason] >= 1


def test_verify_accepts_a_token_and_prefills_from_it() -> None:
    verification = Verification()
    [id_] = verification.take_in(mint(form={"firstname": "Ada"}, limit={"nb": 2}))

    report = verification.work()

    outcome = verification.stored(id_).outcome
    assert outcome is not None
    assert outcome.token_status is TokenStatus.ACCEPTED
    assert outcome.verdict == Verdict(allowed=True, remaining=2)
    assert (outcome.prefill.status, outcome.prefill.source) == (PrefillStatus.READY, PrefillSource.TOKEN)
    assert outcome.prefill.form == {"firstname": "Ada"}
    assert report.outcomes == {"accepted": 1}


def test_verify_opens_a_nested_token() -> None:
    verification = Verification(pinned_partner(encryption=SHARED))
    [id_] = verification.take_in(nested(mint(form={"firstname": "Ada"})))

    verification.work()

    outcome = verification.stored(id_).outcome
    assert outcome is not None
    assert outcome.prefill.form == {"firstname": "Ada"}


@pytest.mark.parametrize(
    ("prefill", "claims", "request_"),
    [
        pytest.param(calling(AuthorizationSource.NONE), {}, PrefillRequest("ada"), id="none"),
        pytest.param(calling(AuthorizationSource.STATIC), {}, PrefillRequest("ada"), id="our-credential"),
        pytest.param(
            calling(AuthorizationSource.CLAIM, "at"), {"at": "opaque"}, PrefillRequest("ada", "opaque"), id="claim"
        ),
        pytest.param(
            calling(AuthorizationSource.CLAIM, "at"),
            {"at": "v1.no+base64url.x"},
            PrefillRequest("ada", "v1.no+base64url.x"),
            id="claim-of-three-parts-that-is-no-jwt",
        ),
    ],
)
def test_verify_sends_a_session_without_data_to_its_partner(
    prefill: PrefillConfig, claims: dict[str, Any], request_: PrefillRequest
) -> None:
    verification = Verification(pinned_partner(prefill=prefill))
    [id_] = verification.take_in(mint(**claims))

    verification.work()

    row = verification.sessions.rows[id_]
    assert (row.stage, row.due_at) == (Stage.FETCH, NOW)
    assert row.request == request_
    assert row.token is None
    assert verification.hints.rung == [(Work.FETCH, 1)]


@pytest.mark.parametrize(
    ("prefill", "status"),
    [
        pytest.param(None, PrefillStatus.NONE, id="no-api"),
        pytest.param(calling(AuthorizationSource.NONE), PrefillStatus.PENDING, id="asked"),
        pytest.param(calling(AuthorizationSource.CLAIM, "at"), PrefillStatus.UNAVAILABLE, id="no-credential"),
    ],
)
def test_verify_says_what_of_the_form_was_left_out_though_nothing_was_usable(
    prefill: PrefillConfig | None, status: PrefillStatus
) -> None:
    verification = Verification(pinned_partner(prefill=prefill))
    [id_] = verification.take_in(mint(form=["Ada"]))

    verification.work()

    outcome = verification.sessions.rows[id_].outcome
    assert outcome is not None
    assert (outcome.prefill.status, outcome.prefill.warnings) == (status, ("form: not_an_object",))


def test_verify_hands_on_the_signed_token_where_it_is_the_credential() -> None:
    token = mint()
    verification = Verification(pinned_partner(prefill=calling(AuthorizationSource.TOKEN), encryption=SHARED))
    [id_] = verification.take_in(nested(token))

    verification.work()

    request = verification.sessions.rows[id_].request
    assert request is not None
    assert request.bearer == token
    assert request.bearer_expires_at == NOW.replace(microsecond=0) + timedelta(minutes=5)


@pytest.mark.parametrize("claims", [pytest.param({}, id="absent"), pytest.param({"at": ""}, id="empty")])
def test_verify_settles_at_once_where_the_credential_is_missing(claims: dict[str, Any]) -> None:
    verification = Verification(pinned_partner(prefill=calling(AuthorizationSource.CLAIM, "at")))
    [id_] = verification.take_in(mint(**claims))

    verification.work()

    outcome = verification.stored(id_).outcome
    assert outcome is not None
    assert (outcome.prefill.status, outcome.prefill.reason) == (PrefillStatus.UNAVAILABLE, PrefillReason.AUTH)


@pytest.mark.parametrize(
    ("mode", "calls_partner"),
    [
        pytest.param(Mode.REQUIRED, False, id="required"),
        pytest.param(Mode.OPTIONAL, False, id="optional"),
        pytest.param(Mode.REPORT_ONLY, True, id="report-only"),
    ],
)
def test_verify_calls_no_partner_for_who_may_not_play(mode: Mode, calls_partner: bool) -> None:
    partner = pinned_partner(prefill=calling(AuthorizationSource.NONE))
    verification = Verification(partner, campaign(mode=mode))
    [id_] = verification.take_in(mint(limit={"canPlay": False}))

    verification.work()

    session = verification.stored(id_)
    assert (session.stage is Stage.FETCH) is calls_partner
    assert session.outcome is not None
    assert session.outcome.verdict.reason is ParticipationReason.NOT_ELIGIBLE


def test_verify_counts_earlier_participations_of_the_same_participant() -> None:
    verification = Verification()
    digest = verification.digests.participant("acme", "ada")
    verification.ledger.played[ParticipantKey("945645", "acme", digest)] = 2
    [ada, grace] = verification.take_in(mint(limit={"nb": 2}), mint(sub="grace", limit={"nb": 2}))

    verification.work()

    reached, fresh = verification.stored(ada).outcome, verification.stored(grace).outcome
    assert reached is not None
    assert fresh is not None
    assert reached.verdict.reason is ParticipationReason.LIMIT_REACHED
    assert fresh.verdict == Verdict(allowed=True, remaining=2)


@pytest.mark.parametrize(
    ("claims", "limit"),
    [
        pytest.param({}, Limit(), id="no-limit"),
        pytest.param({"limit": {"nb": 2, "canPlay": True}}, Limit(2, can_play=True), id="limit"),
        pytest.param({"limit": {"canPlay": False}}, Limit(can_play=False), id="not-eligible"),
    ],
)
def test_verify_keeps_what_playing_needs_when_the_token_is_gone(claims: dict[str, Any], limit: Limit) -> None:
    verification = Verification()
    [with_jti, without] = verification.take_in(mint(jti="one", **claims), mint(**claims))

    verification.work()

    kept = [verification.stored(id_).outcome for id_ in (with_jti, without)]
    expires_at = NOW.replace(microsecond=0) + timedelta(seconds=300)
    jti_digest = verification.digests.jti("acme", "one")
    assert [one and one.ticket for one in kept] == [
        Ticket(limit, jti_digest, expires_at),
        Ticket(limit, None, expires_at),
    ]


def test_verify_refuses_a_token_of_single_use_that_another_session_used_up() -> None:
    verification = Verification(campaign=campaign(single_use=True))
    [used, fresh] = verification.take_in(mint(jti="one"), mint(jti="two"))
    verification.ledger.uses["acme", verification.digests.jti("acme", "one")] = "ses_another"

    verification.work()

    reused, accepted = verification.stored(used).outcome, verification.stored(fresh).outcome
    assert reused is not None
    assert accepted is not None
    assert reused.token_reason is TokenReason.TOKEN_REUSED
    assert accepted.token_status is TokenStatus.ACCEPTED


@pytest.mark.parametrize(
    ("single_use", "by_itself"),
    [
        pytest.param(True, True, id="by-this-very-session"),
        pytest.param(False, False, id="where-tokens-count-again-and-again"),
    ],
)
def test_verify_takes_a_token_that_was_used_up(*, single_use: bool, by_itself: bool) -> None:
    verification = Verification(campaign=campaign(single_use=single_use))
    [id_] = verification.take_in(mint(jti="one"))
    verification.ledger.uses["acme", verification.digests.jti("acme", "one")] = id_ if by_itself else "ses_another"

    verification.work()

    taken = verification.stored(id_).outcome
    assert taken is not None
    assert taken.token_status is TokenStatus.ACCEPTED


def test_verify_parks_a_session_whose_keys_are_missing_and_asks_for_them() -> None:
    verification = Verification(published_partner())
    [id_] = verification.take_in(mint())

    report = verification.work()

    row = verification.sessions.rows[id_]
    assert (row.stage, row.parked_on) == (Stage.VERIFY, SOURCE)
    assert row.token is not None
    assert verification.hints.rung == [(Work.REFRESH, 1)]
    assert report.outcomes == {"parked": 1}


def test_verify_uses_a_published_key_and_records_it() -> None:
    verification = Verification(published_partner())
    verification.keysets.rows[SOURCE] = keyset(keys=(key_pair("k1")[1],), version=7)
    [id_] = verification.take_in(mint())

    verification.work()

    row = verification.sessions.rows[id_]
    assert row.stage is Stage.DONE
    assert row.key_thumbprint is not None
    assert row.keyset_version == 7


@pytest.mark.parametrize(
    ("changes", "kid", "reason"),
    [
        pytest.param({"fetched_at": NOW + timedelta(seconds=1)}, "k2", TokenReason.KID_UNKNOWN, id="kid-unknown"),
        pytest.param({"revoked": "k1"}, "k1", TokenReason.KEY_REVOKED, id="key-revoked"),
    ],
)
def test_verify_refuses_a_key_that_cannot_be_used(changes: dict[str, Any], kid: str, reason: TokenReason) -> None:
    published = keyset(keys=(key_pair("k1")[1],))
    verification = Verification(published_partner())
    verification.keysets.rows[SOURCE] = _with(published, verification, changes)
    [id_] = verification.take_in(mint(kid))

    verification.work()

    outcome = verification.stored(id_).outcome
    assert outcome is not None
    assert outcome.token_reason is reason


def _with(published: Keyset, verification: Verification, changes: dict[str, Any]) -> Keyset:
    if "revoked" not in changes:
        return replace(published, **changes)
    keys = verification.step().judge.keyring.keyset_keys(published)
    return replace(published, revoked=frozenset({keys[changes["revoked"]].thumbprint}))


def test_verify_requires_a_kid_where_keys_are_published() -> None:
    verification = Verification(published_partner())
    verification.keysets.rows[SOURCE] = keyset(keys=(key_pair("k1")[1],))
    [id_] = verification.take_in(mint(named=""))

    verification.work()

    outcome = verification.stored(id_).outcome
    assert outcome is not None
    assert outcome.token_reason is TokenReason.KID_MISSING


def test_verify_judges_at_the_moment_of_receipt() -> None:
    verification = Verification()
    [id_] = verification.take_in(mint())
    verification.clock.advance(3600)

    verification.work()

    outcome = verification.stored(id_).outcome
    assert outcome is not None
    assert outcome.token_status is TokenStatus.ACCEPTED


def test_verify_of_a_deleted_partner_refuses_and_harms_no_other() -> None:
    verification = Verification()
    gone = new_session(token=mint(), partner_id="gone")
    verification.sessions.add([gone], NOW)
    [other] = verification.take_in(mint())

    verification.work()

    outcome = verification.stored(gone.id).outcome
    assert outcome is not None
    assert outcome.token_reason is TokenReason.CAMPAIGN_MISMATCH
    assert verification.stored(other).stage is Stage.DONE


def test_verify_postpones_whose_configuration_cannot_be_read_and_judges_it_once_it_can() -> None:
    verification = Verification()
    waiting = new_session(token=mint(), partner_id="broken")
    verification.sessions.add([waiting], NOW)
    [other] = verification.take_in(mint())
    verification.unreadable.add("broken")

    report = verification.work()
    verification.unreadable.add(verification.campaign.id)
    [another] = verification.take_in(mint())
    later = verification.work()

    assert report.outcomes == {"accepted": 1, "postponed": 1}
    assert later.outcomes == {"postponed": 1}
    assert verification.stored(other).stage is Stage.DONE
    assert [verification.stored(id_).outcome for id_ in (waiting.id, another)] == [None, None]
    verification.unreadable.clear()
    verification.clock.advance(5)
    assert verification.work().outcomes == {"accepted": 1, "campaign_mismatch": 1}


def test_verify_logs_one_event_for_the_batch_and_one_for_each_rejection_without_persons() -> None:
    verification = Verification()
    verification.take_in(mint(sub="canary"), mint(sub="canary", exp=1))

    with capture_logs() as events:
        verification.work()

    batch, rejection = events[-1], events[0]
    assert [event["event"] for event in events] == ["token.rejected", "batch.verified"]
    assert (rejection["reason"], rejection["detail"]) == ("token_expired", "exp")
    assert (batch["sessions"], batch["outcomes"]) == (2, {"accepted": 1, "token_expired": 1})
    assert "canary" not in json.dumps(events, default=str)
