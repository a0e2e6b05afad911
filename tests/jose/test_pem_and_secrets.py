"""Keys as administrators paste them: PEM and shared secrets, and each taken for the other."""

import json
import pickle
import time
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from app.jose.keys import KeyRefused, SecretEncoding, import_pem, import_secret
from app.jose.signature import verify_payload
from tests.jose.tokens import CLAIMS, KeyRing, hand_signed

SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
PKCS8 = serialization.PrivateFormat.PKCS8
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
TEXT = "correct horse battery staple 42!"


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_import_pem_public_key_verifies(keys: KeyRing, alg: str) -> None:
    (key,) = import_pem(_pem(_public(keys, alg)))

    token = hand_signed({"alg": alg}, keys(alg).private, alg)

    assert verify_payload(token, [key], {alg}) == CLAIMS
    assert key.thumbprint == keys(alg).public.thumbprint
    assert (key.kid, key.alg, key.use, key.has_private) == (None, None, None, False)


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_import_pem_certificate_is_its_key(keys: KeyRing, alg: str) -> None:
    certificate = _certificate(keys(alg).private.material.get_op_key("sign"))

    (key,) = import_pem(f"subject=CN = brand\n{certificate.public_bytes(PEM).decode()}\n")

    assert key.thumbprint == keys(alg).public.thumbprint


def test_import_pem_several_blocks_are_all_taken_in_order(keys: KeyRing) -> None:
    text = "\r\n".join(_pem(_public(keys, alg)).replace("\n", "\r\n") for alg in ("ES256", "RS256"))

    assert [key.kty for key in import_pem(text)] == ["EC", "RSA"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda _: "", "not_pem", id="empty"),
        pytest.param(lambda _: "-----BEGIN PUBLIC KEY-----", "not_pem", id="begin-alone"),
        pytest.param(lambda keys: json.dumps(dict(keys("RS256").public_jwk)), "not_pem", id="jwk"),
        pytest.param(lambda keys: _pem(_public(keys, "RS256")) + "x" * 65_536, "not_pem", id="too-long"),
        pytest.param(lambda keys: _private_pem(keys, "RS256"), "private_key", id="private-rsa"),
        pytest.param(lambda keys: _private_pem(keys, "ES256"), "private_key", id="private-ec"),
        pytest.param(
            lambda keys: _pem(_public(keys, "ES256")) + _private_pem(keys, "ES256"), "private_key", id="pair-of-both"
        ),
        pytest.param(lambda keys: _pkcs1(keys, "RS256"), "pem_unsupported", id="pkcs1"),
        pytest.param(lambda keys: _broken(_pem(_public(keys, "ES256"))), "pem_unsupported", id="broken"),
        pytest.param(
            lambda _: _pem(ec.generate_private_key(ec.SECP256K1()).public_key()), "curve_unsupported", id="secp256k1"
        ),
        pytest.param(lambda _: _dsa(2048), "pem_unsupported", id="dsa"),
        pytest.param(lambda _: _rsa(1024, 65537), "rsa_size", id="rsa-1024"),
        pytest.param(lambda _: _rsa(2048, 3), "rsa_exponent", id="rsa-exponent-3"),
    ],
)
def test_import_pem_text_that_holds_no_usable_public_key_is_refused(keys: KeyRing, make: Any, reason: str) -> None:
    with pytest.raises(KeyRefused) as refusal:
        import_pem(make(keys))

    assert refusal.value.reason == reason


def test_import_pem_text_that_begins_and_begins_is_refused_at_once() -> None:
    began = time.process_time()

    with pytest.raises(KeyRefused, match="not_pem"):
        import_pem("-----BEGIN PUBLIC KEY-----" * 2500)

    assert time.process_time() - began < 0.5  # of 3 s, in which no other thread runs


@pytest.mark.parametrize(
    ("secret", "encoding", "octets"),
    [
        pytest.param(TEXT, "text", TEXT.encode(), id="text"),
        pytest.param("pässwörter sind lang", "text", "pässwörter sind lang".encode(), id="text-in-utf-8"),
        pytest.param("00ff" * 16, "hex", b"\x00\xff" * 16, id="hex"),
        pytest.param("00FF" * 16, "hex", b"\x00\xff" * 16, id="hex-in-capitals"),
        pytest.param("_-" * 16, "base64url", b"\xff\xef\xfe\xff\xef\xfe" * 4, id="base64url"),
        pytest.param(urlsafe_b64encode(bytes(32)).decode(), "base64url", bytes(32), id="base64url-padded"),
    ],
)
def test_import_secret_each_encoding_is_read(secret: str, encoding: SecretEncoding, octets: bytes) -> None:
    key = import_secret(secret, encoding, kid="s1", alg="HS256", use="sig")

    assert (key.kty, key.bits, key.kid, key.alg, key.use) == ("oct", len(octets) * 8, "s1", "HS256", "sig")
    assert key.thumbprint == import_secret(octets.hex(), "hex").thumbprint


