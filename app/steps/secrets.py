"""The secrets that the installation makes for itself: the key of its digests, and the keys that sign access tokens.

Each secret's kid is its number, so that of several processes that make one together one succeeds and all use it.
Signing keys follow each other by age alone: a new one is published before it signs, and an old one as long as a token
that it signed may live.
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

_DIGEST_KID = "1"
_SIGNING_KID = "signing-{number}"
_DIGEST_BYTES = 32
SIGNS_FOR: Final = timedelta(days=30)
"""How old the newest key becomes before another is made."""
ANNOUNCED_FOR: Final = timedelta(minutes=10)
"""How long a new key is published before it signs: twice what a copy of our JWK Set may be kept."""
HONOURED_FOR: Final = timedelta(hours=2)
"""How long a key is published after its last signature: twice the life of an access token."""
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
        load_digest_secret(self.secrets, now)
        if not self.secrets.load(SIGNING):
            self.secrets.add(_new_signing_key(1, now))


def load_digest_secret(secrets: SecretStore, now: datetime) -> bytes:
    """Return the key of the installation's digests; make it on first use, once however many processes start."""
    known = secrets.load(DIGEST)
    if not known:
        # One kid for all: whoever comes second is told no, and takes what the first one made.
        secrets.add(InstallationSecret(DIGEST, _DIGEST_KID, os.urandom(_DIGEST_BYTES), now))
        known = secrets.load(DIGEST)
    return known[0].value


@dataclass(slots=True)
class TryMasterKeys:
    """Tries whether the master keys open the installation's secrets, which were the first thing that it sealed."""

    secrets: SecretStore
    _opened: int = 0

    def __call__(self) -> int:
        """Return how many they open, 0 before there are any; raise SealBroken. Once right, they are not tried again."""
        if not self._opened:
            self._opened = sum(len(self.secrets.load(name)) for name in (DIGEST, SIGNING))
        return self._opened


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs access tokens; `public` is its public JWK."""

    kid: str
    key: UsableKey = field(repr=False)
    public: Mapping[str, object]
    created_at: datetime


@dataclass(slots=True)
class SigningKeys:
    """Our signing keys, read anew and followed by another in time every 30 s; safe to share between threads."""

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
        announced_by = self.clock.now() - ANNOUNCED_FOR
        return next((key for key in keys if key.created_at <= announced_by), keys[-1])

    def find(self, kid: object) -> SigningKey | None:
        """Return the key of that kid, or None."""
        found = _key_of(kid, self.load())
        return found if found is not None else _key_of(kid, self.load(_ASKED_AGAIN_AFTER))

    def load(self, fresh_for: timedelta = _FRESH_FOR) -> Sequence[SigningKey]:
        """Return the keys in use, the newest first, as they stood at most `fresh_for` ago."""
        now = self.clock.now()
        with self._lock:
            if self._read_at is None or not self._keys or not self._read_at <= now < self._read_at + fresh_for:
                self._keys, self._read_at = tuple(map(_parse, _in_use(self._renewed(now), now))), now
            return self._keys

    def _renewed(self, now: datetime) -> Sequence[InstallationSecret]:
        known = self.secrets.load(SIGNING)
        if not known or now < known[0].created_at + SIGNS_FOR:
            return known
        self.secrets.add(_new_signing_key(len(known) + 1, now))
        return self.secrets.load(SIGNING)


def _key_of(kid: object, keys: Sequence[SigningKey]) -> SigningKey | None:
    return next((key for key in keys if key.kid == kid), None)


def _new_signing_key(number: int, now: datetime) -> InstallationSecret:
    kid = _SIGNING_KID.format(number=number)
    private, _ = generate_key(SIGNING_ALGORITHM, kid)
    return InstallationSecret(SIGNING, kid, json.dumps(private).encode(), now)


def _in_use(secrets: Sequence[InstallationSecret], now: datetime) -> Sequence[InstallationSecret]:
    """Return those, newest first, that sign, are about to, or may have signed a token that lives."""
    followers = [None, *(secret.created_at for secret in secrets)]
    return [
        secret
        for secret, followed_at in zip(secrets, followers, strict=False)
        if (followed_at is None or now < followed_at + ANNOUNCED_FOR + HONOURED_FOR)
        and (secret.retired_at is None or now < secret.retired_at)
    ]


def _parse(secret: InstallationSecret) -> SigningKey:
    jwk = json.loads(secret.value)
    imported = import_keys(jwk)
    if not imported.keys:
        raise InsideError("a stored signing key cannot be read")
    public = {name: value for name, value in jwk.items() if name not in PRIVATE_MEMBERS}
    return SigningKey(secret.kid, imported.keys[0], public, secret.created_at)
