"""How a partner signs and encrypts: one model per method, and the rules between method, keys and algorithms."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from app.documents.fields import UNIQUE, Document, Shown, repeated, twice
from app.documents.keys import MAX_KEYS, EncryptionSecret, PublicKeyEntry, SharedSecret, SignatureSecret, key_material
from app.documents.urls import OutsideAddress
from app.domain.partner import EncryptionConfig, EncryptionMethod, SignatureConfig, SignatureMethod
from app.errors import Mistake
from app.jose.signature import ASYMMETRIC_ALGORITHMS, RULES, SIGNATURE_ALGORITHMS, SYMMETRIC_ALGORITHMS, key_fits

UNIONS: Final[Mapping[tuple[str, ...], str]] = {("signature",): "method", ("encryption",): "method"}
"""Where a document holds one of several forms, and the member that says which."""


def _one_of(algorithms: frozenset[str]) -> Shown:
    return Shown({"items": {"type": "string", "enum": sorted(algorithms)}})


def _known(algorithm: str) -> str:
    if algorithm not in SIGNATURE_ALGORITHMS:
        raise ValueError(f"This must be one of {', '.join(sorted(SIGNATURE_ALGORITHMS))}.")
    return algorithm


Algorithms = Annotated[
    list[Annotated[str, AfterValidator(_known)]], Field(min_length=1, max_length=len(SIGNATURE_ALGORITHMS)), UNIQUE
]
Asymmetric = Annotated[Algorithms, _one_of(ASYMMETRIC_ALGORITHMS)]
Symmetric = Annotated[Algorithms, _one_of(SYMMETRIC_ALGORITHMS)]


def _algorithm_mistakes(allowed: frozenset[str], kind: str, algorithms: Sequence[str]) -> list[Mistake]:
    unfit = [index for index, alg in enumerate(algorithms) if alg not in allowed]
    mistakes = [Mistake(f"algorithms[{index}]", f"{algorithms[index]} cannot be used with {kind}.") for index in unfit]
    return mistakes + twice("algorithms", algorithms)


def _kid_mistakes(keys: Sequence[SharedSecret]) -> list[Mistake]:
    kids = [index if entry.kid is None else entry.kid for index, entry in enumerate(keys)]
    return [Mistake(f"keys[{index}].kid", "Two keys have this kid.") for index in repeated(kids)]


def _keys_fit(keys: Sequence[PublicKeyEntry], algorithms: Sequence[str]) -> list[Mistake]:
    listed = ASYMMETRIC_ALGORITHMS.intersection(algorithms)
    unfit = [
        index
        for index, entry in enumerate(keys)
        if listed and not any(key_fits(entry.key(), alg, "verify") for alg in listed)
    ]
    return [Mistake(f"keys[{index}]", "None of the listed algorithms can be used with this key.") for index in unfit]


def _secrets_fit(keys: Sequence[SignatureSecret], algorithms: Sequence[str]) -> list[Mistake]:
    listed = sorted(SYMMETRIC_ALGORITHMS.intersection(algorithms))
    return [
        Mistake(f"keys[{index}].secret", f"For {alg} a secret must have at least {RULES[alg].min_bits // 8} octets.")
        for index, entry in enumerate(keys)
        for alg in listed
        if entry.key().bits < RULES[alg].min_bits
    ]


class PublicKeySignature(Document):
    """Tokens are verified with configured public keys."""

    method: Literal["public_key"]
    keys: Annotated[list[PublicKeyEntry], Field(min_length=1, max_length=MAX_KEYS)]
    algorithms: Asymmetric

    rules = (partial(_algorithm_mistakes, ASYMMETRIC_ALGORITHMS, "a public key"), _keys_fit)


class SymmetricSignature(Document):
    """Tokens are verified with configured shared secrets."""

    method: Literal["symmetric"]
    keys: Annotated[list[SignatureSecret], Field(min_length=1, max_length=MAX_KEYS)]
    algorithms: Symmetric

    rules = (partial(_algorithm_mistakes, SYMMETRIC_ALGORITHMS, "a shared secret"), _kid_mistakes, _secrets_fit)


class JwksSignature(Document):
    """Tokens are verified with the keys that the partner publishes."""

    method: Literal["jwks"]
    jwks_url: OutsideAddress
    """Where the partner publishes its keys."""
    algorithms: Asymmetric

    rules = (partial(_algorithm_mistakes, ASYMMETRIC_ALGORITHMS, "a published key"),)


class SharedSecretEncryption(Document):
    """Tokens are encrypted with a secret that the partner shares with us."""

    method: Literal["shared_secret"]
    keys: Annotated[list[EncryptionSecret], Field(min_length=1, max_length=MAX_KEYS)]
    required: bool = False
    """Whether a token that comes signed alone is refused."""

    rules = (_kid_mistakes,)


class KeyPairEncryption(Document):
    """Tokens are encrypted for a key pair of ours."""

    method: Literal["key_pair"]
    required: bool = False
    """Whether a token that comes signed alone is refused."""


class CryptoApiEncryption(Document):
    """Tokens are encrypted by our Crypto API on the partner's behalf."""

    method: Literal["crypto_api"]
    required: bool = False
    """Whether a token that comes signed alone is refused."""


Signature = Annotated[PublicKeySignature | SymmetricSignature | JwksSignature, Field(discriminator="method")]
Encryption = Annotated[SharedSecretEncryption | KeyPairEncryption | CryptoApiEncryption, Field(discriminator="method")]


def signature_config(document: Mapping[str, Any]) -> SignatureConfig:
    """Return the canonical `signature` member as the journey needs it."""
    return SignatureConfig(
        method=SignatureMethod(document["method"]),
        algorithms=frozenset(document["algorithms"]),
        keys=tuple(map(key_material, document.get("keys", ()))),
        jwks_url=document.get("jwks_url"),
    )


def encryption_config(document: Mapping[str, Any]) -> EncryptionConfig:
    """Return the canonical `encryption` member as the journey needs it."""
    return EncryptionConfig(
        method=EncryptionMethod(document["method"]),
        required=document["required"],
        keys=tuple(map(key_material, document.get("keys", ()))),
    )
