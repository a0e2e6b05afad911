"""Which keys of a document are used, which are dropped, and for what reason."""

from dataclasses import replace
from typing import Any

import pytest

from app.jose.keys import MAX_KEYS, DroppedKey, KeyPolicy, KeyRefused, import_keys, public_jwk
from tests.jose.tokens import KeyRing

REMOTE = KeyPolicy.remote()
SECRET = {"kty": "oct", "k": "A" * 43, "kid": "s"}


@pytest.mark.parametrize("alg", ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"])
def test_import_keys_public_key_is_usable_under_both_policies(keys: KeyRing, alg: str) -> None:
    jwk = dict(keys(alg).public_jwk)

    for policy in (KeyPolicy(), REMOTE):
        (key,) = import_keys(jwk, policy).keys

        assert (key.kid, key.alg, key.use, key.key_ops, key.has_private) == ("k1", alg, "sig", None, False)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("RS256", ("RSA", None, 2048), id="rsa"),
        pytest.param("ES512", ("EC", "P-521", 521), id="ec"),
        pytest.param("EdDSA", ("OKP", "Ed25519", 256), id="ed25519"),
        pytest.param("X25519", ("OKP", "X25519", 256), id="x25519"),
        pytest.param("HS384", ("oct", None, 384), id="oct"),
    ],
)
def test_import_keys_private_key_in_configuration_is_usable(
    keys: KeyRing, kind: str, expected: tuple[str, str | None, int]
) -> None:
    (key,) = import_keys(dict(keys(kind).private_jwk)).keys

    assert (key.kty, key.curve, key.bits) == expected
    assert key.has_private is (key.kty != "oct")


@pytest.mark.parametrize("kind", ["RS256", "ES256", "EdDSA", "HS256"])
def test_import_keys_key_shows_nothing_of_its_material(keys: KeyRing, kind: str) -> None:
    key = keys(kind).private
    secret = keys(kind).private_jwk["k" if kind == "HS256" else "d"]

    assert secret not in repr(key)
    assert "material" not in repr(key)


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        pytest.param("HS256", {}, "symmetric_key", id="symmetric"),
        pytest.param("ES256", {"d": "A" * 43}, "private_key", id="private-ec"),
        pytest.param("RS256", {"d": "AQAB"}, "private_key", id="private-rsa"),
        pytest.param("RS256", {"p": None}, "private_key", id="private-member-of-null"),
        pytest.param("RS256", {"oth": []}, "private_key", id="other-primes"),
        pytest.param("RS256", {"k": "AAAA"}, "private_key", id="secret-in-a-public-key"),
        pytest.param("ES256", {"use": "enc"}, "not_for_verifying", id="use-enc"),
        pytest.param("ES256", {"use": "SIG"}, "not_for_verifying", id="use-in-capitals"),
        pytest.param("ES256", {"key_ops": ["sign"]}, "not_for_verifying", id="key-ops-sign"),
        pytest.param("ES256", {"key_ops": []}, "not_for_verifying", id="key-ops-empty"),
        pytest.param("X25519", {"use": "sig"}, "curve_unsupported", id="curve-of-agreement"),
        pytest.param("ES256", {"kid": None}, "kid_invalid", id="kid-null"),
        pytest.param("ES256", {"kid": 7}, "kid_invalid", id="kid-number"),
        pytest.param("ES256", {"kid": ""}, "kid_invalid", id="kid-empty"),
        pytest.param("ES256", {"kid": "k" * 257}, "kid_invalid", id="kid-too-long"),
        pytest.param("ES256", {"kid": "k\n"}, "kid_invalid", id="kid-unprintable"),
    ],
)
def test_import_keys_remote_key_that_a_partner_may_not_publish_is_dropped(
    keys: KeyRing, kind: str, change: dict[str, Any], reason: str
) -> None:
    jwk = {**(keys(kind).public_jwk or keys(kind).private_jwk), **change}

    imported = import_keys({"keys": [jwk, dict(keys("ES384", "good").public_jwk)]}, REMOTE)

    assert [key.kid for key in imported.keys] == ["good"]
    assert [dropped.reason for dropped in imported.dropped] == [reason]


def test_import_keys_remote_key_without_kid_is_dropped(keys: KeyRing) -> None:
    jwk = {name: value for name, value in keys("ES256").public_jwk.items() if name != "kid"}

    assert import_keys(jwk, REMOTE).dropped == (DroppedKey(None, "kid_missing"),)
    assert len(import_keys(jwk).keys) == 1


