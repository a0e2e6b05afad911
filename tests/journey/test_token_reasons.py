"""Every reason that a token can give for its refusal, read back as the participant sees it."""

import hmac
import json
import os
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.journey.deadline import eventually
from tests.journey.partner_double import Fault
from tests.journey.scene import Scene, Stage
from tests.journey.tokens import Signer, b64, claims_for, encrypt

pytestmark = pytest.mark.journey

REJECTED = {"allowed": False, "reason": "token_rejected", "remaining": None}
SCREEN = {"title": "Who are you?", "message": "Please come back from our mail.", "return_url": None}
NO_PREFILL: dict[str, object] = {
    "status": "none",
    "source": None,
    "reason": None,
    "form": {},
    "optin": {},
    "warnings": [],
}
STRICT = {"issuer": "acme", "audience": "vestibule", "max_age_seconds": 300}

Mint = Callable[[Scene], str]


def assert_refused(session: dict[str, Any], reason: str) -> None:
    assert session["token"]["reason"] == reason
    assert session["token"]["status"] == "rejected"
    assert session["participation"] == REJECTED
    assert session["screen"] == SCREEN
    assert session["prefill"] == NO_PREFILL


def claims(**changes: Any) -> Mint:
    return lambda scene: scene.signer.sign(claims_for(scene.campaign_id, **changes))


def payload(text: str) -> Mint:
    return lambda scene: scene.signer.forge({"alg": "RS256"}, text.replace("CAMPAIGN", scene.campaign_id).encode())


def header(**members: Any) -> Mint:
    def mint(scene: Scene) -> str:
        octets = json.dumps(claims_for(scene.campaign_id)).encode()
        return scene.signer.forge({"alg": "RS256", **members}, octets)

    return mint


def changed_after_signing(scene: Scene) -> str:
    head, _, signature = scene.signer.sign(claims_for(scene.campaign_id)).split(".")
    return f"{head}.{b64(json.dumps(claims_for(scene.campaign_id)).encode())}.{signature}"


def unsigned(scene: Scene) -> str:
    return jwt.encode(claims_for(scene.campaign_id), "", algorithm="none")


def signed_with_the_public_key_as_secret(scene: Scene) -> str:
    head, body = b64(b'{"alg":"HS256"}'), b64(json.dumps(claims_for(scene.campaign_id)).encode())
    signature = hmac.digest(scene.signer.pem.encode(), f"{head}.{body}".encode(), "sha256")  # PyJWT refuses to
    return f"{head}.{body}.{b64(signature)}"


def by_a_stranger(scene: Scene) -> str:
    return Signer.stranger().sign(claims_for(scene.campaign_id))


NOW, HOUR = time.time(), 3600
"""When the tests were collected; what is said to be in the future is so to the end of the run."""
CASES: list[tuple[str, Mint, str]] = [
    ("expired", claims(exp=NOW - 61), "token_expired"),
    ("without-exp", claims(exp=None), "claim_missing"),
    ("exp-as-text", claims(exp="tomorrow"), "claim_invalid"),
    ("exp-infinite", payload('{"sub":"a","campaignId":"CAMPAIGN","exp":1e400}'), "claim_invalid"),
    ("nbf-in-the-future", claims(nbf=NOW + HOUR), "token_not_yet_valid"),
    ("iat-in-the-future", claims(iat=NOW + HOUR), "token_not_yet_valid"),
    ("without-sub", claims(sub=None), "claim_missing"),
    ("sub-too-long", claims(sub="x" * 257), "claim_invalid"),
    ("sub-true", payload('{"sub":true,"campaignId":"CAMPAIGN","exp":9999999999}'), "claim_invalid"),
    ("without-campaign", claims(campaignId=None), "claim_missing"),
    ("other-campaign", claims(campaignId="another"), "campaign_mismatch"),
    ("limit-no-object", claims(limit=3), "claim_invalid"),
    ("limit-nb-negative", claims(limit={"nb": -1}), "claim_invalid"),
    ("limit-canPlay-text", claims(limit={"canPlay": "yes"}), "claim_invalid"),
    ("gift-no-object", claims(gift="Spa"), "claim_invalid"),
    ("custom-too-large", claims(custom={"x": "y" * 8200}), "claim_invalid"),
    ("signature-of-a-stranger", by_a_stranger, "signature_invalid"),
    ("changed-after-signing", changed_after_signing, "signature_invalid"),
    ("unsigned", unsigned, "alg_not_allowed"),
    ("public-key-as-secret", signed_with_the_public_key_as_secret, "alg_not_allowed"),
    ("claims-no-json", payload("not json"), "claims_malformed"),
    ("claims-a-list", payload("[]"), "claims_malformed"),
    ("claims-name-twice", payload('{"sub":"","sub":"","campaignId":"CAMPAIGN","exp":9999999999}'), "claims_malformed"),
    ("claims-too-deep", payload('{"a":' * 20 + "1" + "}" * 20), "claims_malformed"),
    ("header-crit", header(crit=["exp"]), "token_malformed"),
    ("header-jwk", header(jwk={"kty": "oct", "k": "AA"}), "token_malformed"),
    ("header-jku", header(jku="https://attacker.example/"), "token_malformed"),
    ("header-b64", header(b64=False), "token_malformed"),
]  # fmt: skip


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return stage.scene(Signer.make("RS256"))


