"""The claims table of the secure token: a row is a rule."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.claims import CLAIM_RULES, ClaimsPolicy, check_claims, numeric_date
from app.domain.participation import Limit
from app.domain.token import AcceptedClaims, Gift, SignedClaims
from app.errors import TokenRejected
from app.reasons import TokenReason

RECEIVED_AT = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
NOW = int(RECEIVED_AT.timestamp())
POLICY = ClaimsPolicy(campaign_names=frozenset({"945645", "channel"}))
STRICT = ClaimsPolicy(
    campaign_names=frozenset({"945645"}),
    issuer="acme",
    audience="vestibule",
    max_age=timedelta(minutes=10),
    require_jti=True,
)
MISSING = object()


def claims(**changes: object) -> dict[str, object]:
    """Return claims that hold under POLICY and STRICT, changed; MISSING takes a claim away."""
    whole: dict[str, object] = {
        "sub": "user-1",
        "campaignId": "945645",
        "exp": NOW + 300,
        "iat": NOW - 5,
        "iss": "acme",
        "aud": ["other", "vestibule"],
        "jti": "token-1",
    }
    whole.update(changes)
    return {name: value for name, value in whole.items() if value is not MISSING}


def check(policy: ClaimsPolicy = POLICY, **changes: object) -> AcceptedClaims:
    return check_claims(SignedClaims(claims(**changes), "thumbprint"), policy, RECEIVED_AT)


@pytest.mark.parametrize(
    ("policy", "changes", "reason"),
    [
        pytest.param(POLICY, {"sub": MISSING}, TokenReason.CLAIM_MISSING, id="sub-missing"),
        pytest.param(POLICY, {"sub": None}, TokenReason.CLAIM_INVALID, id="sub-null"),
        pytest.param(POLICY, {"sub": ""}, TokenReason.CLAIM_INVALID, id="sub-empty"),
        pytest.param(POLICY, {"sub": "x" * 257}, TokenReason.CLAIM_INVALID, id="sub-too-long"),
        pytest.param(POLICY, {"sub": True}, TokenReason.CLAIM_INVALID, id="sub-boolean"),
        pytest.param(POLICY, {"sub": 1.5}, TokenReason.CLAIM_INVALID, id="sub-fraction"),
        pytest.param(POLICY, {"sub": 10**5000}, TokenReason.CLAIM_INVALID, id="sub-gigantic-integer"),
        pytest.param(POLICY, {"sub": "a\0b"}, TokenReason.CLAIM_INVALID, id="sub-with-nul"),
        pytest.param(POLICY, {"campaignId": MISSING}, TokenReason.CLAIM_MISSING, id="campaign-missing"),
        pytest.param(POLICY, {"campaignId": ["945645"]}, TokenReason.CLAIM_INVALID, id="campaign-list"),
        pytest.param(POLICY, {"campaignId": "1"}, TokenReason.CAMPAIGN_MISMATCH, id="campaign-other"),
        pytest.param(POLICY, {"exp": MISSING}, TokenReason.CLAIM_MISSING, id="exp-missing"),
        pytest.param(POLICY, {"exp": "soon"}, TokenReason.CLAIM_INVALID, id="exp-text"),
        pytest.param(POLICY, {"exp": None}, TokenReason.CLAIM_INVALID, id="exp-null"),
        pytest.param(POLICY, {"exp": []}, TokenReason.CLAIM_INVALID, id="exp-list"),
        pytest.param(POLICY, {"exp": True}, TokenReason.CLAIM_INVALID, id="exp-boolean"),
        pytest.param(POLICY, {"exp": float("inf")}, TokenReason.CLAIM_INVALID, id="exp-infinite"),
        pytest.param(POLICY, {"exp": NOW - 60}, TokenReason.TOKEN_EXPIRED, id="exp-just-beyond-leeway"),
        pytest.param(POLICY, {"exp": -(10**400)}, TokenReason.TOKEN_EXPIRED, id="exp-before-all-time"),
        pytest.param(POLICY, {"nbf": NOW + 61}, TokenReason.TOKEN_NOT_YET_VALID, id="nbf-beyond-leeway"),
        pytest.param(POLICY, {"nbf": "now"}, TokenReason.CLAIM_INVALID, id="nbf-text"),
        pytest.param(POLICY, {"iat": NOW + 61}, TokenReason.TOKEN_NOT_YET_VALID, id="iat-in-the-future"),
        pytest.param(STRICT, {"iat": NOW - 660}, TokenReason.TOKEN_TOO_OLD, id="iat-too-old"),
        pytest.param(STRICT, {"iat": MISSING}, TokenReason.CLAIM_MISSING, id="iat-missing-with-max-age"),
        pytest.param(STRICT, {"iss": "other"}, TokenReason.ISSUER_MISMATCH, id="issuer-other"),
        pytest.param(STRICT, {"iss": MISSING}, TokenReason.ISSUER_MISMATCH, id="issuer-missing"),
        pytest.param(STRICT, {"aud": "other"}, TokenReason.AUDIENCE_MISMATCH, id="audience-other"),
        pytest.param(STRICT, {"aud": []}, TokenReason.AUDIENCE_MISMATCH, id="audience-empty"),
        pytest.param(STRICT, {"aud": {"vestibule": 1}}, TokenReason.AUDIENCE_MISMATCH, id="audience-object"),
        pytest.param(STRICT, {"jti": MISSING}, TokenReason.CLAIM_MISSING, id="jti-missing-where-single-use"),
        pytest.param(STRICT, {"jti": None}, TokenReason.CLAIM_INVALID, id="jti-null"),
        pytest.param(STRICT, {"jti": 7}, TokenReason.CLAIM_INVALID, id="jti-number"),
        pytest.param(POLICY, {"limit": []}, TokenReason.CLAIM_INVALID, id="limit-list"),
        pytest.param(POLICY, {"limit": None}, TokenReason.CLAIM_INVALID, id="limit-null"),
        pytest.param(POLICY, {"gift": None}, TokenReason.CLAIM_INVALID, id="gift-null"),
        pytest.param(POLICY, {"custom": None}, TokenReason.CLAIM_INVALID, id="custom-null"),
        pytest.param(POLICY, {"limit": {"nb": -1}}, TokenReason.CLAIM_INVALID, id="limit-negative"),
        pytest.param(POLICY, {"limit": {"nb": True}}, TokenReason.CLAIM_INVALID, id="limit-boolean"),
        pytest.param(POLICY, {"limit": {"nb": 1.0}}, TokenReason.CLAIM_INVALID, id="limit-fraction"),
        pytest.param(POLICY, {"limit": {"canPlay": "no"}}, TokenReason.CLAIM_INVALID, id="can-play-text"),
        pytest.param(POLICY, {"gift": "spa"}, TokenReason.CLAIM_INVALID, id="gift-text"),
        pytest.param(POLICY, {"gift": {"label": 1}}, TokenReason.CLAIM_INVALID, id="gift-label-number"),
        pytest.param(POLICY, {"gift": {"cw": 1}}, TokenReason.CLAIM_INVALID, id="gift-can-win-number"),
        pytest.param(POLICY, {"custom": "x"}, TokenReason.CLAIM_INVALID, id="custom-text"),
        pytest.param(POLICY, {"custom": {"x": "é" * 4096}}, TokenReason.CLAIM_INVALID, id="custom-over-8-kib"),
        pytest.param(POLICY, {"custom": {"x": float("inf")}}, TokenReason.CLAIM_INVALID, id="custom-infinite"),
    ],
)
def test_claims_that_break_a_rule_are_refused_for_it(
    policy: ClaimsPolicy, changes: dict[str, object], reason: TokenReason
) -> None:
    with pytest.raises(TokenRejected) as refusal:
        check(policy, **changes)

    assert refusal.value.reason is reason


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        pytest.param(STRICT, {}, id="all-as-configured"),
        pytest.param(POLICY, {"sub": 42}, id="sub-integer"),
        pytest.param(POLICY, {"campaignId": 945645}, id="campaign-integer"),
        pytest.param(POLICY, {"campaignId": "channel"}, id="campaign-alias"),
        pytest.param(POLICY, {"exp": NOW - 59}, id="exp-within-leeway"),
        pytest.param(POLICY, {"exp": NOW + 0.5}, id="exp-fraction"),
        pytest.param(POLICY, {"exp": 10**400}, id="exp-beyond-all-time"),
        pytest.param(POLICY, {"nbf": NOW + 60, "iat": NOW + 60}, id="nbf-and-iat-within-leeway"),
        pytest.param(STRICT, {"aud": "vestibule"}, id="audience-text"),
        pytest.param(POLICY, {"limit": {}, "gift": {}, "custom": {}}, id="empty-objects"),
        pytest.param(POLICY, {"gift": {"label": "x" * 8192}}, id="gift-label-long"),
        pytest.param(POLICY, {"custom": {"x": "e" * (8192 - len('{"x":""}'))}}, id="custom-of-8-kib"),
        pytest.param(POLICY, {"unknown": object}, id="unknown-claim"),
        pytest.param(POLICY, {"jti": 7}, id="jti-unused-may-be-anything"),
        pytest.param(POLICY, {"jti": None}, id="jti-unused-may-be-null"),
    ],
)
def test_claims_that_hold_are_accepted(policy: ClaimsPolicy, changes: dict[str, object]) -> None:
    accepted = check(policy, **changes)

    assert accepted.sub == str(changes.get("sub", "user-1"))


def test_claims_accepted_carry_their_typed_values() -> None:
    accepted = check(limit={"nb": 2, "canPlay": True}, gift={"label": "Spa day", "cw": True}, custom={"vip": [1]})

    assert accepted.limit == Limit(nb=2, can_play=True)
    assert accepted.gift == Gift("Spa day", can_win=True)
    assert accepted.custom == {"vip": [1]}
    assert accepted.expires_at == RECEIVED_AT + timedelta(minutes=5)


def test_limit_beyond_what_a_database_counts_to_is_the_largest_that_it_does() -> None:
    assert check(limit={"nb": 10**12}).limit == Limit(nb=2**31 - 1)


def test_claims_without_exp_are_accepted_where_the_partner_allows_it() -> None:
    policy = ClaimsPolicy(campaign_names=frozenset({"945645"}), require_exp=False)

    accepted = check(policy, exp=MISSING)

    assert accepted.expires_at is None


def test_claims_are_judged_at_the_moment_of_receipt() -> None:
    late = RECEIVED_AT + timedelta(hours=2)

    with pytest.raises(TokenRejected) as refusal:
        check_claims(SignedClaims(claims(), "thumbprint"), POLICY, late)

    assert refusal.value.reason is TokenReason.TOKEN_EXPIRED
    assert check().sub == "user-1"


def test_accepted_claims_show_no_person_when_printed() -> None:
    accepted = check(sub="canary-sub", form={"firstname": "canary-name"}, custom={"x": "canary-custom"})

    assert "canary" not in repr(accepted)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


NAMES = ("sub", "campaignId", "exp", "nbf", "iat", "iss", "aud", "jti", "limit", "gift", "custom")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON)))
def test_claims_of_any_json_raise_nothing_but_a_rejection(whole: dict[str, object]) -> None:
    with suppress(TokenRejected):
        check_claims(SignedClaims(whole, "thumbprint"), STRICT, RECEIVED_AT)


@given(st.integers() | st.floats())
def test_numeric_date_of_any_number_is_aware_or_none(value: float) -> None:
    moment = numeric_date(value)

    assert moment is None or moment.tzinfo is UTC


def test_claims_that_break_every_rule_are_refused_for_one_after_the_other_in_the_order_of_the_rules() -> None:
    broken: dict[str, object] = dict.fromkeys(
        ("sub", "campaignId", "exp", "nbf", "iat", "limit", "gift", "jti", "custom"), True
    )
    mended = {
        **claims(campaignId="1", nbf=NOW, limit={}, gift={}, custom={}),
        "campaign": "945645",  # what campaignId becomes when its type has been mended
    }

    refused: list[str] = []
    while len(refused) < len(CLAIM_RULES):
        try:
            check_claims(SignedClaims(broken, None), STRICT, RECEIVED_AT)
        except TokenRejected as rejection:
            rule = "campaign" if rejection.reason is TokenReason.CAMPAIGN_MISMATCH else rejection.detail
            refused.append(rule)
            broken = {**broken, "campaignId" if rule == "campaign" else rule: mended[rule]}

    assert refused == list(CLAIM_RULES)
    assert check_claims(SignedClaims(broken, None), STRICT, RECEIVED_AT).sub == "user-1"
