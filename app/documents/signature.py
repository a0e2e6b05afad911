"""How a partner signs and encrypts: one model per method, and the rules between method, keys and algorithms."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from app.documents.fields import UNIQUE, Document, Shown, repeated
from app.documents.keys import MAX_KEYS, EncryptionSecret, PublicKeyEntry, SharedSecret, SignatureSecret, key_material
from app.documents.mistakes import refuse_if_any
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


class PublicKeySignature(Document):
    """Tokens are verified with configured public keys."""

    method: Literal["public_key"]
    keys: Annotated[list[PublicKeyEntry], Field(min_length=1, max_length=MAX_KEYS)]
    algorithms: Asymmetric

    @model_validator(mode="after")
    def _fits(self) -> Self:
        mistakes = _algorithm_mistakes(self.algorithms, ASYMMETRIC_ALGORITHMS, "a public key")
        listed = ASYMMETRIC_ALGORITHMS.intersection(self.algorithms)
        for index, entry in enumerate(self.keys):
            if listed and not any(key_fits(entry.key(), alg, "verify") for alg in listed):
                mistakes.append(Mistake(f"keys[{index}]", "None of the listed algorithms can be used with this key."))
        refuse_if_any(mistakes)
        return self


class SymmetricSignature(Document):
    """Tokens are verified with configured shared secrets."""

    method: Literal["symmetric"]
    keys: Annotated[list[SignatureSecret], Field(min_length=1, max_length=MAX_KEYS)]
    algorithms: Symmetric

    @model_validator(mode="after")
    def _fits(self) -> Self:
        mistakes = _algorithm_mistakes(self.algorithms, SYMMETRIC_ALGORITHMS, "a shared secret")
        mistakes += _kid_mistakes(self.keys)
        listed = sorted(SYMMETRIC_ALGORITHMS.intersection(self.algorithms))
        for index, entry in enumerate(self.keys):
            least = {alg: RULES[alg].min_bits // 8 for alg in listed if entry.key().bits < RULES[alg].min_bits}
            mistakes += [
                Mistake(f"keys[{index}].secret", f"For {alg} a secret must have at least {octets} octets.")
                for alg, octets in least.items()
            ]
        refuse_if_any(mistakes)
        return self


class JwksSignature(Document):
    """Tokens are verified with the keys that the partner publishes."""

    method: Literal["jwks"]
    jwks_url: OutsideAddress
    """Where the partner publishes its keys."""
    algorithms: Asymmetric

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_if_any(_algorithm_mistakes(self.algorithms, ASYMMETRIC_ALGORITHMS, "a published key"))
        return self


class SharedSecretEncryption(Document):
    """Tokens are encrypted with a secret that the partner shares with us."""

    method: Literal["shared_secret"]
    keys: Annotated[list[EncryptionSecret], Field(min_length=1, max_length=MAX_KEYS)]
    required: bool = False
    """Whether a token that comes signed alone is refused."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_if_any(_kid_mistakes(self.keys))
        return self


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


def _algorithm_mistakes(algorithms: Sequence[str], allowed: frozenset[str], kind: str) -> list[Mistake]:
    unfit = [index for index, alg in enumerate(algorithms) if alg not in allowed]
    mistakes = [Mistake(f"algorithms[{index}]", f"{algorithms[index]} cannot be used with {kind}.") for index in unfit]
    return mistakes + [Mistake(f"algorithms[{index}]", "This stands here twice.") for index in repeated(algorithms)]


def _kid_mistakes(keys: Sequence[SharedSecret]) -> list[Mistake]:
    kids = [index if entry.kid is None else entry.kid for index, entry in enumerate(keys)]
    return [Mistake(f"keys[{index}].kid", "Two keys have this kid.") for index in repeated(kids)]
