"""The rules between the members of a partner's document: keys, algorithms, addresses, expressions."""

from typing import Any

import pytest

from app.jose.signing import generate_key
from tests.documents.examples import HS_SECRET, partner_body, partner_mistakes

PRIVATE, PUBLIC = generate_key("ES256", "k1")
REQUIRED = "This member is required."
UNKNOWN = "There is no member of this name."
TEXT = "This must be text."
OBJECT = "This must be an object."
JWKS = {"method": "jwks", "jwks_url": "https://acme.example/jwks.json", "algorithms": ["RS256"]}


def signed(**changes: Any) -> dict[str, Any]:
    return partner_body(signature={**JWKS, **changes})


def public_key(*keys: object, algorithms: object = ("ES256",)) -> dict[str, Any]:
    listed = list(algorithms) if isinstance(algorithms, tuple) else algorithms
    return partner_body(signature={"method": "public_key", "keys": list(keys), "algorithms": listed})


def symmetric(*keys: object, algorithms: tuple[str, ...] = ("HS256",)) -> dict[str, Any]:
    return partner_body(signature={"method": "symmetric", "keys": list(keys), "algorithms": list(algorithms)})


def encrypted(*keys: object) -> dict[str, Any]:
    return partner_body(encryption={"method": "shared_secret", "keys": list(keys)})


def prefilled(**changes: Any) -> dict[str, Any]:
    return partner_body(prefill={"url": "https://api.acme.example/{sub}", **changes})


@pytest.mark.parametrize(
    ("body", "mistakes"),
    [
        pytest.param(
            signed(method="rsa"),
            {"signature.method": "This must be one of 'public_key', 'symmetric', 'jwks'."},
            id="method",
        ),
        pytest.param(partner_body(signature={"algorithms": ["RS256"]}), {"signature.method": REQUIRED}, id="no-method"),
        pytest.param(
            signed(algorithms=[]), {"signature.algorithms": "This must have at least 1 entries."}, id="no-algorithm"
        ),
        pytest.param(
            signed(algorithms=["RS256", "HS256"]),
            {"signature.algorithms[1]": "HS256 cannot be used with a published key."},
            id="jwks-with-hs",
        ),
        pytest.param(
            symmetric({"secret": HS_SECRET}, algorithms=("RS256",)),
            {"signature.algorithms[0]": "RS256 cannot be used with a shared secret."},
            id="secret-with-rs",
        ),
        pytest.param(
            signed(algorithms=["RS256", "RS256"]),
            {"signature.algorithms[1]": "This stands here twice."},
            id="algorithm-twice",
        ),
        pytest.param(
            signed(jwks_url="http://acme.example/jwks.json"),
            {"signature.jwks_url": "This address must begin with https://. (url_scheme_not_allowed)"},
            id="jwks-http",
        ),
        pytest.param(
            signed(jwks_url="https://169.254.169.254/"),
            {
                "signature.jwks_url": "The host of this address must be a name; the settings except no such IP address."
                " (url_host_is_address)"
            },
            id="jwks-metadata-address",
        ),
        pytest.param(signed(keys=[]), {"signature.keys": UNKNOWN}, id="jwks-with-keys"),
        pytest.param(
            public_key(), {"signature.keys": "This must have at least 1 entries."}, id="public-key-without-keys"
        ),
        pytest.param(
            public_key({"jwk": PUBLIC, "pem": "x"}),
            {"signature.keys[0]": "Give each key exactly one of pem and jwk."},
            id="pem-and-jwk",
        ),
        pytest.param(
            public_key({"jwk": PRIVATE}),
            {
                "signature.keys[0].jwk": "This holds a private key; give the public one, and treat the private one as"
                " disclosed. (private_key)"
            },
            id="private-jwk",
        ),
        pytest.param(
            public_key({"jwk": {"keys": [PUBLIC]}}),
            {"signature.keys[0].jwk": "This must be one JWK, not a JWK Set."},
            id="jwk-set",
        ),
        pytest.param(
            public_key({"pem": "MIIB"}),
            {"signature.keys[0].pem": "This must be a PEM block: BEGIN PUBLIC KEY or BEGIN CERTIFICATE. (not_pem)"},
            id="not-pem",
        ),
        pytest.param(
            public_key({"pem": "-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----"}),
            {
                "signature.keys[0].pem": "This PEM is damaged or not supported; PUBLIC KEY and CERTIFICATE of RSA, EC"
                " or Ed25519 are. (pem_unsupported)"
            },
            id="pem-of-pkcs1",
        ),
        pytest.param(
            public_key({"jwk": PUBLIC}, algorithms=("RS256",)),
            {"signature.keys[0]": "None of the listed algorithms can be used with this key."},
            id="key-without-algorithm",
        ),
        pytest.param(
            symmetric({"secret": HS_SECRET}, algorithms=("HS256", "HS512")),
            {"signature.keys[0].secret": "For HS512 a secret must have at least 64 octets."},
            id="secret-short-for-one",
        ),
        pytest.param(
            symmetric({"secret": "short"}),
            {"signature.keys[0].secret": "This secret is too short: at least 16 octets. (secret_too_short)"},
            id="secret-short",
        ),
        pytest.param(
            symmetric({"secret": "zz" * 32, "encoding": "hex"}),
            {"signature.keys[0].secret": "This is not hex; say which encoding it has. (secret_not_hex)"},
            id="secret-not-hex",
        ),
        pytest.param(
            symmetric({"secret": HS_SECRET, "kid": "a"}, {"secret": HS_SECRET, "kid": "a"}),
            {"signature.keys[1].kid": "Two keys have this kid."},
            id="kid-twice",
        ),
        pytest.param(
            symmetric({"secret": HS_SECRET, "not_after": "2027-03-01T00:00:00"}),
            {
                "signature.keys[0].not_after": "This must be a moment with its offset, such as 2027-03-01T00:00:00Z"
                " (RFC 3339)."
            },
            id="moment-without-offset",
        ),
    ],
)
def test_partner_signature_with_a_mistake_is_refused_there(body: object, mistakes: dict[str, str]) -> None:
    found = partner_mistakes(body)

    assert found == mistakes