@pytest.mark.parametrize(
    ("secret", "encoding", "reason"),
    [
        pytest.param("", "text", "secret_too_short", id="empty"),
        pytest.param("fifteen letters", "text", "secret_too_short", id="short"),
        pytest.param("x" * 1025, "text", "secret_too_long", id="long"),
        pytest.param("\ud800" * 32, "text", "secret_not_text", id="lone-surrogate"),
        pytest.param("0" * 33, "hex", "secret_not_hex", id="hex-of-odd-length"),
        pytest.param("0x" + "0" * 32, "hex", "secret_not_hex", id="hex-with-prefix"),
        pytest.param("é" * 32, "hex", "secret_not_hex", id="hex-with-accents"),
        pytest.param("+/" * 16, "base64url", "secret_not_base64url", id="base64"),
        pytest.param("A" * 43 + "==", "base64url", "secret_not_base64url", id="padding-too-long"),
        pytest.param(TEXT, "base64url", "secret_not_base64url", id="text-as-base64url"),
    ],
)
def test_import_secret_in_another_encoding_or_size_is_refused(
    secret: str, encoding: SecretEncoding, reason: str
) -> None:
    with pytest.raises(KeyRefused) as refusal:
        import_secret(secret, encoding)

    assert refusal.value.reason == reason


@pytest.mark.parametrize("half", ["public", "private", "certificate", "encrypted"])
def test_import_secret_asymmetric_key_in_any_wrapping_is_refused(keys: KeyRing, half: str) -> None:
    key = keys("ES256").private.material.get_op_key("sign")
    pem, der = _both(key, half)
    attempts: list[tuple[str, SecretEncoding, str]] = [
        (pem, "text", "secret_is_pem"),
        (f"\n  {pem}", "text", "secret_is_pem"),
        (pem.encode().hex(), "hex", "secret_is_pem"),
        (urlsafe_b64encode(pem.encode()).decode(), "base64url", "secret_is_pem"),
        (der.hex(), "hex", "secret_is_der"),
        (urlsafe_b64encode(der).decode(), "base64url", "secret_is_der"),
        (b64encode(der).decode(), "text", "secret_is_der"),
        ("\n".join(pem.splitlines()[1:-1]), "text", "secret_is_der"),
    ]

    for secret, encoding, reason in attempts:
        with pytest.raises(KeyRefused) as refusal:
            import_secret(secret, encoding)
        assert refusal.value.reason == reason


def test_import_secret_der_that_ends_in_white_space_is_refused(keys: KeyRing) -> None:
    private = keys("ES256").private.material.get_op_key("sign")
    der = next(der for der in iter(lambda: _certificate(private).public_bytes(DER), b"") if der[-1:].isspace())

    for octets in (der, der + b"\n"):
        with pytest.raises(KeyRefused, match="secret_is_der"):
            import_secret(octets.hex(), "hex")


def test_import_secret_ssh_key_is_refused(keys: KeyRing) -> None:
    openssh = _public(keys, "EdDSA").public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)

    with pytest.raises(KeyRefused, match="secret_is_ssh_key"):
        import_secret(openssh.decode(), "text")


@pytest.mark.parametrize("wrap", [lambda jwk: jwk, lambda jwk: {"keys": [jwk]}], ids=["jwk", "jwk-set"])
def test_import_secret_jwk_is_refused(keys: KeyRing, wrap: Any) -> None:
    text = json.dumps(wrap(dict(keys("ES256").public_jwk)), indent=1)

    with pytest.raises(KeyRefused, match="secret_is_jwk"):
        import_secret(f" {text}", "text")


