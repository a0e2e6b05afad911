"""Keyed digests of what identifies a person or a token.

The key is a secret of the installation and not a master key, so that rotating master keys changes no digest.
"""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from app.management_ports import SecretStore
from app.steps.secrets import load_digest_secret


@dataclass(frozen=True)
class KeyedDigests:
    """HMAC-SHA256 in base64url over a kind and two texts, the first with its length: no two inputs run together."""

    secret: bytes = field(repr=False)

    @cached_property
    def _keyed(self) -> HMAC:
        """What every digest begins with: to copy it costs a third of keying anew."""
        return HMAC(self.secret, SHA256())

    def participant(self, partner_id: str, sub: str) -> str:
        """Return the digest of a participant, stable for the life of the installation."""
        return self._digest("participant", partner_id, sub)

    def jti(self, partner_id: str, jti: str) -> str:
        """Return the digest of a token's jti."""
        return self._digest("jti", partner_id, jti)

    def _digest(self, kind: str, partner_id: str, value: str) -> str:
        owner = partner_id.encode()
        digest = self._keyed.copy()
        digest.update(f"{kind}:{len(owner)}:".encode() + owner + value.encode(errors="surrogatepass"))
        return base64.urlsafe_b64encode(digest.finalize()).decode().rstrip("=")


def load_digests(secrets: SecretStore, now: datetime) -> KeyedDigests:
    """Return the installation's digests."""
    return KeyedDigests(load_digest_secret(secrets, now))