@pytest.mark.parametrize(
    ("body", "mistakes"),
    [
        pytest.param(
            encrypted({"secret": "x" * 20}),
            {
                "encryption.keys[0].secret": "An encryption secret must have 16, 24, 32 or 64 octets, since it is an"
                " AES key."
            },
            id="no-aes-key",
        ),
        pytest.param(encrypted(), {"encryption.keys": "This must have at least 1 entries."}, id="no-key"),
        pytest.param(
            partner_body(encryption={"method": "key_pair", "keys": []}),
            {"encryption.keys": UNKNOWN},
            id="key-pair-keys",
        ),
        pytest.param(
            prefilled(url="https://localhost/"),
            {
                "prefill.url": "The host of this address is a local name; only public ones may be called."
                " (url_host_local)"
            },
            id="local-url",
        ),
        pytest.param(
            prefilled(url="https://api.acme.example/{name}"),
            {
                "prefill.url": "Braces may only hold sub or campaign_id, and only in the path or query."
                " (url_placeholder_not_allowed)"
            },
            id="placeholder",
        ),
        pytest.param(prefilled(method="PUT"), {"prefill.method": "This must be one of 'GET' or 'POST'."}, id="method"),
        pytest.param(
            prefilled(authorization={"from": "header"}),
            {"prefill.authorization.from": "This must be one of 'claim', 'token', 'static', 'none'."},
            id="authorization",
        ),
        pytest.param(
            prefilled(authorization={"from": "static"}), {"prefill.authorization.secret": REQUIRED}, id="static-empty"
        ),
        pytest.param(
            prefilled(authorization={"from": "token", "name": "x"}),
            {"prefill.authorization.name": UNKNOWN},
            id="token-with-name",
        ),
        pytest.param(
            prefilled(authorization={"from": "static", "secret": "a b"}),
            {
                "prefill.authorization.secret": "This must hold only visible ASCII characters, since it is sent in a"
                " header."
            },
            id="header-injection",
        ),
        pytest.param(
            prefilled(mapping={"form": {"a b": "x"}}),
            {
                "prefill.mapping.form.a b": "This name must have 1 to 64 characters of A-Z, a-z, 0-9, underscore, dot"
                " and hyphen."
            },
            id="mapping-key",
        ),
        pytest.param(
            prefilled(mapping={"form": {"a": "b["}}),
            {"prefill.mapping.form.a": "This is not a JMESPath expression that can be used: not JMESPath."},
            id="mapping-syntax",
        ),
        pytest.param(
            prefilled(mapping={"optin": {"a": "shell(@)"}}),
            {
                "prefill.mapping.optin.a": "This is not a JMESPath expression that can be used: "
                "unknown function or number of arguments."
            },
            id="mapping-function",
        ),
        pytest.param(
            prefilled(timeout_seconds=30.5), {"prefill.timeout_seconds": "This must be at most 30."}, id="timeout-long"
        ),
        pytest.param(
            prefilled(timeout_seconds=0.05), {"prefill.timeout_seconds": "This must be at least 0.1."}, id="timeout"
        ),
        pytest.param(
            prefilled(timeout_seconds=True), {"prefill.timeout_seconds": "This must be a number."}, id="boolean"
        ),
        pytest.param(
            prefilled(max_concurrency=0), {"prefill.max_concurrency": "This must be at least 1."}, id="concurrency"
        ),
        pytest.param(
            prefilled(max_concurrency=10001),
            {"prefill.max_concurrency": "This must be at most 10000."},
            id="concurrency-high",
        ),
    ],
)
def test_partner_encryption_or_prefill_with_a_mistake_is_refused_there(body: object, mistakes: dict[str, str]) -> None:
    found = partner_mistakes(body)

    assert found == mistakes


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(symmetric({"secret": "canary-canary"}), id="short-secret"),
        pytest.param(symmetric({"secret": "canary" * 6}, algorithms=("HS512",)), id="secret-short-for-algorithm"),
        pytest.param(encrypted({"secret": "canary-canary-canary-canary"}), id="encryption-secret"),
        pytest.param(prefilled(authorization={"from": "static", "secret": "canary\n"}), id="credential"),
        pytest.param(public_key({"pem": "-----BEGIN PRIVATE KEY-----\ncanary"}), id="private-pem"),
        pytest.param(signed(method="canary"), id="method"),
    ],
)
def test_partner_mistake_never_quotes_what_was_sent(body: object) -> None:
    found = partner_mistakes(body)

    assert found
    assert "canary" not in str(found)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        pytest.param(
            public_key({"jwk": {**PUBLIC, "note": [{"a\0": "b"}]}}), "signature.keys[0].jwk.note[0]", id="jwk-name"
        ),
        pytest.param(public_key({"jwk": {**PUBLIC, "x5u": "\0"}}), "signature.keys[0].jwk.x5u", id="jwk-member"),
        pytest.param(public_key({"pem": "\0"}), "signature.keys[0].pem", id="pem"),
        pytest.param(symmetric({"secret": HS_SECRET + "\0"}), "signature.keys[0].secret", id="secret"),
        pytest.param(prefilled(mapping={"form": {"a": "'\0'"}}), "prefill.mapping.form.a", id="expression"),
        pytest.param(partner_body(name="\0"), "name", id="name"),
    ],
)
def test_partner_with_a_text_that_no_database_keeps_is_refused_and_told_where(body: object, path: str) -> None:
    mistakes = partner_mistakes(body)

    assert mistakes[path] == "This must not hold control characters."
