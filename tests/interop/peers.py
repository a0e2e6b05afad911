"""Other people's libraries behind one face: they sign, verify, encrypt and decrypt by the JWK that they are given."""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jwe, jws
from joserfc.jwk import ECKey, JWKRegistry, KeySet, OctKey, OKPKey, RSAKey

from tests.interop.node_libraries import NodeLibraries

with warnings.catch_warnings(record=True):  # it urges the use of joserfc; partners use it all the same
    from authlib.jose import JsonWebEncryption, JsonWebKey, JsonWebSignature

Jwk = Mapping[str, Any]


class Signing(Protocol):
    """A library that signs and verifies."""

    def sign(self, claims: str, key: Jwk, alg: str, kid: str) -> str:
        """Return a JWS of the claims."""

    def verify(self, token: str, key: Jwk, alg: str) -> str:
        """Return the payload; raise whatever the library raises."""


class Publishing(Protocol):
    """A library that makes keys and writes them as a JWK Set."""

    def publish(self, claims: str, alg: str, kid: str) -> tuple[dict[str, Any], str]:
        """Return a JWK Set of one new public key, and a JWS of the claims that it verifies."""


class Encrypting(Protocol):
    """A library that encrypts and decrypts."""

    def encrypt(self, text: str, key: Jwk, alg: str, enc: str, kid: str) -> str:
        """Return a JWE of the text."""

    def decrypt(self, token: str, key: Jwk, alg: str, enc: str) -> str:
        """Return the plaintext; raise whatever the library raises."""


@dataclass(frozen=True, slots=True)
class PyJwt:
    """PyJWT signs only, and wants to be told an audience where there is one."""

    audience: str | None = None

    def sign(self, claims: str, key: Jwk, alg: str, kid: str) -> str:
        return jwt.encode(json.loads(claims), jwt.PyJWK(dict(key), alg).key, alg, {"kid": kid})

    def verify(self, token: str, key: Jwk, alg: str) -> str:
        return json.dumps(jwt.decode(token, jwt.PyJWK(dict(key), alg).key, [alg], audience=self.audience))

    def publish(self, claims: str, alg: str, kid: str) -> tuple[dict[str, Any], str]:
        private: Any = _new_key(alg)
        public = jwt.get_algorithm_by_name(alg).to_jwk(private.public_key(), as_dict=True)
        token = jwt.encode(json.loads(claims), private, alg, {"kid": kid})
        return {"keys": [{**public, "kid": kid}]}, token


class Joserfc:
    """The successor of Authlib's JOSE."""

    def sign(self, claims: str, key: Jwk, alg: str, kid: str) -> str:
        return jws.serialize_compact({"alg": alg, "kid": kid}, claims, _joserfc(key), algorithms=[alg])

    def verify(self, token: str, key: Jwk, alg: str) -> str:
        return jws.deserialize_compact(token, _joserfc(key), algorithms=[alg]).payload.decode()

    def publish(self, claims: str, alg: str, kid: str) -> tuple[dict[str, Any], str]:
        kty, size = _kind(alg)
        keys = KeySet([JWKRegistry.generate_key(kty, size, {"kid": kid, "use": "sig"})])
        token = jws.serialize_compact({"alg": alg, "kid": kid}, claims, keys, algorithms=[alg])
        return dict(keys.as_dict(private=False)), token

    def encrypt(self, text: str, key: Jwk, alg: str, enc: str, kid: str) -> str:
        header = {"alg": alg, "enc": enc, "cty": "JWT", "kid": kid}
        return jwe.encrypt_compact(header, text, _joserfc(key), algorithms=[alg, enc])

    def decrypt(self, token: str, key: Jwk, alg: str, enc: str) -> str:
        plaintext = jwe.decrypt_compact(token, _joserfc(key), algorithms=[alg, enc]).plaintext
        assert plaintext is not None
        return plaintext.decode()


class Authlib:
    """Authlib as it is still used in many places."""

    def sign(self, claims: str, key: Jwk, alg: str, kid: str) -> str:
        signed = JsonWebSignature([alg]).serialize_compact({"alg": alg, "kid": kid}, claims, _authlib(key))
        return str(signed.decode())

    def verify(self, token: str, key: Jwk, alg: str) -> str:
        return str(JsonWebSignature([alg]).deserialize_compact(token, _authlib(key))["payload"].decode())

    def publish(self, claims: str, alg: str, kid: str) -> tuple[dict[str, Any], str]:
        kty, size = _kind(alg)
        key = JsonWebKey.generate_key(kty, size, {"kid": kid, "use": "sig"}, is_private=True)
        token = JsonWebSignature([alg]).serialize_compact({"alg": alg, "kid": kid}, claims, key)
        return {"keys": [key.as_dict(is_private=False)]}, str(token.decode())

    def encrypt(self, text: str, key: Jwk, alg: str, enc: str, kid: str) -> str:
        header = {"alg": alg, "enc": enc, "cty": "JWT", "kid": kid}
        return str(JsonWebEncryption([alg, enc]).serialize_compact(header, text, _authlib(key)).decode())

    def decrypt(self, token: str, key: Jwk, alg: str, enc: str) -> str:
        return str(JsonWebEncryption([alg, enc]).deserialize_compact(token, _authlib(key))["payload"].decode())


@dataclass(frozen=True, slots=True)
class Npm:
    """An npm library, by its name, in the process that has them all."""

    node: NodeLibraries
    library: str

    def sign(self, claims: str, key: Jwk, alg: str, kid: str) -> str:
        return self.node.ask(self.library, "sign", text=claims, key=key, alg=alg, kid=kid)

    def verify(self, token: str, key: Jwk, alg: str) -> str:
        return self.node.ask(self.library, "verify", text=token, key=key, alg=alg)

    def publish(self, claims: str, alg: str, kid: str) -> tuple[dict[str, Any], str]:
        made = json.loads(self.node.ask(self.library, "publish", text=claims, alg=alg, kid=kid))
        return {"keys": made["keys"]}, made["token"]

    def encrypt(self, text: str, key: Jwk, alg: str, enc: str, kid: str) -> str:
        return self.node.ask(self.library, "encrypt", text=text, key=key, alg=alg, enc=enc, kid=kid)

    def decrypt(self, token: str, key: Jwk, alg: str, enc: str) -> str:
        return self.node.ask(self.library, "decrypt", text=token, key=key, alg=alg, enc=enc)


PYTHON: Mapping[str, Callable[[], Any]] = {"pyjwt": PyJwt, "joserfc": Joserfc, "authlib": Authlib}


_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def _kind(alg: str) -> tuple[Any, Any]:
    if alg in {"EdDSA", "Ed25519"}:
        return "OKP", "Ed25519"
    return ("EC", _CURVES[alg]) if alg in _CURVES else ("RSA", 2048)


def _new_key(alg: str) -> Any:
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    return ec.generate_private_key(curves[alg]) if alg in curves else rsa.generate_private_key(65537, 2048)


def _joserfc(jwk: Jwk) -> Any:
    kinds: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey, "oct": OctKey}
    return kinds[jwk["kty"]].import_key(dict(jwk))


def _authlib(jwk: Jwk) -> Any:
    return JsonWebKey.import_key(dict(jwk))
