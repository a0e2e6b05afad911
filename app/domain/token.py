"""The degrees of trust that a token climbs: UnverifiedToken (in `app.jose.gate`), SignedClaims, AcceptedClaims.

Later steps take only the last, so that nobody can prefill a form from claims that nobody judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.participation import Limit


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """Claims whose signature holds: who signed is known, what they say is not judged yet.

    `key_thumbprint` is the RFC 7638 thumbprint of the key that verified, `keyset_version` the version of the JWK Set it
    stood in (None for configured keys).
    """

    claims: Mapping[str, object] = field(repr=False)
    key_thumbprint: str
    keyset_version: int | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Gift:
    """The `gift` claim."""

    label: str | None = None
    can_win: bool | None = None


@dataclass(frozen=True, slots=True)
class AcceptedClaims:
    """Claims that were judged and hold; every field has its type and bounds."""

    sub: str = field(repr=False)
    limit: Limit
    gift: Gift | None = None
    jti: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    form: object = field(default=None, repr=False)
    optin: object = field(default=None, repr=False)
    custom: Mapping[str, object] = field(default_factory=dict, repr=False)
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)
