"""The degrees of trust that a token climbs: UnverifiedToken (in `app.jose.gate`), SignedClaims, AcceptedClaims.

Later steps take only the last, so that nobody can prefill a form from claims that nobody judged.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from app.domain.participation import Limit
from app.values import light_value


@light_value
class SignedClaims:
    """Claims whose signature holds: who signed is known, what they say is not judged yet.

    `key_thumbprint` is the RFC 7638 thumbprint of the key that verified (None for a shared secret, whose hash could be
    guessed from), `keyset_version` the version of the JWK Set that the key stood in (None for configured keys).
    """

    claims: Mapping[str, object] = field(repr=False)
    key_thumbprint: str | None
    keyset_version: int | None = None
    signing_input: bytes = field(default=b"", repr=False)
    signature: bytes = field(default=b"", repr=False)

    @property
    def compact(self) -> str:
        """The signed token itself, without its encryption (RFC 7515 section 7.1)."""
        return f"{self.signing_input.decode('ascii')}.{urlsafe_b64encode(self.signature).rstrip(b'=').decode('ascii')}"


@light_value
class Gift:
    """The `gift` claim."""

    label: str | None = None
    can_win: bool | None = None


@light_value
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
