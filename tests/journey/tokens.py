"""Tokens as partners mint them: PyJWT signs, joserfc encrypts, so that nothing here shares code with the service.

What no library mints is forged by hand, octet by octet.
"""

import base64
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from joserfc import jwe
from joserfc.jwk import JWKRegistry, OctKey

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
LIFETIME_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Signer:
    """A partner's signing key; `key` is a private key, or the octets of a shared secret."""

    alg: str
    key: PrivateKey | bytes = field(repr=False)
    kid: str | None = None

    @classmethod
    def make(cls, alg: str, kid: str | None = None) -> "Signer":
        """Return a signer for RS256, PS256, ES256, EdDSA or HS256; RSA keys are made once per run."""
        match alg:
            case "RS256" | "PS256":
                return cls(alg, _rsa_key(0), kid)
            case "ES256":
                return cls(alg, ec.generate_private_key(ec.SECP256R1()), kid)
            case "EdDSA":
                return cls(alg, ed25519.Ed25519PrivateKey.generate(), kid)
            case _:
                return cls(alg, os.urandom(32), kid)

    @classmethod
    def stranger(cls, kid: str | None = None) -> "Signer":
        """Return a signer for RS256 whose key nobody was told of."""
        return cls("RS256", _rsa_key(1), kid)

    @property
    def secret(self) -> str:
        """Return the shared secret in hex."""
        assert isinstance(self.key, bytes)
        return self.key.hex()

    @property
    def pem(self) -> str:
        """Return the public key as PEM."""
        assert not isinstance(self.key, bytes)
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()

    @property
    def jwk(self) -> dict[str, Any]:
        """Return the public key as a JWK with its kid."""
        kty = {"R": "RSA", "P": "RSA", "E": "OKP" if self.alg == "EdDSA" else "EC"}[self.alg[0]]
        members = JWKRegistry.import_key(self.pem, kty).as_dict(private=False)
        return {**members, "use": "sig", "alg": self.alg, **({"kid": self.kid} if self.kid else {})}

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """Return a JWS of `claims`."""
        named = {"kid": self.kid} if self.kid else {}
        return jwt.encode(dict(claims), self.key, algorithm=self.alg, headers={**named, **(header or {})})

    def forge(self, header: Mapping[str, object] | bytes, payload: bytes) -> str:
        """Return an RS256 signature over whatever header and payload, even those that no library writes."""
        assert isinstance(self.key, rsa.RSAPrivateKey)
        head = header if isinstance(header, bytes) else json.dumps(header).encode()
        signing_input = f"{b64(head)}.{b64(payload)}"
        signature = self.key.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signing_input}.{b64(signature)}"


def claims_for(campaign_id: str, **changes: Any) -> dict[str, Any]:
    """Return valid claims; a change of None takes a claim away."""
    now = int(time.time())
    claims = {
        "sub": f"person-{uuid.uuid4().hex}",
        "campaignId": campaign_id,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def encrypt(plaintext: str, secret: bytes, alg: str, enc: str, header: Mapping[str, str] | None = None) -> str:
    """Return a JWE of `plaintext` under a shared secret."""
    protected = {"alg": alg, "enc": enc, "cty": "JWT", **(header or {})}
    return jwe.encrypt_compact(protected, plaintext.encode(), OctKey.import_key(secret), algorithms=[alg, enc])


def b64(octets: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


@cache
def _rsa_key(number: int) -> rsa.RSAPrivateKey:
    del number
    return rsa.generate_private_key(65537, 2048)
