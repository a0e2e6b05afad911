"""Parsed keys, cached per process: configured ones by (partner, version), key sets by (source, version, revocations).

Parsing is what costs (a private RSA key 33 ms), so it is done once; of our own key pairs once for each key, whatever
changes around them. A new version is a new entry; the oldest ones fall out.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Generic, Literal, TypeVar

from app.domain.keyset import Keyset
from app.domain.partner import EncryptionMethod, KeyMaterial, Partner
from app.errors import InsideError
from app.jose.keys import KeyPolicy, KeyRefused, UsableKey, import_keys, import_pem, import_secret

_CACHED_ENTRIES = 4096
_SECRET_BITS = frozenset({128, 192, 256, 384, 512})
"""What the algorithms that encrypt with a shared secret ask for."""
_READINGS: tuple[Literal["base64url", "hex", "text"], ...] = ("base64url", "hex", "text")

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class TimedKey:
    """A configured key and the moment from which it is no longer used."""

    key: UsableKey
    not_after: datetime | None


@dataclass(frozen=True, slots=True)
class RecentlyParsed(Generic[Parsed]):
    """A bounded cache, safe to share between threads; the oldest entries fall out."""

    _entries: OrderedDict[Hashable, Parsed] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def get(self, place: Hashable, parse: Callable[[], Parsed]) -> Parsed:
        """Return what stands at `place`, parsing it where nothing does."""
        entry = self._entries.get(place)
        if entry is None:
            entry = parse()
            with self._lock:
                self._entries[place] = entry
                while len(self._entries) > _CACHED_ENTRIES:
                    self._entries.popitem(last=False)
        return entry


@dataclass(frozen=True, slots=True)
class Keyring:
    """Gives the keys of partners and key sets, parsed."""

    _configured: RecentlyParsed[tuple[TimedKey, ...]] = field(default_factory=RecentlyParsed)
    _published: RecentlyParsed[Mapping[str, UsableKey]] = field(default_factory=RecentlyParsed)
    _ours: RecentlyParsed[UsableKey] = field(default_factory=RecentlyParsed)

    def signature_keys(self, partner: Partner, now: datetime) -> Sequence[UsableKey]:
        """Return the configured keys that may verify this partner's signatures at `now`."""
        place = ("signature", partner.id, partner.version)
        return _active(self._configured.get(place, lambda: _import_all(partner.signature.keys)), now)

    def encryption_keys(self, partner: Partner, now: datetime) -> Sequence[UsableKey]:
        """Return the shared secrets, or our private keys, that may decrypt this partner's tokens at `now`.

        None without encryption. Of private keys the newest come first.
        """
        encryption = partner.encryption
        if encryption is None:
            return ()
        place = ("encryption", partner.id, partner.version, encryption.generation)
        is_shared = encryption.method is EncryptionMethod.SHARED_SECRET
        load = partial(_import_all if is_shared else self._import_ours, encryption.keys)
        return _active(self._configured.get(place, load), now)

    def keyset_keys(self, keyset: Keyset) -> Mapping[str, UsableKey]:
        """Return the keys of a partner's JWK Set by kid."""
        place = (keyset.source, keyset.version, keyset.revoked_epoch)
        return self._published.get(place, lambda: _by_kid(keyset))

    def _import_ours(self, materials: Sequence[KeyMaterial]) -> tuple[TimedKey, ...]:
        return tuple(
            TimedKey(self._ours.get(material.kid, partial(_import_private, material)), material.not_after)
            for material in materials
        )


def _import_private(material: KeyMaterial) -> UsableKey:
    # Of a key that agrees, `alg` is advice to whoever encrypts; what is allowed is decided by the partner's method.
    jwk = {name: value for name, value in (material.jwk or {}).items() if name != "alg"}
    imported = import_keys(jwk)
    if not imported.keys:
        raise InsideError("a stored private key cannot be read")
    return imported.keys[0]


def _active(keys: Sequence[TimedKey], now: datetime) -> Sequence[UsableKey]:
    return [timed.key for timed in keys if timed.not_after is None or now < timed.not_after]


def _by_kid(keyset: Keyset) -> Mapping[str, UsableKey]:
    imported = import_keys({"keys": list(keyset.keys)}, KeyPolicy.remote())
    return {key.kid: key for key in imported.keys if key.kid is not None}


def _import_all(materials: Sequence[KeyMaterial]) -> tuple[TimedKey, ...]:
    return tuple(TimedKey(key, material.not_after) for material in materials for key in _import(material))


def _import(material: KeyMaterial) -> Sequence[UsableKey]:
    if material.pem is not None:
        return import_pem(material.pem)
    if material.jwk is not None:
        return import_keys(material.jwk).keys
    secret = material.secret or ""
    if material.encoding is not None:
        return (import_secret(secret, material.encoding, kid=material.kid),)
    return _readings(secret, material.kid)


def _readings(secret: str, kid: str | None) -> Sequence[UsableKey]:
    """Return every reading of a secret of unnamed encoding that has a size which an algorithm can use."""
    keys = []
    for encoding in _READINGS:
        try:
            key = import_secret(secret, encoding, kid=kid)
        except KeyRefused:
            continue
        if key.bits in _SECRET_BITS:
            keys.append(key)
    return keys