def test_import_secret_key_without_its_wrapping_or_in_another_is_refused(keys: KeyRing) -> None:
    public = _public(keys, "ES256")
    pem, der = _pem(public), public.public_bytes(DER, SPKI)
    lines = [_openssh(_public(keys, alg)) for alg in ("RS256", "ES256", "EdDSA")]
    jwk = json.dumps(dict(keys("ES256").public_jwk))
    private = keys("EdDSA").private.material.get_op_key("sign")
    openssh = private.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()).decode()
    attempts = [
        *((line.split()[1], "secret_is_ssh_key") for line in lines),
        *((f"[host]:22,10.0.0.1 {line}", "secret_is_ssh_key") for line in lines),
        (f'from="10.0.0.1" {lines[0]} ada@host', "secret_is_ssh_key"),
        (b64encode(lines[0].encode()).decode(), "secret_is_ssh_key"),
        ("".join(openssh.splitlines()[1:-1]), "secret_is_ssh_key"),
        (f"\ufeff{jwk}", "secret_is_jwk"),
        (f"[{jwk}]", "secret_is_jwk"),
        (f"{jwk};", "secret_is_jwk"),
        (f"const key = {jwk}", "secret_is_jwk"),
        (json.dumps(jwk), "secret_is_jwk"),
        (str(dict(keys("ES256").public_jwk)), "secret_is_jwk"),
        (b64encode(jwk.encode()).decode(), "secret_is_jwk"),
        (urlsafe_b64encode(jwk.encode()).decode().rstrip("="), "secret_is_jwk"),
        (jwk.encode().hex(), "secret_is_jwk"),
        (b64encode(pem.encode()).decode(), "secret_is_pem"),
        (pem.partition("\n")[2], "secret_is_pem"),
        (b64encode(der).decode().rstrip("="), "secret_is_der"),
        (der.hex(), "secret_is_der"),
    ]

    for secret, reason in attempts:
        with pytest.raises(KeyRefused) as refusal:
            import_secret(secret, "text")
        assert (secret, refusal.value.reason) == (secret, reason)


def test_import_secret_by_chance_is_taken_however_it_is_written() -> None:
    chance = Random(8725)  # noqa: S311 the same secrets in each run
    for _ in range(2000):
        octets = chance.randbytes(48)
        printable = "".join(chance.choices([chr(code) for code in range(32, 127)], k=48))
        written = (b64encode(octets).decode(), urlsafe_b64encode(octets).decode(), octets.hex(), printable)

        assert [import_secret(text, "text").bits for text in written] == [len(text) * 8 for text in written]
        assert import_secret(octets.hex(), "hex").bits == 384


@pytest.mark.parametrize(
    "secret", ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a password of kty: none at all", "-----BEGINNING and -----ENDING"]
)
def test_import_secret_text_that_holds_a_mark_of_a_key_by_accident_is_taken(secret: str) -> None:
    assert import_secret(secret, "text").bits == len(secret) * 8


@pytest.mark.parametrize(
    "secret", ["{not json but long enough}", '{"a": "json that is no key"}', "0" * 40, "MIIB" * 8, "[" * 900 + "{" * 99]
)
def test_import_secret_text_that_only_looks_like_a_key_is_taken(secret: str) -> None:
    assert import_secret(secret, "text").bits == len(secret) * 8


def test_key_refused_is_pickled_with_its_reason() -> None:
    refusal = pickle.loads(pickle.dumps(KeyRefused("secret_is_pem")))  # noqa: S301 our own bytes

    assert (refusal.reason, refusal.code, str(refusal)) == ("secret_is_pem", "key_refused", "secret_is_pem")


def _pkcs1(keys: KeyRing, alg: str) -> str:
    return str(_public(keys, alg).public_bytes(PEM, serialization.PublicFormat.PKCS1).decode())


def _broken(text: str) -> str:
    lines = text.splitlines()
    return "\n".join([lines[0], "A" * 64, *lines[2:]])


def _rsa(bits: int, exponent: int) -> str:
    return _pem(rsa.generate_private_key(exponent, bits).public_key())


def _dsa(bits: int) -> str:
    return _pem(dsa.generate_private_key(bits).public_key())


def _public(keys: KeyRing, alg: str) -> Any:
    return keys(alg).public.material.get_op_key("verify")


def _pem(public: Any) -> str:
    return str(public.public_bytes(PEM, SPKI).decode())


def _openssh(public: Any) -> str:
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return str(public.public_bytes(encoding, form).decode())


def _private_pem(keys: KeyRing, alg: str) -> str:
    private = keys(alg).private.material.get_op_key("sign")
    return str(private.private_bytes(PEM, PKCS8, serialization.NoEncryption()).decode())


def _certificate(private: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "brand")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    return x509.CertificateBuilder(name, name, private.public_key(), 1, start, start + timedelta(days=1)).sign(
        private, hashes.SHA256()
    )


def _both(key: Any, half: str) -> tuple[str, bytes]:
    if half == "public":
        pem, der = (key.public_key().public_bytes(encoding, SPKI) for encoding in (PEM, DER))
    elif half == "certificate":
        pem, der = (_certificate(key).public_bytes(encoding) for encoding in (PEM, DER))
    else:
        password = serialization.BestAvailableEncryption(b"pw") if half == "encrypted" else serialization.NoEncryption()
        pem, der = (key.private_bytes(encoding, PKCS8, password) for encoding in (PEM, DER))
    return pem.decode(), der
