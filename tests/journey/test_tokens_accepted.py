"""Every way that a partner may sign and encrypt, on every stack, minted by other libraries than ours."""

import os
import time

import pytest

from tests.journey.deadline import eventually
from tests.journey.partner_double import Fault
from tests.journey.scene import Stage
from tests.journey.tokens import Signer, claims_for, encrypt

pytestmark = pytest.mark.journey

SHARED_SECRETS = {"A128KW": 16, "A256KW": 32, "A128GCMKW": 16, "A256GCMKW": 32, "dir": 32}


@pytest.mark.parametrize("alg", [pytest.param(alg, id=alg) for alg in ("RS256", "PS256", "ES256", "EdDSA")])
def test_token_signed_with_a_configured_public_key_is_accepted(stage: Stage, alg: str) -> None:
    scene = stage.scene(Signer.make(alg))

    session = scene.play()

    assert session["token"] == {"status": "accepted", "reason": None, "encrypted": False}
    assert session["participation"] == {"allowed": True, "reason": None, "remaining": None}


def test_token_signed_with_a_shared_secret_is_accepted(stage: Stage) -> None:
    scene = stage.scene(Signer.make("HS256"), method="symmetric")

    session = scene.play()

    assert session["token"] == {"status": "accepted", "reason": None, "encrypted": False}


def test_token_of_a_cold_jwks_waits_for_one_fetch_and_is_accepted(stage: Stage) -> None:
    scene = stage.scene(Signer.make("ES256", kid="2027-01"), method="jwks")
    began_at = time.monotonic()

    sessions = [scene.settle(visit) for visit in [scene.arrive() for _ in range(5)]]

    assert [session["token"]["status"] for session in sessions] == ["accepted"] * 5
    assert scene.endpoint.jwks_hits == 1
    assert time.monotonic() - began_at < 5


def test_token_of_a_rotated_key_waits_for_one_refresh_and_is_accepted(stage: Stage) -> None:
    old, new = Signer.make("ES256", kid="old"), Signer.make("ES256", kid="new")
    scene = stage.scene(old, method="jwks")
    assert scene.play()["token"]["status"] == "accepted"
    scene.endpoint.jwks = [old.jwk, new.jwk]

    rotated = scene.settle(scene.bring(new.sign(claims_for(scene.campaign_id))))
    still_old = scene.play()

    assert rotated["token"]["status"] == "accepted"
    assert still_old["token"]["status"] == "accepted"
    assert scene.endpoint.jwks_hits == 2


def test_token_of_a_jwks_that_comes_back_is_accepted(stage: Stage) -> None:
    scene = stage.scene(Signer.make("ES256", kid="2027-01"), method="jwks")
    scene.endpoint.jwks_fault = Fault.SERVER_ERROR
    visit = scene.arrive()
    eventually(lambda: scene.endpoint.jwks_hits, 5, "a look at the JWK Set")

    scene.endpoint.jwks_fault = Fault.NONE

    assert scene.settle(visit)["token"]["status"] == "accepted"


@pytest.mark.parametrize(
    ("alg", "enc"),
    [
        pytest.param("dir", "A256GCM", id="dir-A256GCM"),
        pytest.param("A128KW", "A128CBC-HS256", id="A128KW-A128CBC-HS256"),
        pytest.param("A256KW", "A256CBC-HS512", id="A256KW-A256CBC-HS512"),
        pytest.param("A128GCMKW", "A128GCM", id="A128GCMKW-A128GCM"),
        pytest.param("A256GCMKW", "A256GCM", id="A256GCMKW-A256GCM"),
    ],
)
def test_token_encrypted_with_a_shared_secret_is_accepted_as_encrypted(stage: Stage, alg: str, enc: str) -> None:
    secret = os.urandom(SHARED_SECRETS[alg])
    keys = [{"secret": secret.hex(), "encoding": "hex"}]
    scene = stage.scene(partner={"encryption": {"method": "shared_secret", "keys": keys, "required": True}})

    signed = scene.signer.sign(claims_for(scene.campaign_id, form={"firstname": "Ada"}))
    session = scene.settle(scene.bring(encrypt(signed, secret, alg, enc)))

    assert session["token"] == {"status": "accepted", "reason": None, "encrypted": True}
    assert session["prefill"]["form"] == {"firstname": "Ada"}


def test_token_of_a_secret_of_unnamed_encoding_is_accepted(stage: Stage) -> None:
    secret = os.urandom(32)
    keys = [{"secret": secret.hex(), "kid": None}]
    scene = stage.scene(partner={"encryption": {"method": "shared_secret", "keys": keys}})

    signed = scene.signer.sign(claims_for(scene.campaign_id))
    encrypted = scene.settle(scene.bring(encrypt(signed, secret, "dir", "A256GCM")))
    bare = scene.play()

    assert encrypted["token"] == {"status": "accepted", "reason": None, "encrypted": True}
    assert bare["token"] == {"status": "accepted", "reason": None, "encrypted": False}


def test_token_posted_as_application_jwt_is_accepted(stage: Stage) -> None:
    scene = stage.scene()
    token = scene.signer.sign(claims_for(scene.campaign_id))

    visit = scene.participants.arrive_bare(scene.campaign_id, token)

    assert scene.settle(visit)["token"]["status"] == "accepted"


def test_token_with_a_campaign_alias_is_accepted(stage: Stage) -> None:
    scene = stage.scene(campaign={"aliases": ["945645"]})

    as_text, as_number = scene.play(campaignId="945645"), scene.play(campaignId=945645)

    assert [as_text["token"]["status"], as_number["token"]["status"]] == ["accepted", "accepted"]


def test_token_signed_with_the_second_configured_key_is_accepted(stage: Stage) -> None:
    first, second = Signer.make("ES256"), Signer.make("ES256")
    keys = [{"pem": first.pem}, {"jwk": second.jwk}]
    signature = {"method": "public_key", "algorithms": ["ES256"], "keys": keys}
    scene = stage.scene(second, partner={"signature": signature})

    session = scene.play()

    assert session["token"]["status"] == "accepted"
