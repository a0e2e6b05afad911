"""What the inspector says of a signature that does not hold, or a JWE that does not open, where the keys tell why."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey

from app.domain.inspection import Check
from app.domain.keyset import DroppedKey
from app.domain.partner import (
    EncryptionConfig,
    EncryptionMethod,
    KeyMaterial,
    Partner,
    SignatureConfig,
    SignatureMethod,
)
from app.jose.signing import generate_key
from app.reasons import TokenReason
from tests.builders import NOW, SOURCE, keyset
from tests.steps.inspecting import Bench, check
from tests.steps.verifying import key_pair, mint, pinned_partner, published_partner

SHORT, LONG, OTHER = "s" * 16, "l" * 32, "o" * 32
RETIRED = "A key was used that is no longer: its not_after has passed."
OLD = NOW - timedelta(days=1)


@cache
def our_rsa_key() -> dict[str, str]:
    return generate_key("RSA-OAEP-256", "ours")[0]


def sharing(*keys: KeyMaterial) -> Partner:
    return pinned_partner(encryption=EncryptionConfig(EncryptionMethod.SHARED_SECRET, required=True, keys=keys))


def paired(*keys: KeyMaterial) -> Partner:
    return pinned_partner(encryption=EncryptionConfig(EncryptionMethod.KEY_PAIR, required=True, keys=keys))


def shared(kid: str, secret: str, **changes: Any) -> KeyMaterial:
    return KeyMaterial(secret=secret, kid=kid, encoding="text", **changes)


def encrypted(key: Any, alg: str = "dir", enc: str = "A256GCM", kid: str | None = None) -> str:
    header = {"alg": alg, "enc": enc, "cty": "JWT", **({} if kid is None else {"kid": kid})}
    return jwe.encrypt_compact(header, mint(), key, algorithms=[alg, enc])


def secret(text: str) -> OctKey:
    return OctKey.import_key({"kty": "oct", "k": urlsafe_b64encode(text.encode()).decode().rstrip("=")})


def decryption(partner: Partner, token: str) -> Check:
    return check(Bench.of(partner).inspect(token), "decryption")


def test_decryption_by_an_algorithm_that_is_not_allowed_speaks_of_no_key() -> None:
    key = our_rsa_key()
    published = RSAKey.import_key({name: value for name, value in key.items() if name != "alg"})

    by_key_pair = decryption(paired(KeyMaterial(jwk=key, kid="ours")), encrypted(published, "RSA-OAEP", kid="ours"))
    by_secret = decryption(sharing(shared("k", LONG)), encrypted(secret(LONG), "A256KW", "A192GCM"))

    assert [(one.reason, one.detail, one.advice) for one in (by_key_pair, by_secret)] == [
        (TokenReason.ALG_NOT_ALLOWED, "alg", None),
        (TokenReason.ALG_NOT_ALLOWED, "enc", None),
    ]


@pytest.mark.parametrize(
    ("keys", "token", "advice"),
    [
        pytest.param(
            [shared("k16", SHORT), shared("k32", LONG)],
            encrypted(secret(LONG), kid="k16"),
            "Its kid names another key than the one that opens it, which has kid k32.",
            id="of-another-size",
        ),
        pytest.param(
            [shared("k1", OTHER), KeyMaterial(secret=LONG, encoding="text")],
            encrypted(secret(LONG), kid="k1"),
            "Its kid names another key than the one that opens it, which has no kid.",
            id="of-the-same-size",
        ),
        pytest.param(
            [shared("k16", SHORT), shared("k32", LONG)],
            encrypted(secret(OTHER), kid="k16"),
            "The key that its kid names has not the type, curve or size that dir with A256GCM asks for.",
            id="unfit",
        ),
        pytest.param(
            [shared("k1", OTHER), shared("k2", SHORT * 2)], encrypted(secret(LONG), kid="k1"), None, id="none"
        ),
    ],
)
def test_decryption_with_a_kid_is_compared_with_the_key_that_it_names(
    keys: list[KeyMaterial], token: str, advice: str | None
) -> None:
    found = decryption(sharing(*keys), token)

    assert (found.reason, found.advice) == (TokenReason.DECRYPTION_FAILED, advice)


@pytest.mark.parametrize(
    ("keys", "token", "advice"),
    [
        pytest.param(
            [shared("old", LONG, not_after=OLD), shared("new", OTHER)], encrypted(secret(LONG)), RETIRED, id="retired"
        ),
        pytest.param(
            [shared("old", LONG, not_after=OLD)],
            encrypted(secret(OTHER)),
            "None of the configured keys is in use any more: the not_after of each has passed.",
            id="all-retired",
        ),
        pytest.param(
            [replace(shared("old", LONG.encode().hex(), not_after=OLD), encoding="hex"), shared("new", OTHER)],
            encrypted(secret(LONG.encode().hex()), "dir", "A256CBC-HS512"),
            "None of the configured keys has the type, curve or size that dir with A256CBC-HS512 asks for.",
            id="another-reading-of-a-retired-one",
        ),
    ],
)
def test_decryption_tells_a_retired_key_by_those_that_are_in_use(
    keys: list[KeyMaterial], token: str, advice: str
) -> None:
    assert decryption(sharing(*keys), token).advice == advice


@cache
def public_rsa_key() -> dict[str, Any]:
    return {**generate_key("RS256", "r")[1]}


def signed_as(alg: str, kid: str, signature_bytes: int) -> str:
    """Return a token of that algorithm whose signature does not hold."""
    header = urlsafe_b64encode(json.dumps({"alg": alg, "kid": kid}).encode()).decode().rstrip("=")
    signature = urlsafe_b64encode(bytes(signature_bytes)).decode().rstrip("=")
    return f"{header}.e30.{signature}"


def unfit(**changes: Any) -> dict[str, Any]:
    key = {name: value for name, value in public_rsa_key().items() if name not in {"alg", "use"}}
    return {**key, **changes}


def configured(*jwks: dict[str, Any]) -> Bench:
    keys = tuple(KeyMaterial(jwk=jwk) for jwk in jwks)
    algorithms = frozenset({"RS256", "PS256", "ES256", "ES384"})
    return Bench.of(pinned_partner(signature=SignatureConfig(SignatureMethod.PUBLIC_KEY, algorithms, keys)))


def publishing(*jwks: dict[str, Any]) -> Bench:
    signature = replace(published_partner().signature, algorithms=frozenset({"RS256", "PS256", "ES256", "ES384"}))
    bench = Bench.of(published_partner(signature=signature))
    bench.verification.keysets.rows[SOURCE] = keyset(keys=jwks)
    return bench


@pytest.mark.parametrize(
    ("jwk", "restriction"),
    [
        pytest.param({"alg": "RS256"}, "alg RS256", id="alg"),
        pytest.param({"use": "enc"}, "use enc", id="use"),
        pytest.param({"key_ops": ["encrypt", "wrapKey"]}, "key_ops encrypt, wrapKey", id="key-ops"),
    ],
)
def test_signature_by_a_configured_key_that_says_it_is_for_something_else_tells_what(
    jwk: dict[str, Any], restriction: str
) -> None:
    bench = configured(unfit(**jwk), key_pair("k1")[1])

    found = check(bench.inspect(signed_as("PS256", "r", 256)), "signature")

    assert found.advice == (
        f"The configured key of the type that PS256 asks for is not for PS256: its JWK says {restriction}."
    )


@pytest.mark.parametrize(
    ("jwk", "token", "advice"),
    [
        pytest.param(
            lambda: unfit(alg="RS256"),
            signed_as("PS256", "r", 256),
            "The key that its kid names is not for PS256: its JWK says alg RS256.",
            id="alg-of-the-same-type",
        ),
        pytest.param(
            lambda: {**key_pair("k1")[1], "kid": "r", "alg": "ES384"},
            signed_as("ES256", "r", 64),
            "The key that its kid names is not for ES256: its JWK says alg ES384.",
            id="alg-of-another-curve",
        ),
        pytest.param(
            lambda: {**key_pair("k1")[1], "kid": "r"},
            signed_as("RS256", "r", 256),
            "The key that its kid names is of another kind than RS256 asks for: EC P-256.",
            id="another-type",
        ),
        pytest.param(
            unfit,
            signed_as("ES256", "r", 64),
            "The key that its kid names is of another kind than ES256 asks for: RSA of 2048 bits.",
            id="another-size",
        ),
        pytest.param(unfit, signed_as("PS256", "r", 256), None, id="fitting"),
    ],
)
def test_signature_by_a_published_key_that_is_not_for_it_tells_why(
    jwk: Callable[[], dict[str, Any]], token: str, advice: str | None
) -> None:
    inspection = publishing(jwk()).inspect(token)

    found = check(inspection, "signature")

    assert check(inspection, "key").passed is True
    assert (found.reason, found.advice) == (TokenReason.SIGNATURE_INVALID, advice)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        pytest.param(
            "not_for_verifying",
            "This key says (use, key_ops) that it does not verify signatures. (not_for_verifying)",
            id="use",
        ),
        pytest.param(
            "kid_ambiguous", "Several usable keys have this `kid`; give each its own. (kid_ambiguous)", id="ambiguous"
        ),
    ],
)
@pytest.mark.parametrize("fetched_before", [timedelta(0), timedelta(hours=1)], ids=["refused", "waiting"])
def test_key_of_a_kid_that_the_set_drops_tells_the_reason(reason: str, told: str, fetched_before: timedelta) -> None:
    bench = publishing(key_pair("k1")[1])
    rows = bench.verification.keysets.rows
    dropped = (DroppedKey(None, "kid_missing"), DroppedKey("enc", reason), DroppedKey("enc", reason))
    rows[SOURCE] = replace(rows[SOURCE], dropped=dropped, fetched_at=NOW - fetched_before)

    found = check(bench.inspect(mint(named="enc")), "key")
    other = check(bench.inspect(mint(named="other")), "key")

    assert (found.passed, found.reason) == (None if fetched_before else False, TokenReason.KID_UNKNOWN)
    assert found.advice == f"The key set has this kid, and its key is dropped. {told}."
    assert other.advice is None


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
@pytest.mark.parametrize("make", [publishing, configured])
def test_signature_of_rsa_that_was_cut_is_told_by_its_length(alg: str, make: Callable[..., Bench]) -> None:
    bench = make(unfit())

    cut, whole = (check(bench.inspect(signed_as(alg, "r", size)), "signature") for size in (250, 256))

    assert cut.advice == f"The signature has 250 bytes; {alg} has 256 with the keys that are there."
    assert whole.advice is None
