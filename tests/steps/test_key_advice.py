"""What the inspector says of a signature that does not hold, or a JWE that does not open, where the keys tell why."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey

from app.domain.inspection import Check
from app.domain.partner import EncryptionConfig, EncryptionMethod, KeyMaterial, Partner
from app.jose.signing import generate_key
from app.reasons import TokenReason
from tests.builders import NOW
from tests.steps.inspecting import Bench, check
from tests.steps.verifying import mint, pinned_partner

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