@pytest.mark.parametrize(
    "change", [{"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}, {"x5t": 1, "exp": 1, "a": {}}]
)
def test_import_keys_remote_key_with_other_members_is_usable(keys: KeyRing, change: dict[str, Any]) -> None:
    imported = import_keys({"keys": [{**keys("ES256").public_jwk, **change}]}, REMOTE)

    assert imported.dropped == ()
    assert imported.keys[0].thumbprint == keys("ES256").public.thumbprint


@pytest.mark.parametrize("generate", ["RSA", "EC", "OKP", "oct"])
def test_import_keys_command_to_generate_a_key_is_not_obeyed(generate: str) -> None:
    """jwcrypto makes a new key of it: a remote set could then have us burn time, or trust a key of ours."""
    imported = import_keys({"keys": [{"generate": generate, "crv": "Ed25519", "size": 2048, "kid": "k1"}]})

    assert imported.dropped == (DroppedKey("k1", "kty_unsupported"),)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(None, ["not_an_object"], id="null"),
        pytest.param("{}", ["not_an_object"], id="text"),
        pytest.param([], ["not_an_object"], id="array"),
        pytest.param({}, ["kid_missing"], id="empty-object"),
        pytest.param({"keys": None}, ["keys_not_a_list"], id="keys-null"),
        pytest.param({"keys": {"kty": "RSA"}}, ["keys_not_a_list"], id="keys-object"),
        pytest.param({"keys": []}, [], id="no-keys"),
        pytest.param({"keys": [None, 1, "k", []]}, ["not_an_object"] * 4, id="entries-that-are-no-keys"),
        pytest.param({"keys": [{"keys": []}]}, ["kid_missing"], id="set-in-a-set"),
        pytest.param({"error": "<html>"}, ["kid_missing"], id="another-object"),
    ],
)
def test_import_keys_document_that_is_no_key_set_has_no_keys(document: object, expected: list[str]) -> None:
    imported = import_keys(document, REMOTE)

    assert imported.keys == ()
    assert [dropped.reason for dropped in imported.dropped] == expected


def test_import_keys_one_bad_key_costs_the_others_nothing(keys: KeyRing) -> None:
    good = [dict(keys(alg, alg).public_jwk) for alg in ("RS256", "ES256", "EdDSA")]
    bad = [{"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43, "kid": "bad"}, {"kty": [], "kid": "worse"}, None]

    imported = import_keys({"keys": [good[0], bad[0], good[1], bad[1], bad[2], good[2]]}, REMOTE)

    assert [key.kid for key in imported.keys] == ["RS256", "ES256", "EdDSA"]
    assert [dropped.kid for dropped in imported.dropped] == ["bad", "worse", None]


def test_import_keys_kid_that_stands_twice_is_dropped_both_times(keys: KeyRing) -> None:
    twice = [dict(keys("ES256", "twice").public_jwk), dict(keys("RS256", "twice").public_jwk)]
    once = dict(keys("EdDSA", "once").public_jwk)

    imported = import_keys({"keys": [*twice, once]}, REMOTE)

    assert [key.kid for key in imported.keys] == ["once"]
    assert imported.dropped == (DroppedKey("twice", "kid_ambiguous"),) * 2


def test_import_keys_kid_that_stands_twice_once_sloppily_encoded_is_ambiguous_all_the_same() -> None:
    sloppy = {**SECRET, "k": "B" * 43}

    assert import_keys({"keys": [SECRET, sloppy]}).dropped == (DroppedKey("s", "kid_ambiguous"),) * 2


def test_import_keys_kid_that_stands_twice_once_unusable_is_not_ambiguous(keys: KeyRing) -> None:
    jwk = dict(keys("ES256").public_jwk)

    imported = import_keys({"keys": [{**jwk, "use": "enc"}, jwk]}, REMOTE)

    assert [key.kid for key in imported.keys] == ["k1"]


def test_import_keys_secret_among_key_pairs_is_dropped(keys: KeyRing) -> None:
    imported = import_keys({"keys": [SECRET, dict(keys("ES256").public_jwk)]})

    assert [key.kty for key in imported.keys] == ["EC"]
    assert imported.dropped == (DroppedKey("s", "symmetric_in_mixed_set"),)


def test_import_keys_hundred_and_first_key_is_dropped() -> None:
    entries = [{**SECRET, "kid": f"s{number}"} for number in range(MAX_KEYS + 2)]

    imported = import_keys({"keys": entries})

    assert len(imported.keys) == MAX_KEYS
    assert imported.dropped == (DroppedKey("s100", "too_many_keys"), DroppedKey("s101", "too_many_keys"))


@pytest.mark.parametrize("kind", ["RS256", "ES512", "EdDSA", "X25519"])
def test_public_jwk_of_a_private_key_is_its_public_half_and_is_imported_again(keys: KeyRing, kind: str) -> None:
    private = import_keys(
        {**keys(kind).private_jwk, "key_ops": ["verify", "sign"], "x5u": "https://brand.example"}
    ).keys[0]

    jwk = public_jwk(private)

    assert jwk == {**keys(kind).public_jwk, "key_ops": ["sign", "verify"]}
    assert import_keys(jwk).keys == (replace(private, has_private=False),)


def test_public_jwk_of_a_secret_is_refused(keys: KeyRing) -> None:
    with pytest.raises(KeyRefused, match="symmetric_key"):
        public_jwk(keys("HS256").private)


def test_import_keys_library_that_breaks_drops_the_key(keys: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_with_key(*_: object, **__: object) -> None:
        raise RuntimeError("AQAB")

    monkeypatch.setattr("app.jose.keys.JWK", break_with_key)

    assert import_keys(dict(keys("ES256").public_jwk)).dropped == (DroppedKey("k1", "key_invalid"),)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"alg": "A" * 300}, "alg_invalid", id="alg-long"),
        pytest.param({"alg": "ES256\0"}, "alg_invalid", id="alg-unprintable"),
        pytest.param({"use": "sig\n"}, "use_invalid", id="use-unprintable"),
        pytest.param({"key_ops": ["verify", "\0"]}, "key_ops_invalid", id="operation-unprintable"),
    ],
)
def test_import_keys_drops_a_key_whose_words_are_none(keys: KeyRing, changes: dict[str, object], reason: str) -> None:
    imported = import_keys({"keys": [{**keys("ES256").public_jwk, **changes}]}, REMOTE)

    assert (imported.keys, imported.dropped) == ((), (DroppedKey("k1", reason),))
