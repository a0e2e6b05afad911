"""A partner's document: its defaults, and each rule with the place and the words of its mistake."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from app.documents.partner import parse_partner_document, to_partner
from app.domain.outside import OutboundPolicy
from app.domain.partner import (
    Authorization,
    AuthorizationSource,
    EncryptionConfig,
    EncryptionMethod,
    KeyMaterial,
    Partner,
    PrefillConfig,
    SignatureConfig,
    SignatureMethod,
)
from app.jose.signing import generate_key
from tests.documents.examples import AES_SECRET, CREDENTIAL, HS_SECRET, OUTBOUND, partner_body, partner_mistakes

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


def test_partner_document_with_the_least_is_filled_with_every_default() -> None:
    body = partner_body(prefill={"url": "https://api.acme.example/{sub}"})

    document = parse_partner_document(body, None, OUTBOUND)

    assert document == {
        "name": "ACME",
        "issuer": None,
        "audience": None,
        "signature": JWKS,
        "encryption": None,
        "require_exp": True,
        "leeway_seconds": 60,
        "max_age_seconds": None,
        "prefill": {
            "url": "https://api.acme.example/{sub}",
            "method": "GET",
            "authorization": {"from": "claim", "name": "access_token"},
            "mapping": None,
            "timeout_seconds": 5,
            "max_concurrency": 50,
            "rate_per_second": None,
        },
    }


def test_partner_document_that_is_canonical_stays_as_it_is() -> None:
    document = parse_partner_document(
        {**public_key({"jwk": PUBLIC}), **{name: prefilled()[name] for name in ("prefill",)}}, None, OUTBOUND
    )

    again = parse_partner_document(document, None, OUTBOUND)

    assert again == document


@pytest.mark.parametrize(
    ("body", "mistakes"),
    [
        pytest.param([], {"": OBJECT}, id="a-list"),
        pytest.param({}, {"name": REQUIRED, "signature": REQUIRED}, id="nothing"),
        pytest.param(partner_body(nmae="x"), {"nmae": UNKNOWN}, id="unknown-member"),
        pytest.param(partner_body(name=""), {"name": "This must not be empty."}, id="empty-name"),
        pytest.param(partner_body(name=5), {"name": TEXT}, id="number-for-text"),
        pytest.param(
            partner_body(name="a\0b"), {"name": "This must not hold control characters."}, id="control-character"
        ),
        pytest.param(partner_body(name="x" * 201), {"name": "This must have at most 200 characters."}, id="long-name"),
        pytest.param(
            partner_body(leeway_seconds="60"), {"leeway_seconds": "This must be a whole number."}, id="text-for-number"
        ),
        pytest.param(
            partner_body(leeway_seconds=True),
            {"leeway_seconds": "This must be a whole number."},
            id="boolean-for-number",
        ),
        pytest.param(partner_body(leeway_seconds=301), {"leeway_seconds": "This must be at most 300."}, id="leeway"),
        pytest.param(partner_body(leeway_seconds=-1), {"leeway_seconds": "This must be at least 0."}, id="no-leeway"),
        pytest.param(partner_body(max_age_seconds=0), {"max_age_seconds": "This must be at least 1."}, id="max-age"),
        pytest.param(
            partner_body(require_exp=1), {"require_exp": "This must be true or false."}, id="number-for-boolean"
        ),
        pytest.param(partner_body(signature=None), {"signature": OBJECT}, id="signature-null"),
    ],
)
def test_partner_document_with_a_mistake_is_refused_there(body: object, mistakes: dict[str, str]) -> None:
    found = partner_mistakes(body)

    assert found == mistakes


def test_partner_document_with_many_mistakes_lists_all_at_once() -> None:
    body = {
        "nmae": "ACME",
        "signature": {
            "method": "symmetric",
            "keys": [{"secret": "short"}, {"pem": "x"}],
            "algorithms": ["none"],
        },
        "encryption": {"method": "shared_secret", "keys": [{"secret": "abc"}], "required": "yes"},
        "leeway_seconds": "60",
        "prefill": {
            "url": "https://10.0.0.1/{x}",
            "authorization": {"from": "static"},
            "mapping": {"form": {"a b": "b["}, "optin": []},
            "max_concurrency": 0,
        },
    }

    found = partner_mistakes(body)

    assert set(found) == {
        "nmae",
        "name",
        "signature.keys[0].secret",
        "signature.keys[1].secret",
        "signature.keys[1].pem",
        "signature.algorithms[0]",
        "encryption.keys[0].secret",
        "encryption.required",
        "leeway_seconds",
        "prefill.url",
        "prefill.authorization.secret",
        "prefill.mapping.form.a b",
        "prefill.mapping.optin",
        "prefill.max_concurrency",
    }


def test_partner_url_of_an_excepted_network_is_taken_with_http() -> None:
    body = signed(jwks_url="http://127.0.0.1:9000/jwks.json")

    document = parse_partner_document(body, None, OutboundPolicy((ip_network("127.0.0.0/8"),)))

    assert document["signature"]["jwks_url"] == "http://127.0.0.1:9000/jwks.json"


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param({"secret": "0123456789abcdef"}, id="text-of-16"),
        pytest.param({"secret": AES_SECRET}, id="base64url-of-32"),
        pytest.param({"secret": "ab" * 32, "encoding": "hex"}, id="hex-of-32"),
        pytest.param({"secret": "k" * 64, "encoding": "text", "kid": "a"}, id="text-of-64"),
    ],
)
def test_partner_encryption_secret_of_an_aes_key_is_taken(secret: dict[str, str]) -> None:
    found = partner_mistakes(encrypted(secret))

    assert found == {}


@pytest.mark.parametrize("method", ["key_pair", "crypto_api"])
def test_partner_encryption_for_keys_of_ours_is_taken(method: str) -> None:
    document = parse_partner_document(partner_body(encryption={"method": method, "required": True}), None, OUTBOUND)

    assert document["encryption"] == {"method": method, "required": True}


def test_partner_of_a_full_document_holds_all_that_it_says() -> None:
    body = {
        "name": "ACME",
        "issuer": "acme",
        "audience": "vestibule",
        "signature": {
            "method": "symmetric",
            "keys": [{"secret": HS_SECRET, "not_after": "2027-03-01T00:00:00Z"}],
            "algorithms": ["HS256"],
        },
        "encryption": {"method": "shared_secret", "keys": [{"secret": AES_SECRET, "kid": "e"}], "required": True},
        "require_exp": False,
        "leeway_seconds": 0,
        "max_age_seconds": 90,
        "prefill": {
            "url": "https://api.acme.example/{sub}",
            "method": "POST",
            "authorization": {"from": "static", "secret": CREDENTIAL},
            "mapping": {"form": {"firstname": "profile.given_name"}},
            "timeout_seconds": 0.5,
            "max_concurrency": 7,
            "rate_per_second": 2,
        },
    }

    partner = to_partner("acme", 3, parse_partner_document(body, None, OUTBOUND))

    assert partner == Partner(
        id="acme",
        version=3,
        name="ACME",
        signature=SignatureConfig(
            SignatureMethod.SYMMETRIC,
            frozenset({"HS256"}),
            (KeyMaterial(secret=HS_SECRET, encoding="text", not_after=datetime(2027, 3, 1, tzinfo=UTC)),),
        ),
        encryption=EncryptionConfig(
            EncryptionMethod.SHARED_SECRET, required=True, keys=(KeyMaterial(secret=AES_SECRET, kid="e"),)
        ),
        issuer="acme",
        audience="vestibule",
        require_exp=False,
        leeway=timedelta(0),
        max_age=timedelta(seconds=90),
        prefill=PrefillConfig(
            url="https://api.acme.example/{sub}",
            method="POST",
            authorization=Authorization(AuthorizationSource.STATIC, secret=CREDENTIAL),
            timeout=timedelta(seconds=0.5),
            max_concurrency=7,
            rate_per_second=2,
            form_mapping={"firstname": "profile.given_name"},
            optin_mapping={},
        ),
    )


def test_jwk_is_stored_without_what_no_key_needs() -> None:
    sent = {**PUBLIC, "x5u": "https://brand.example", "note": "\u00e9", "size": float("inf")}

    document = parse_partner_document(public_key({"jwk": sent}), None, OUTBOUND)

    assert document["signature"]["keys"][0]["jwk"] == PUBLIC
