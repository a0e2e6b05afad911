"""A partner as the journey needs it: how its tokens are judged and how its API is called.

Built from a validated document by `app.documents`; nothing here is checked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

MAX_LEEWAY: Final = timedelta(seconds=300)
"""What a partner may set at most."""


class SignatureMethod(StrEnum):
    """Where the key that verifies a signature comes from; one per partner, never chosen by a token."""

    PUBLIC_KEY = "public_key"
    SYMMETRIC = "symmetric"
    JWKS = "jwks"


class EncryptionMethod(StrEnum):
    """Where the key that decrypts comes from."""

    SHARED_SECRET = "shared_secret"  # noqa: S105 - a method's name
    KEY_PAIR = "key_pair"
    CRYPTO_API = "crypto_api"


class AuthorizationSource(StrEnum):
    """Which credential a prefill call carries."""

    CLAIM = "claim"
    TOKEN = "token"  # noqa: S105 - a source's name
    STATIC = "static"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """One configured key: exactly one of `pem`, `jwk` and `secret` is set.

    `encoding` says how a secret is written; without it each reading of a fitting size is tried.
    """

    pem: str | None = field(default=None, repr=False)
    jwk: Mapping[str, object] | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    encoding: Literal["base64url", "hex", "text"] | None = None
    kid: str | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignatureConfig:
    """How a partner signs; `algorithms` is never empty."""

    method: SignatureMethod
    algorithms: frozenset[str]
    keys: tuple[KeyMaterial, ...] = ()
    jwks_url: str | None = None


@dataclass(frozen=True, slots=True)
class EncryptionConfig:
    """How a partner encrypts; without `required` a plain JWS is taken too.

    `keys` are shared secrets, or private keys of ours, the newest first, of which `generation` is the newest's number.
    """

    method: EncryptionMethod
    required: bool
    keys: tuple[KeyMaterial, ...] = ()
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Authorization:
    """Which credential a prefill call carries; `name` is a claim, `secret` a credential of ours."""

    source: AuthorizationSource
    name: str | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PrefillConfig:
    """How a partner's API is called; the mappings are JMESPath expressions by variable, None for the default ones."""

    url: str
    method: str
    authorization: Authorization
    timeout: timedelta
    max_concurrency: int
    rate_per_second: float | None = None
    form_mapping: Mapping[str, str] | None = None
    optin_mapping: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """A brand that hands out tokens; `version` grows with each change of its document."""

    id: str
    version: int
    name: str
    signature: SignatureConfig
    encryption: EncryptionConfig | None = None
    issuer: str | None = None
    audience: str | None = None
    require_exp: bool = True
    leeway: timedelta = timedelta(seconds=60)
    max_age: timedelta | None = None
    prefill: PrefillConfig | None = None
