"""Secrets of management clients: how they are stored, and whether one that was given is right.

Stored as scrypt hashes (RFC 7914), which cost 16 MiB and tens of milliseconds each; so a right secret is remembered for
a minute, as a keyed digest. How many hashes are made at a time is bounded where the requests come in.
"""

import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

MAX_SECRET_CHARACTERS: Final = 512
SECRET_BYTES: Final = 32
"""Of a secret that we make."""

_COST, _BLOCK, _LANES = 2**14, 8, 1  # 16 MiB; the secrets are long and random, so that more would protect nothing
_SALT_BYTES = 16
_REMEMBERED_FOR = timedelta(seconds=60)
_REMEMBERED_MAX = 1024
_NOBODY = "scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"""Checked where there is no such client, so that the time of an answer does not tell."""


def new_secret() -> str:
    """Return a new client secret, 43 characters of base64url."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(secret: str) -> str:
    """Return the hash under which `secret` is stored: `scrypt$N$r$p$salt$hash`, the last two in base64url."""
    salt = os.urandom(_SALT_BYTES)
    parts = (urlsafe_b64encode(part).decode() for part in (salt, _scrypt(secret, salt, _COST, _BLOCK, _LANES)))
    return "$".join(("scrypt", str(_COST), str(_BLOCK), str(_LANES), *parts))


@dataclass(frozen=True, slots=True)
class ClientSecrets:
    """Checks client secrets; one per process, safe to share between threads."""

    _pepper: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    _remembered: OrderedDict[bytes, datetime] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def matches(self, secret: str, stored: str | None, now: datetime) -> bool:
        """Tell whether `secret` is the one that `stored` is the hash of; None, for nobody, costs the same time."""
        if len(secret) > MAX_SECRET_CHARACTERS:
            return False
        against = stored or _NOBODY
        digest = hmac.digest(self._pepper, f"{against}${secret}".encode("utf-8", "surrogatepass"), "sha256")
        if self._remembers(digest, now):
            return True
        is_right = _is_hash_of(against, secret) and stored is not None
        if is_right:
            self._remember(digest, now)
        return is_right

    def _remembers(self, digest: bytes, now: datetime) -> bool:
        with self._lock:
            seen_at = self._remembered.get(digest)
        return seen_at is not None and seen_at <= now < seen_at + _REMEMBERED_FOR

    def _remember(self, digest: bytes, now: datetime) -> None:
        with self._lock:
            self._remembered[digest] = now
            self._remembered.move_to_end(digest)
            while len(self._remembered) > _REMEMBERED_MAX:
                self._remembered.popitem(last=False)


def _is_hash_of(stored: str, secret: str) -> bool:
    _, cost, block, lanes, salt, expected = stored.split("$")
    actual = _scrypt(secret, urlsafe_b64decode(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(actual, urlsafe_b64decode(expected))


def _scrypt(secret: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    encoded = secret.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(encoded, salt=salt, n=cost, r=block, p=lanes, maxmem=256 * cost * block, dklen=32)
