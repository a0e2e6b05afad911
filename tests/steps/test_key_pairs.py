"""Our key pairs: made once, published by the method, rotated with an overlap, and open to what other libraries make."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.key_pairs import KeyGeneration
from app.errors import EncryptionKeysUnknown, PartnerUnknown, TokenRejected
from app.jose.encryption import CONTENT_ENCODINGS
from app.jose.keys import ImportedKeys, import_keys
from app.jose.signing import generate_key
from app.management_ports import AuditEntry
from app.reasons import TokenReason
from app.steps.authorize import Caller
from tests.builders import NOW
from tests.fakes import MemoryKeyPairs
from tests.steps.pairs import ADMIN, Pairs, encrypted_by_joserfc, paired_body

AGREEING = [("EC", "P-256", "ECDH-ES"), ("EC", "P-256", "ECDH-ES+A256KW")]
AGREEING += [("OKP", "X25519", "ECDH-ES"), ("OKP", "X25519", "ECDH-ES+A256KW")]
WEEK = timedelta(days=7)


@dataclass(slots=True)
class Racing(MemoryKeyPairs):
    """Tells its first three callers what stood there before any of them wrote."""

    early: int = 3

    def load(self, partner_id: str) -> Sequence[KeyGeneration]:
        self.early -= 1
        return () if self.early >= 0 else MemoryKeyPairs.load(self, partner_id)


def kinds(keys: list[dict[str, Any]]) -> list[tuple[object, object, object]]:
    return [(key["kty"], key.get("crv"), key["alg"]) for key in keys]


@pytest.fixture(scope="module")
def made() -> Pairs:
    pairs = Pairs()
    pairs.configure()
    return pairs


@pytest.mark.parametrize(
    ("method", "published"),
    [
        pytest.param("key_pair", [("RSA", None, "RSA-OAEP-256"), *AGREEING], id="key-pair"),
        pytest.param("crypto_api", [kind for kind in AGREEING if kind[2] == "ECDH-ES+A256KW"], id="crypto-api"),
    ],
)
def test_key_pairs_of_a_new_partner_are_published_for_its_method(method: str, published: list[Any]) -> None:
    pairs = Pairs()

    pairs.configure(method=method)

    keys = pairs.published()
    assert kinds(keys) == published
    assert {key["use"] for key in keys} == {"enc"}
    assert len({key["kid"] for key in keys}) == len(keys)
    members = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}}
    assert all(set(key) == members[key["kty"]] | {"kty", "kid", "use", "alg"} for key in keys)


def test_key_pairs_stay_when_the_partner_changes_otherwise(made: Pairs) -> None:
    before = made.published()

    made.configure(name="renamed")

    assert made.published() == before


def test_key_pairs_that_several_processes_make_together_are_made_once() -> None:
    pairs = Pairs(key_pairs=Racing())

    for _ in range(3):
        pairs.make.ensure("acme")

    assert [generation.number for generation in pairs.key_pairs.load("acme")] == [1]


@pytest.mark.parametrize(
    "encryption",
    [
        pytest.param(None, id="none"),
        pytest.param(
            {"method": "shared_secret", "keys": [{"secret": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]},
            id="shared-secret",
        ),
    ],
)
def test_key_pairs_of_a_partner_without_them_are_unknown(encryption: object) -> None:
    pairs = Pairs()
    pairs.configure(encryption=encryption)

    with pytest.raises(EncryptionKeysUnknown):
        pairs.published()

    assert pairs.key_pairs.load("acme") == []


def test_key_pairs_of_no_partner_are_unknown() -> None:
    with pytest.raises(EncryptionKeysUnknown):
        Pairs().published("nobody")


def test_key_pairs_of_a_partner_configured_before_there_were_any_are_made_when_asked_for(made: Pairs) -> None:
    pairs = Pairs(documents=made.documents)

    assert len(pairs.published()) == 5


@pytest.mark.parametrize("enc", sorted(CONTENT_ENCODINGS))
@pytest.mark.parametrize("kid", [pytest.param("own", id="named"), pytest.param(None, id="unnamed")])
@pytest.mark.parametrize("index", range(5), ids=["rsa", "p256", "p256-kw", "x25519", "x25519-kw"])
def test_token_encrypted_by_joserfc_is_accepted(made: Pairs, index: int, kid: str | None, enc: str) -> None:
    token = encrypted_by_joserfc(made.published()[index], enc, kid=kid)

    assert made.judge(token).claims["sub"] == "ada"


@pytest.mark.parametrize(("index", "alg"), [(1, "ECDH-ES+A256KW"), (2, "ECDH-ES"), (3, "ECDH-ES+A256KW")])
def test_token_that_agrees_by_another_algorithm_than_the_key_advises_is_accepted(
    made: Pairs, index: int, alg: str
) -> None:
    token = encrypted_by_joserfc({**made.published()[index], "alg": alg})

    assert made.judge(token).claims["sub"] == "ada"


def test_token_for_an_unknown_kid_is_tried_with_every_key(made: Pairs) -> None:
    token = encrypted_by_joserfc(made.published()[3], kid="ours-of-old")

    assert made.judge(token).claims["sub"] == "ada"


def test_token_for_a_key_of_another_partner_is_refused(made: Pairs) -> None:
    other = Pairs()
    other.configure("globex")

    with pytest.raises(TokenRejected) as refused:
        made.judge(encrypted_by_joserfc(other.published("globex")[3]))

    assert refused.value.reason is TokenReason.DECRYPTION_FAILED


@pytest.mark.parametrize(
    ("method", "kind", "alg", "reason"),
    [
        pytest.param("crypto_api", "ECDH-ES", "ECDH-ES", TokenReason.ALG_NOT_ALLOWED, id="direct-by-the-crypto-api"),
        pytest.param(
            "crypto_api", "RSA-OAEP-256", "RSA-OAEP-256", TokenReason.ALG_NOT_ALLOWED, id="rsa-by-the-crypto-api"
        ),
        pytest.param("key_pair", "ES384", "ECDH-ES", TokenReason.DECRYPTION_FAILED, id="p384"),
        pytest.param("key_pair", "ES512", "ECDH-ES+A256KW", TokenReason.DECRYPTION_FAILED, id="p521"),
        pytest.param("key_pair", "ECDH-ES", "ECDH-ES+A128KW", TokenReason.ALG_NOT_ALLOWED, id="small-wrap"),
        pytest.param("key_pair", "RSA-OAEP-256", "RSA-OAEP", TokenReason.ALG_NOT_ALLOWED, id="sha1"),
    ],
)
def test_token_encrypted_otherwise_than_the_method_allows_is_refused(
    made: Pairs, method: str, kind: str, alg: str, reason: TokenReason
) -> None:
    pairs = Pairs(key_pairs=made.key_pairs)
    pairs.configure(method=method)
    _, public = generate_key(kind, "other")
    public.pop("use")

    with pytest.raises(TokenRejected) as refused:
        pairs.judge(encrypted_by_joserfc({**public, "alg": alg}))

    assert refused.value.reason is reason


def test_rotation_publishes_new_keys_and_goes_on_decrypting_with_the_old_ones() -> None:
    pairs = Pairs()
    pairs.configure(method="crypto_api")
    old = pairs.published()

    made = pairs.rotate("acme", WEEK, ADMIN)

    new = pairs.published()
    assert made.number == 2
    assert kinds(new) == kinds(old)
    assert {key["kid"] for key in new}.isdisjoint(key["kid"] for key in old)
    assert [pairs.judge(encrypted_by_joserfc(keys[0])).claims["sub"] for keys in (old, new)] == ["ada", "ada"]
    detail = {"generation": 2, "overlap_seconds": 7 * 86400}
    assert pairs.audit.entries[-1] == AuditEntry(NOW, "admin", "partner.keys_rotated", "acme", detail, "acme")


def test_rotation_that_is_over_leaves_the_old_keys_without_use() -> None:
    pairs = Pairs()
    pairs.configure(method="crypto_api")
    old = encrypted_by_joserfc(pairs.published()[0])
    pairs.rotate("acme", timedelta(hours=1), ADMIN)
    pairs.clock.advance(3599)
    assert pairs.judge(old).claims["sub"] == "ada"
    pairs.clock.advance(1)

    with pytest.raises(TokenRejected) as refused:
        pairs.judge(old)

    assert refused.value.reason is TokenReason.DECRYPTION_FAILED


def test_rotation_without_overlap_ends_the_old_keys_at_once() -> None:
    pairs = Pairs()
    pairs.configure(method="crypto_api")
    old = encrypted_by_joserfc(pairs.published()[0])

    pairs.rotate("acme", timedelta(0), ADMIN)

    with pytest.raises(TokenRejected):
        pairs.judge(old)


@pytest.mark.parametrize(
    ("partner_id", "caller", "error"),
    [
        pytest.param("nobody", ADMIN, PartnerUnknown, id="no-partner"),
        pytest.param("acme", Caller("g", ADMIN.scopes, "globex"), PartnerUnknown, id="of-another"),
        pytest.param("plain", ADMIN, EncryptionKeysUnknown, id="without-pairs"),
    ],
)
def test_rotation_that_is_not_possible_is_refused(
    made: Pairs, partner_id: str, caller: Caller, error: type[Exception]
) -> None:
    pairs = Pairs(documents=made.documents)
    pairs.configure("plain", encryption=None)

    with pytest.raises(error):
        pairs.rotate(partner_id, WEEK, caller)

    assert pairs.key_pairs.rows == {}


def test_private_key_is_parsed_once_whatever_changes_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = Pairs()
    pairs.configure()
    parsed: list[object] = []

    def noted(jwk: dict[str, object]) -> ImportedKeys:
        parsed.append(jwk["kid"])
        return import_keys(jwk)

    monkeypatch.setattr("app.steps.keyring.import_keys", noted)

    for _ in range(3):
        pairs.keyring.encryption_keys(pairs.partner(), NOW)
    pairs.configure(name="renamed")
    pairs.keyring.encryption_keys(pairs.partner(), NOW)
    pairs.rotate("acme", WEEK, ADMIN)
    keys = pairs.keyring.encryption_keys(pairs.partner(), NOW)

    assert len(parsed) == len(set(parsed)) == len(keys) == 10


def test_key_pairs_are_never_shown(made: Pairs) -> None:
    generation = made.key_pairs.load("acme")[0]

    shown = repr((generation, replace(generation, number=2), made.partner(), paired_body()["encryption"]))

    assert all(value not in shown for jwk in generation.jwks for name, value in jwk.items() if name in {"d", "p", "q"})
