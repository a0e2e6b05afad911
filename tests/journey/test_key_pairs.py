"""What we publish and make, in the hands of other people's libraries: access tokens, key pairs, the Crypto API."""

import json
import subprocess
import sys
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.jose import base64url
from tests.interop.node_libraries import NodeLibraries
from tests.interop.peers import Authlib, Encrypting, Joserfc, Npm, PyJwt, Signing
from tests.journey.calls import Answer, call, call_json
from tests.journey.scene import Scene, Stage
from tests.journey.tokens import claims_for

pytestmark = pytest.mark.journey

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCEPTED = {"status": "accepted", "reason": None, "encrypted": True}


def test_access_token_is_verified_by_every_library_with_the_published_keys(
    stage: Stage, node_libraries: NodeLibraries
) -> None:
    token, url = stage.management.bearer, f"{stage.deployment.url}/.well-known/jwks.json"
    header, said = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    (key,) = [key for key in call("GET", url).json()["keys"] if key["kid"] == header["kid"]]
    expected = {"alg": "ES256", "issuer": said["iss"], "audience": said["aud"], "typ": "at+jwt"}

    by_remote_set = node_libraries.ask("jose", "verify_remote", url=url, text=token, **expected)
    npm = [Npm(node_libraries, name) for name in NodeLibraries.NAMES]
    libraries: list[Signing] = [PyJwt(said["aud"]), Joserfc(), Authlib(), *npm]
    payloads = [library.verify(token, key, "ES256") for library in libraries]

    assert header["typ"] == "at+jwt"
    assert len({_canonical(payload) for payload in [*payloads, by_remote_set]}) == 1


@pytest.mark.parametrize("library", ["joserfc", "authlib", "jose", "node-jose"])
def test_token_that_a_library_encrypts_for_a_published_key_is_accepted(
    stage: Stage, node_libraries: NodeLibraries, library: str
) -> None:
    scene = stage.scene(partner={"encryption": {"method": "key_pair", "required": True}})
    published = _published(stage, scene)
    peers: dict[str, Encrypting] = {"joserfc": Joserfc(), "authlib": Authlib()}
    peer = peers.get(library) or Npm(node_libraries, library)
    usable = [key for key in published if library != "node-jose" or key["kty"] != "OKP"]

    tokens = [
        peer.encrypt(scene.signer.sign(claims_for(scene.campaign_id)), key, key["alg"], "A256GCM", key["kid"])
        for key in usable
    ]
    sessions = [scene.settle(visit) for visit in [scene.bring(token) for token in tokens]]

    assert len(usable) == (3 if library == "node-jose" else 5)
    assert [session["token"] for session in sessions] == [ACCEPTED] * len(usable)


@pytest.mark.parametrize("method", ["key_pair", "crypto_api"])
def test_token_that_the_crypto_api_makes_for_an_assertion_is_accepted(stage: Stage, method: str) -> None:
    scene = stage.scene(partner={"encryption": {"method": method, "required": True}})
    signed = scene.signer.sign(claims_for(scene.campaign_id, form={"firstname": "Ada"}))

    encrypted = _encrypted(stage, scene, signed)
    session = scene.settle(scene.bring(encrypted))
    bare = scene.settle(scene.bring(signed))

    assert json.loads(base64url.decode(encrypted.partition(".")[0]))["alg"] == "ECDH-ES+A256KW"
    assert session["token"] == ACCEPTED
    assert session["prefill"]["form"] == {"firstname": "Ada"}
    assert bare["token"] == {"status": "rejected", "reason": "token_not_encrypted", "encrypted": False}


def test_token_for_the_key_pair_before_is_accepted_after_a_rotation_and_so_is_one_for_the_new(stage: Stage) -> None:
    scene = stage.scene(partner={"encryption": {"method": "crypto_api", "required": True}})
    old_keys, old = _published(stage, scene), _encrypted(stage, scene, scene.signer.sign(claims_for(scene.campaign_id)))

    _rotate(stage, scene)
    new_keys = _published(stage, scene)
    signed = [scene.signer.sign(claims_for(scene.campaign_id)) for _ in range(2)]
    for_new = jwe.encrypt_compact(
        {"alg": "ECDH-ES+A256KW", "enc": "A128CBC-HS256", "kid": new_keys[0]["kid"]}, signed[0], _key(new_keys[0])
    )
    tokens = [old, for_new, _encrypted(stage, scene, signed[1])]
    sessions = [scene.settle(visit) for visit in [scene.bring(token) for token in tokens]]

    assert {key["kid"] for key in old_keys}.isdisjoint(key["kid"] for key in new_keys)
    assert [session["token"] for session in sessions] == [ACCEPTED] * 3


def test_token_for_a_key_pair_that_was_rotated_without_an_overlap_is_refused(stage: Stage) -> None:
    scene = stage.scene(partner={"encryption": {"method": "crypto_api"}})
    old = _encrypted(stage, scene, scene.signer.sign(claims_for(scene.campaign_id)))

    _rotate(stage, scene, "--overlap-hours", "0")

    session = scene.settle(scene.bring(old))
    assert session["token"] == {"status": "rejected", "reason": "decryption_failed", "encrypted": True}


def test_encryption_keys_are_a_public_set_without_private_members(stage: Stage) -> None:
    scene = stage.scene(partner={"encryption": {"method": "key_pair"}})

    answer = call("GET", _keys_url(stage, scene))

    assert (answer.status, answer.headers["cache-control"]) == (200, "public, max-age=300")
    assert all({"d", "p", "q", "dp", "dq", "qi", "k"}.isdisjoint(key) for key in answer.json()["keys"])


def _keys_url(stage: Stage, scene: Scene) -> str:
    return f"{stage.deployment.url}/v1/partners/{scene.partner_id}/encryption-keys"


def _published(stage: Stage, scene: Scene) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = call("GET", _keys_url(stage, scene)).json()["keys"]
    return keys


def _encrypted(stage: Stage, scene: Scene, signed: str) -> str:
    form = {"grant_type": JWT_BEARER, "client_id": scene.partner_id, "assertion": signed}
    content = {"Content-Type": "application/x-www-form-urlencoded"}
    granted = call("POST", f"{stage.deployment.url}/oauth/token", content, urlencode(form).encode())
    assert granted.status == 200, str(granted)
    bearer = {"Authorization": f"Bearer {granted.json()['access_token']}"}
    answer: Answer = call_json("POST", f"{stage.deployment.url}/v1/crypto/encrypt", {"token": signed}, bearer)
    assert answer.status == 200, str(answer)
    return str(answer.json()["token"])


def _rotate(stage: Stage, scene: Scene, *options: str) -> None:
    command = [sys.executable, "-m", "app", "partner", "rotate-keys", scene.partner_id, *options]
    subprocess.run(command, env=stage.deployment.environment(), check=True, capture_output=True)


def _key(jwk: dict[str, Any]) -> Any:
    kinds: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    return kinds[jwk["kty"]].import_key(jwk)


def _canonical(payload: str) -> str:
    return json.dumps(json.loads(payload), sort_keys=True)
