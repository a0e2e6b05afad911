"""The secrets that the installation makes for itself: the key of its digests, and the keys that sign access tokens.

Each first secret has a fixed kid, so that of several processes that start together one makes it and all use it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from app.errors import InsideError
from app.jose.keys import UsableKey, import_keys
from app.jose.material import PRIVATE_MEMBERS
from app.jose.signing import generate_key
from app.management_ports import InstallationSecret, SecretStore
from app.ports import Clock

DIGEST: Final = "digest"
SIGNING: Final = "signing"
SIGNING_ALGORITHM: Final = "ES256"

_FIRST_DIGEST_KID = "1"
_FIRST_SIGNING_KID = "signing-1"
_DIGEST_BYTES = 32
_FRESH_FOR = timedelta(seconds=30)
"""How long a process signs with what it has read."""
_ASKED_AGAIN_AFTER = timedelta(seconds=1)
"""How soon it looks again for a kid that it does not know: another process may sign with a new key already."""


@dataclass(frozen=True, slots=True)
class EnsureSecrets:
    """Makes the installation's secrets where they are missing; safe to run anywhere, any number of times."""

    secrets: SecretStore
    clock: Clock

    def __call__(self) -> None:
        """Make what is missing."""
        now = self.clock.now()
        if not self.secrets.load(DIGEST):
            self.secrets.add(InstallationSecret(DIGEST, _FIRST_DIGEST_KID, os.urandom(_DIGEST_BYTES), now))
        if not self.secrets.load(SIGNING):
            private, _ = generate_key(SIGNING_ALGORITHM, _FIRST_SIGNING_KID)
            self.secrets.add(InstallationSecret(SIGNING, _FIRST_SIGNING_KID, json.dumps(private).encode(), now))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs access tokens; `public` is its public JWK."""

    kid: str
    key: UsableKey = field(repr=False)
    public: Mapping[str, object]


@dataclass(slots=True)
class SigningKeys:
    """Our signing keys, read anew every 30 s; safe to share between threads."""

    secrets: SecretStore
    clock: Clock
    _keys: Sequence[SigningKey] = field(default=(), repr=False)
    _read_at: datetime | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def current(self) -> SigningKey:
        """Return the key that signs now; raise InsideError if the installation has none."""
        keys = self.load()
        if not keys:
            raise InsideError("there is no signing key: run the migration")
        return keys[0]

    def find(self, kid: object) -> SigningKey | None:
        """Return the key of that kid, or None."""
        found = _key_of(kid, self.load())
        return found if found is not None else _key_of(kid, self.load(_ASKED_AGAIN_AFTER))

    def load(self, fresh_for: timedelta = _FRESH_FOR) -> Sequence[SigningKey]:
        """Return the keys in use, the newest first, as they stood at most `fresh_for` ago."""
        now = self.clock.now()
        with self._lock:
            if self._read_at is None or not self._keys or not self._read_at <= now < self._read_at + fresh_for:
                in_use = [secret for secret in self.secrets.load(SIGNING) if not _is_retired(secret, now)]
                self._keys, self._read_at = tuple(map(_parse, in_use)), now
            return self._keys


def _key_of(kid: object, keys: Sequence[SigningKey]) -> SigningKey | None:
    return next((key for key in keys if key.kid == kid), None)


def _is_retired(secret: InstallationSecret, now: datetime) -> bool:
    return secret.retired_at is not None and secret.retired_at <= now


def _parse(secret: InstallationSecret) -> SigningKey:
    jwk = json.loads(secret.value)
    imported = import_keys(jwk)
    if not imported.keys:
        raise InsideError("a stored signing key cannot be read")
    public = {name: value for name, value in jwk.items() if name not in PRIVATE_MEMBERS}
    return SigningKey(secret.kid, imported.keys[0], public)
