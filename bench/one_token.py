"""One token in process, warm, against what `cryptography` alone takes for the same: RS256, and nested in ECDH-ES."""

from collections.abc import Callable
from time import process_time
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from app.domain.strict_json import parse_object
from app.jose.base64url import decode
from app.jose.encryption import decrypt, encrypt, open_nested
from app.jose.gate import open_token
from app.jose.keys import import_keys
from app.jose.signature import verify
from app.jose.signing import generate_key
from bench.figures import Figure
from bench.tokens import Signer

_ALG: Final = "ECDH-ES"
_ENC: Final = "A256GCM"
_CURVE: Final = ec.SECP256R1()
_ROUNDS: Final = 5
_NESTED: Final = "verify + decrypt a nested JWE (ECDH-ES P-256)"


def one_token_figures(signer: Signer, token: str, count: int) -> list[Figure]:
    """Return both ratios."""
    raw_verify = _raw_verify(signer, token)
    ours = _micros(_our_verify(signer, token), count)
    raw = _micros(raw_verify, count)
    private, public = generate_key(_ALG, "bench-enc")
    nested = encrypt(token, import_keys(public).keys[0], _ALG, _ENC, "bench-enc")
    our_nested = _micros(_our_nested(signer, private, nested), count)
    raw_nested = _micros(_raw_nested(private, nested, raw_verify), count)
    return [
        Figure("verify one RS256 token, in process, warm ÷ raw", ours / raw, "ratio", 3, at_most=True),
        Figure("verify one RS256 token", ours, "µs CPU"),
        Figure(
            "verify + decrypt a nested JWE (ECDH-ES P-256) ÷ raw", our_nested / raw_nested, "ratio", 3, at_most=True
        ),
        Figure("verify + decrypt a nested JWE (ECDH-ES P-256)", our_nested, "µs CPU"),
    ]


def _our_verify(signer: Signer, token: str) -> Callable[[], object]:
    keys, algorithms = import_keys(dict(signer.public)), frozenset({"RS256"})

    def once() -> object:
        unverified = open_token(token)
        verify(unverified, keys, algorithms)
        return parse_object(unverified.payload)

    return once


def _raw_verify(signer: Signer, token: str) -> Callable[[], object]:
    modulus, exponent = (int.from_bytes(decode(signer.public[name])) for name in ("n", "e"))
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    opened, scheme, digest = open_token(token), padding.PKCS1v15(), hashes.SHA256()
    signature, signed = opened.signature, opened.signing_input
    return lambda: key.verify(signature, signed, scheme, digest)


def _our_nested(signer: Signer, private: dict[str, str], token: str) -> Callable[[], object]:
    signature_keys, keys = import_keys(dict(signer.public)), import_keys(private)
    algorithms, encodings, signed_by = frozenset({_ALG}), frozenset({_ENC}), frozenset({"RS256"})

    def once() -> object:
        encrypted = open_token(token)
        inner = open_nested(decrypt(encrypted, keys, algorithms, encodings), encrypted.header)
        verify(inner, signature_keys, signed_by)
        return parse_object(inner.payload)

    return once


def _raw_nested(private: dict[str, str], token: str, raw_verify: Callable[[], object]) -> Callable[[], object]:
    x, y, d = (int.from_bytes(decode(private[name])) for name in ("x", "y", "d"))
    key = ec.EllipticCurvePrivateNumbers(d, ec.EllipticCurvePublicNumbers(x, y, _CURVE)).private_key()
    protected, _, iv, ciphertext, tag = token.split(".")
    epk = open_token(token).header["epk"]
    if not isinstance(epk, dict):
        raise TypeError("an ephemeral key is an object")
    point = b"\x04" + decode(epk["x"]) + decode(epk["y"])
    nonce, sealed, aad = decode(iv), decode(ciphertext) + decode(tag), protected.encode()
    algorithm = _ENC.encode()
    other_info = len(algorithm).to_bytes(4, "big") + algorithm + bytes(8) + (256).to_bytes(4, "big")

    def once() -> object:
        ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
        secret = ConcatKDFHash(SHA256(), 32, other_info).derive(key.exchange(ec.ECDH(), ephemeral))
        AESGCM(secret).decrypt(nonce, sealed, aad)
        return raw_verify()

    return once


def _micros(once: Callable[[], object], count: int) -> float:
    """Return the CPU microseconds of one call: the best of some rounds, since noise only adds."""
    once()
    best = float("inf")
    for _ in range(_ROUNDS):
        began = process_time()
        for _ in range(count // _ROUNDS):
            once()
        best = min(best, process_time() - began)
    return best / (count // _ROUNDS) * 1e6