def test_token_that_breaks_a_rule_is_refused_for_that_reason(scene: Scene) -> None:
    visits = {name: scene.bring(mint(scene)) for name, mint, _ in CASES}

    sessions = {name: scene.settle(visit) for name, visit in visits.items()}

    reasons = {name: session["token"]["reason"] for name, session in sessions.items()}
    assert reasons == {name: reason for name, _, reason in CASES}
    for name, _, reason in CASES:
        assert_refused(sessions[name], reason)


def test_token_that_breaks_a_rule_of_its_partner_is_refused_for_that_reason(stage: Stage) -> None:
    scene = stage.scene(partner=STRICT)
    right = {"iss": "acme", "aud": ["other", "vestibule"]}

    sessions = {
        "right": scene.play(**right),
        "issuer": scene.play(**{**right, "iss": "Acme"}),
        "no issuer": scene.play(aud="vestibule"),
        "audience": scene.play(**{**right, "aud": "other"}),
        "old": scene.play(**right, iat=int(time.time()) - 361),
        "no iat": scene.play(**right, iat=None),
    }

    assert {name: session["token"]["reason"] for name, session in sessions.items()} == {
        "right": None,
        "issuer": "issuer_mismatch",
        "no issuer": "issuer_mismatch",
        "audience": "audience_mismatch",
        "old": "token_too_old",
        "no iat": "claim_missing",
    }


def test_token_without_jti_in_a_campaign_of_single_use_is_refused(stage: Stage) -> None:
    scene = stage.scene(campaign={"single_use": True})

    without, with_jti = scene.play(), scene.play(jti="once-1")

    assert_refused(without, "claim_missing")
    assert with_jti["token"]["status"] == "accepted"


def test_token_that_is_not_encrypted_as_demanded_is_refused(stage: Stage) -> None:
    keys = [{"secret": os.urandom(32).hex(), "encoding": "hex"}]
    scene = stage.scene(partner={"encryption": {"method": "shared_secret", "keys": keys, "required": True}})

    assert_refused(scene.play(), "token_not_encrypted")


def test_token_that_is_encrypted_unexpectedly_is_refused(scene: Scene) -> None:
    signed = scene.signer.sign(claims_for(scene.campaign_id))

    session = scene.settle(scene.bring(encrypt(signed, os.urandom(32), "dir", "A256GCM")))

    assert session["token"]["encrypted"] is True
    assert_refused(session, "token_unexpectedly_encrypted")


def test_token_that_does_not_decrypt_or_holds_no_token_is_refused(stage: Stage) -> None:
    secret = os.urandom(32)
    keys = [{"secret": secret.hex(), "encoding": "hex"}]
    scene = stage.scene(partner={"encryption": {"method": "shared_secret", "keys": keys}})
    signed = scene.signer.sign(claims_for(scene.campaign_id))
    tokens = {
        "other secret": encrypt(signed, os.urandom(32), "dir", "A256GCM"),
        "other length": encrypt(signed, os.urandom(16), "A128KW", "A128GCM"),
        "bare claims": encrypt(json.dumps(claims_for(scene.campaign_id)), secret, "dir", "A256GCM"),
        "twice encrypted": encrypt(encrypt(signed, secret, "dir", "A256GCM"), secret, "dir", "A256GCM"),
        "cty": encrypt(signed, secret, "dir", "A256GCM", {"cty": "text/plain"}),
    }

    sessions = {name: scene.settle(scene.bring(token)) for name, token in tokens.items()}

    assert {name: session["token"]["reason"] for name, session in sessions.items()} == {
        "other secret": "decryption_failed",
        "other length": "decryption_failed",
        "bare claims": "token_malformed",
        "twice encrypted": "token_malformed",
        "cty": "token_malformed",
    }


def test_token_without_kid_or_with_one_that_no_refresh_brings_is_refused(stage: Stage) -> None:
    scene = stage.scene(Signer.make("ES256", kid="2027-01"), method="jwks")
    assert scene.play()["token"]["status"] == "accepted"
    nameless, unknown = Signer("ES256", scene.signer.key), Signer("ES256", scene.signer.key, kid="2099-12")

    without = scene.settle(scene.bring(nameless.sign(claims_for(scene.campaign_id))))
    invented = scene.settle(scene.bring(unknown.sign(claims_for(scene.campaign_id))))

    assert_refused(without, "kid_missing")
    assert_refused(invented, "kid_unknown")
    assert scene.endpoint.jwks_hits == 2


def test_token_of_a_jwks_that_stays_away_is_refused_when_the_wait_is_over(stage: Stage) -> None:
    signer = Signer.make("ES256", kid="2027-01")
    scene = stage.scene(signer, method="jwks", jwks_fault=Fault.SERVER_ERROR)

    visit = scene.arrive()
    eventually(lambda: scene.endpoint.jwks_hits, 5, "a look at the JWK Set")
    at_first = scene.participants.read(visit)

    assert at_first["token"] == {"status": "pending", "reason": None, "encrypted": False}
    assert at_first["settled"] is False
    assert_refused(scene.settle(visit), "keys_unavailable")
