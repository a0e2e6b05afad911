"""The inspector says what the journey does: one token for each reason, and tokens of every kind asked both ways."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.domain.campaign import Mode
from app.domain.inspection import Inspection
from app.domain.keyset import KeysetMode
from app.domain.participation import Verdict
from app.domain.partner import (
    Authorization,
    AuthorizationSource,
    KeyMaterial,
    Partner,
    PrefillConfig,
    SignatureConfig,
    SignatureMethod,
)
from app.domain.prefill import PrefillStatus
from app.domain.session import TokenStatus
from app.errors import CampaignUnknown, PartnerUnknown, VestibuleError
from app.jose.keys import import_secret
from app.jose.signing import sign
from app.ports import ParticipantKey, Work
from app.reasons import ParticipationReason, PrefillReason, TokenReason
from app.steps.authorize import Caller
from app.steps.inspect import Asked
from tests.builders import NOW, SOURCE, keyset
from tests.steps.inspecting import SHARED, Bench, check, nested, published, refusals, signed
from tests.steps.verifying import key_pair, mint, pinned_partner, published_partner

CASES = refusals()
API = PrefillConfig("https://api.acme.example/{sub}", "GET", Authorization(AuthorizationSource.NONE), timedelta(5), 50)
BENCHES: list[dict[str, Any]] = [
    {},
    {"single_use": True},
    {"partner": pinned_partner(issuer="acme", audience="here", max_age=timedelta(hours=1))},
    {"partner": pinned_partner(require_exp=False, prefill=API)},
    {"partner": pinned_partner(encryption=replace(SHARED, required=False)), "mode": Mode.OPTIONAL},
]


def agree(bench: Bench, token: str) -> Inspection:
    """Inspect a token, assert that the journey says the same of it, and return what was found."""
    inspection = bench.inspect(token)
    _, outcome = bench.journey(token)
    if outcome is None:
        assert inspection.verdict.status is TokenStatus.PENDING
        return inspection
    assert (inspection.verdict.status, inspection.verdict.reason) == (outcome.token_status, outcome.token_reason)
    assert inspection.outcome is not None
    assert inspection.outcome.verdict == outcome.verdict
    assert inspection.outcome.prefill == outcome.prefill
    failed = [one.reason for one in inspection.checks if one.passed is False and isinstance(one.reason, TokenReason)]
    assert next(iter(failed), None) == outcome.token_reason
    return inspection


def test_there_is_a_case_for_each_reason() -> None:
    assert set(CASES) == set(TokenReason)


@pytest.mark.parametrize("reason", list(TokenReason))
def test_inspection_of_a_refused_token_names_the_check_and_the_reason_of_the_journey(reason: TokenReason) -> None:
    case = CASES[reason]

    inspection = agree(case.bench, case.token)

    assert inspection.verdict.reason is reason
    first = next(one for one in inspection.checks if one.passed is not True)
    assert (first.name, first.passed, first.reason) == (case.check, False, reason)
    assert all(one.expected for one in inspection.checks)
    assert inspection.request is None


@pytest.mark.parametrize(
    ("bench", "token"),
    [
        pytest.param(Bench.of(), mint(form={"firstname": "Ada"}, limit={"nb": 2}), id="jws"),
        pytest.param(Bench.of(pinned_partner(encryption=SHARED)), nested(mint()), id="jwe"),
        pytest.param(published(), mint(), id="published-key"),
        pytest.param(Bench.of(single_use=True), mint(jti="one"), id="single-use"),
        pytest.param(Bench.of(pinned_partner(prefill=API)), mint(), id="to-be-fetched"),
    ],
)
def test_inspection_of_a_token_that_holds_has_passed_every_check(bench: Bench, token: str) -> None:
    inspection = agree(bench, token)

    assert inspection.verdict.status is TokenStatus.ACCEPTED
    assert [one.name for one in inspection.checks if one.passed is not True] == []
    assert ("decryption" in [one.name for one in inspection.checks]) is (token.count(".") == 4)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
NEAR = st.integers(-200, 200).map(lambda seconds: int(NOW.timestamp()) + seconds)
CLAIMS: dict[str, st.SearchStrategy[Any]] = {
    "sub": st.text(min_size=1, max_size=8) | JSON,
    "campaignId": st.sampled_from(["945645", 945645, "other"]) | JSON,
    "exp": NEAR | JSON,
    "nbf": NEAR | JSON,
    "iat": NEAR | JSON,
    "iss": st.just("acme") | JSON,
    "aud": st.sampled_from(["here", ["here"]]) | JSON,
    "jti": st.text(min_size=1, max_size=4) | JSON,
    "limit": st.fixed_dictionaries({}, optional={"nb": st.integers(-1, 2), "canPlay": st.booleans()}) | JSON,
    "gift": st.just({"label": "Spa day"}) | JSON,
    "custom": st.just({"vip": 1}) | JSON,
    "form": st.dictionaries(st.text(max_size=4), JSON, max_size=2) | JSON,
    "optin": st.dictionaries(st.text(max_size=4), JSON, max_size=2) | JSON,
}


@st.composite
def claim_sets(draw: st.DrawFn) -> dict[str, Any]:
    """Return claims that hold, but for a few."""
    seconds = int(NOW.timestamp())
    whole = {"sub": "ada", "campaignId": "945645", "exp": seconds + 99, "iat": seconds, "iss": "acme", "aud": "here"}
    changed = draw(st.lists(st.sampled_from(sorted(CLAIMS)), max_size=4, unique=True))
    gone = draw(st.lists(st.sampled_from(sorted(whole)), max_size=1))
    claims = {**whole, **{name: draw(CLAIMS[name]) for name in changed}}
    return {name: value for name, value in claims.items() if name not in gone}


@settings(max_examples=300)
@given(claim_sets(), st.sampled_from(range(len(BENCHES))), st.booleans())
def test_inspection_of_any_claims_agrees_with_the_journey(claims: dict[str, Any], which: int, encrypted: bool) -> None:
    bench = Bench.of(**BENCHES[which])
    token = signed(json.dumps(claims).encode())

    agree(bench, nested(token) if encrypted else token)


@settings(max_examples=300)
@given(
    st.sampled_from([mint(), nested(mint()), mint("k2"), mint(exp=1)]),
    st.floats(0, 1),
    st.text("abcABC019-_.=+ \n{", max_size=3),
    st.sampled_from(range(len(BENCHES))),
)
def test_inspection_of_any_broken_text_agrees_with_the_journey(
    token: str, place: float, insert: str, which: int
) -> None:
    at = int(place * len(token))

    agree(Bench.of(**BENCHES[which]), token[:at] + insert + token[at + 1 :])


def test_inspection_goes_on_to_the_claims_when_the_signature_does_not_hold() -> None:
    inspection = agree(Bench.of(), mint("k2", exp=1, iss="x"))

    assert inspection.verdict.reason is TokenReason.SIGNATURE_INVALID
    assert check(inspection, "claims").passed is True
    assert check(inspection, "claims.exp").reason is TokenReason.TOKEN_EXPIRED
    assert [one.name for one in inspection.checks if one.passed is None] == ["single_use", "participation", "prefill"]


def test_inspection_of_what_is_no_token_marks_all_the_rest_as_not_judged() -> None:
    inspection = agree(Bench.of(), "Bearer abc")

    assert [one.passed for one in inspection.checks] == [False, *[None] * (len(inspection.checks) - 1)]
    assert check(inspection, "shape").advice == "It begins with Bearer: send what follows."


def test_inspection_of_a_used_token_tells_neither_participations_nor_prefill() -> None:
    case = CASES[TokenReason.TOKEN_REUSED]

    inspection = case.bench.inspect(case.token)

    assert check(inspection, "participation").passed is None
    assert inspection.outcome is not None
    assert inspection.outcome.verdict.reason is ParticipationReason.TOKEN_REJECTED


@pytest.mark.parametrize(
    ("claims", "advice"),
    [
        pytest.param(
            {"iat": int(NOW.timestamp()) * 1000}, "It looks like milliseconds: send seconds.", id="thousandfold"
        ),
        pytest.param({"iat": "2027-03-01T12:00:00Z"}, "It is text: send a number.", id="text"),
        pytest.param({"iat": int(NOW.timestamp()) + 90}, None, id="clock"),
    ],
)
def test_inspection_of_a_moment_that_is_wrong_tells_how_it_arose(claims: dict[str, Any], advice: str | None) -> None:
    found = check(agree(Bench.of(), mint(**claims)), "claims.iat")

    assert (found.passed, found.advice) == (False, advice)


def test_inspection_of_an_expiry_in_milliseconds_passes_and_is_remarked() -> None:
    found = check(agree(Bench.of(), mint(exp=int(NOW.timestamp() + 300) * 1000)), "claims.exp")

    assert (found.passed, found.advice) == (True, "It looks like milliseconds: send seconds.")


def test_inspection_tells_what_of_the_form_is_left_out() -> None:
    found = check(agree(Bench.of(), mint(form=["Ada"])), "prefill")

    assert (found.passed, found.got, found.advice) == (True, "none", "Left out: form: not_an_object.")


def test_inspection_asks_for_a_key_that_is_missing_as_the_journey_does_and_looks_again() -> None:
    bench = published(attempted_at=NOW - timedelta(hours=1), fetched_at=NOW - timedelta(hours=1))
    keysets = bench.verification.keysets

    waiting = bench.inspect(mint("k2"))
    keysets.rows[SOURCE] = keyset(version=2, keys=(key_pair("k2")[1],))
    came = bench.inspector.look_again(waiting)

    assert (waiting.verdict.status, waiting.verdict.reason) == (TokenStatus.PENDING, TokenReason.KID_UNKNOWN)
    assert waiting.is_fetching
    assert waiting.outcome is None
    assert (check(waiting, "key").passed, check(waiting, "signature").passed) == (None, None)
    assert bench.verification.hints.rung == [(Work.REFRESH, 1)]
    assert came.verdict.status is TokenStatus.ACCEPTED
    assert not came.is_fetching


def test_inspection_within_the_cool_down_of_a_source_asks_for_nothing() -> None:
    bench = published(fetched_at=NOW - timedelta(seconds=5), attempted_at=NOW - timedelta(seconds=5))

    waiting = agree(bench, mint("k2"))

    assert waiting.verdict.reason is TokenReason.KID_UNKNOWN
    assert not waiting.is_fetching
    assert bench.verification.hints.rung == []


def test_inspection_of_a_set_that_was_never_fetched_waits_for_it() -> None:
    bench = Bench.of(published_partner())

    waiting = bench.inspect(mint())

    assert (waiting.verdict.status, waiting.verdict.reason) == (TokenStatus.PENDING, TokenReason.KEYS_UNAVAILABLE)
    assert waiting.is_fetching


def test_inspection_shows_nothing_of_a_query_that_may_hold_a_credential() -> None:
    signature = replace(published_partner().signature, jwks_url="https://acme.example/jwks?key=secret")
    bench = Bench.of(published_partner(signature=signature))

    checks = bench.inspect(mint()).checks

    [expected] = [check.expected for check in checks if check.name == "key"]
    assert "https://acme.example/jwks?" in expected
    assert "secret" not in expected


def test_inspection_of_a_refused_algorithm_asks_for_no_key() -> None:
    signature = replace(published_partner().signature, algorithms=frozenset({"RS256"}))
    bench = Bench.of(published_partner(signature=signature))

    inspection = agree(bench, mint())

    assert inspection.verdict.reason is TokenReason.ALG_NOT_ALLOWED
    assert bench.verification.hints.rung == []


def test_inspection_tells_participations_and_prefill_as_the_session_would_have_them() -> None:
    bench = Bench.of(pinned_partner(prefill=API))
    digest = bench.verification.digests.participant("acme", "ada")
    bench.verification.ledger.played[ParticipantKey("945645", "acme", digest)] = 2

    reached = agree(bench, mint(limit={"nb": 2}))
    fresh = agree(bench, mint(limit={"nb": 3}))

    participation = check(reached, "participation")
    assert (participation.passed, participation.reason) == (False, ParticipationReason.LIMIT_REACHED)
    assert reached.verdict.status is TokenStatus.ACCEPTED
    assert reached.request is None
    assert fresh.outcome is not None
    assert fresh.outcome.verdict == Verdict(allowed=True, remaining=1)
    assert fresh.outcome.prefill.status is PrefillStatus.PENDING
    assert fresh.request is not None


def test_inspection_of_a_token_without_its_partners_credential_says_so() -> None:
    api = replace(API, authorization=Authorization(AuthorizationSource.CLAIM, name="at"))

    inspection = agree(Bench.of(pinned_partner(prefill=api)), mint())

    assert check(inspection, "prefill").reason is PrefillReason.AUTH
    assert check(inspection, "prefill").expected.endswith("called with the claim at")


def symmetric(**material: Any) -> Partner:
    signature = SignatureConfig(SignatureMethod.SYMMETRIC, frozenset({"HS256"}), keys=(KeyMaterial(**material),))
    return pinned_partner(signature=signature)


HEX = "a1b2c3d4" * 16
OLD = KeyMaterial(jwk=key_pair("k1")[1], not_after=NOW - timedelta(days=1))


def by_hmac(encoding: Any) -> str:
    claims = json.dumps({"sub": "ada", "campaignId": "945645", "exp": int(NOW.timestamp()) + 60}).encode()
    return sign(claims, import_secret(HEX, encoding), "HS256", {})


@pytest.mark.parametrize(
    ("partner", "token", "advice"),
    [
        pytest.param(
            symmetric(secret=HEX, encoding="hex"),
            by_hmac("text"),
            "It holds if the secret is read as text: say so in the key's encoding.",
            id="encoding",
        ),
        pytest.param(
            pinned_partner(signature=replace(pinned_partner().signature, keys=(OLD,))),
            mint(),
            "A key was used that is no longer: its not_after has passed.",
            id="retired",
        ),
        pytest.param(
            pinned_partner(signature=replace(pinned_partner().signature, algorithms=frozenset({"ES256", "ES384"}))),
            mint(),
            None,
            id="holds",
        ),
    ],
)
def test_inspection_of_a_signature_that_does_not_hold_finds_the_likely_cause(
    partner: Partner, token: str, advice: str | None
) -> None:
    assert check(agree(Bench.of(partner), token), "signature").advice == advice


KEY = "0123456789abcdef0123456789abcdef"


def sharing(**material: Any) -> Partner:
    return pinned_partner(encryption=replace(SHARED, keys=(KeyMaterial(**material),)))


@pytest.mark.parametrize(
    ("partner", "token", "advice"),
    [
        pytest.param(
            sharing(secret=KEY, encoding="hex"),
            nested(mint()),
            "It holds if the secret is read as text: say so in the key's encoding.",
            id="encoding",
        ),
        pytest.param(
            sharing(secret=KEY, encoding="text", not_after=NOW),
            nested(mint()),
            "A key was used that is no longer: its not_after has passed.",
            id="retired",
        ),
        pytest.param(
            sharing(secret=KEY[:16], encoding="text"),
            nested(mint()),
            "None of the configured keys has the type, curve or size that dir with A256GCM asks for.",
            id="size",
        ),
        pytest.param(sharing(secret=KEY[::-1], encoding="text"), nested(mint()), None, id="another-secret"),
    ],
)
def test_inspection_of_what_does_not_open_finds_the_likely_cause(
    partner: Partner, token: str, advice: str | None
) -> None:
    found = check(agree(Bench.of(partner), token), "decryption")

    assert (found.passed, found.reason, found.advice) == (False, TokenReason.DECRYPTION_FAILED, advice)


def test_inspection_of_an_ecdsa_signature_in_der_says_so() -> None:
    token = mint()
    head = token.rpartition(".")[0]

    signature = check(agree(Bench.of(), f"{head}.MEUCIQDx"), "signature")

    assert signature.advice == (
        "The signature has 6 bytes; ES256 has 64. It is in DER: write r and s after one another (RFC 7518 section 3.4)."
    )


@pytest.mark.parametrize(
    ("asked", "caller", "error"),
    [
        pytest.param(Asked("other", "945645", ""), Caller("a", frozenset()), PartnerUnknown, id="no-partner"),
        pytest.param(Asked("acme", "other", ""), Caller("a", frozenset()), CampaignUnknown, id="no-campaign"),
        pytest.param(
            Asked("acme", "945645", ""), Caller("a", frozenset(), "other"), PartnerUnknown, id="of-another-partner"
        ),
    ],
)
def test_inspection_for_what_does_not_exist_for_the_caller_is_refused(
    asked: Asked, caller: Caller, error: type[VestibuleError]
) -> None:
    with pytest.raises(error):
        Bench.of().inspector(asked, caller)


def test_inspection_leaves_nothing_behind_and_logs_nothing() -> None:
    bench = Bench.of(single_use=True)
    twins = bench.verification

    with capture_logs() as events:
        bench.inspect(mint(jti="one", limit={"nb": 1}))
        bench.inspect(mint("k2"))

    assert events == []
    assert (twins.sessions.rows, twins.ledger.uses, twins.ledger.played) == ({}, {}, {})
    assert "ada" not in repr(bench.inspect(mint()))


def test_inspection_of_a_pinned_set_knows_at_once_that_a_kid_is_unknown() -> None:
    bench = published(mode=KeysetMode.PINNED)

    inspection = agree(bench, mint("k2"))

    assert inspection.verdict.status is TokenStatus.REJECTED
