"""Sealing at rest: AES-256-GCM under a ring of master keys, and the session keys derived from the same ring.

The first master key writes, all of them read. A process seals under a subkey of its own for a million values, and then
takes another, so that random 96-bit nonces stay safe at any volume (NIST SP 800-38D section 8.3 bounds one key at 2^32
values). Knows nothing of tables and rows but the text that names them.
"""

import base64
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.domain.master_keys import CURE_OF_MISSING, MASTER_KEY_BYTES
from app.errors import MasterKeyMissing, SealBroken

_VERSION: Final = b"\x02"
_VERSION_OF_PLACES: Final = b"\x01"
"""Of values that were sealed under a subkey of their place, which are opened as ever."""
_ID_BYTES: Final = 4
_SALT_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_ID: Final = slice(len(_VERSION), len(_VERSION) + _ID_BYTES)
_HEAD_BYTES: Final = {_VERSION: _KEY_ID.stop + _SALT_BYTES, _VERSION_OF_PLACES: _KEY_ID.stop}
_VALUES_OF_A_SUBKEY: Final = 2**20
"""Of one process: those that it forks, a few, go on with the subkey that they find."""
_SUBKEYS_REMEMBERED: Final = 1_024
"""A kilobyte each; whatever is read together was sealed by a few processes."""
_NONCES_AT_ONCE: Final = 512
"""Enough for two batches, and six kilobytes."""
_NONCES: Final[list[bytes]] = []
"""Drawn and not yet used; no thread takes what another took."""
os.register_at_fork(after_in_child=_NONCES.clear)  # or a child would use what its parent uses


@dataclass(frozen=True, slots=True)
class _Derived:
    """What one master key is used for; its id is derived too, so that it says nothing of the key."""

    id: bytes
    text: str
    """The id in hex."""
    seal: HMAC = field(repr=False)
    session: HMAC = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The master keys in use, derived once; `first` writes, `by_id` (in hex: `by_text`) reads."""

    first: _Derived
    by_id: Mapping[bytes, _Derived] = field(repr=False)
    by_text: Mapping[str, _Derived] = field(repr=False)

    @classmethod
    def of(cls, master_keys: tuple[bytes, ...]) -> Self:
        """Build the ring of `master_keys` (32 bytes each, at least one)."""
        derived = [_derive_all(key) for key in master_keys]
        return cls(derived[0], {key.id: key for key in derived}, {key.text: key for key in derived})


@dataclass(slots=True)
class _Writing:
    """The subkey that values are sealed under just now, and what they begin with."""

    head: bytes
    subkey: AESGCM = field(repr=False)
    values_left: int


class AesSealing:
    """Seals values as: version, key id (4 bytes), salt (8), nonce (12), ciphertext and tag.

    The salt makes the subkey from the master key; the place is the associated data.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._subkey = lru_cache(_SUBKEYS_REMEMBERED)(lambda head: self._derive(head, head))
        self._writing = self._begin_writing()

    def seal(self, plaintext: bytes, place: str) -> bytes:
        """Return `plaintext` sealed for `place`, e.g. `sessions.token:ses_…`."""
        writing = self._writing
        if writing.values_left <= 0:
            writing = self._writing = self._begin_writing()
        writing.values_left -= 1  # threads that meet here may count a few as one
        nonce = _nonce()
        return b"".join((writing.head, nonce, writing.subkey.encrypt(nonce, plaintext, place.encode())))

    def is_newest(self, sealed: bytes) -> bool:
        """Tell whether the first master key sealed this."""
        return sealed[_KEY_ID] == self._ring.first.id

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for `place`; raise MasterKeyMissing, or SealBroken if it was harmed."""
        version, where = sealed[:1], place.encode()
        nonce_at = _HEAD_BYTES.get(version, len(sealed))
        body_at = nonce_at + _NONCE_BYTES
        if len(sealed) < body_at + _TAG_BYTES:
            raise SealBroken("a sealed value is cut short, or none")
        head = sealed[:nonce_at]
        subkey = self._subkey(head) if version == _VERSION else self._derive(head, where)
        try:
            return subkey.decrypt(sealed[nonce_at:body_at], sealed[body_at:], where)
        except InvalidTag as error:
            raise SealBroken("a sealed value was changed, or moved to another place") from error

    def _begin_writing(self) -> _Writing:
        head = b"".join((_VERSION, self._ring.first.id, os.urandom(_SALT_BYTES)))
        return _Writing(head, self._derive(head, head), _VALUES_OF_A_SUBKEY)

    def _derive(self, head: bytes, of: bytes) -> AESGCM:
        """Return the subkey of a value's master key that belongs to these bytes, which no place begins like."""
        key = self._ring.by_id.get(head[_KEY_ID])
        if key is None:
            raise MasterKeyMissing(f"no master key of this process sealed the value; {CURE_OF_MISSING}")
        return AESGCM(_mac(key.seal, of))


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Makes and checks session keys: an HMAC of the session id, spelled `{key id}.{mac}`, stored nowhere."""

    ring: KeyRing

    def make(self, session_id: str) -> str:
        """Return the key that opens `session_id` to its participant."""
        return _session_key(self.ring.first, session_id)

    def holds(self, session_id: str, key: str) -> bool:
        """Tell whether `key` is the one of `session_id` under any master key; equal time wherever the mac differs."""
        derived = self.ring.by_text.get(key.partition(".")[0])
        return derived is not None and hmac.compare_digest(
            _session_key(derived, session_id).encode(), key.encode(errors="replace")
        )


def _derive_all(master_key: bytes) -> _Derived:
    key_id = _derive(master_key, b"vestibule key id", _ID_BYTES)
    return _Derived(
        id=key_id,
        text=key_id.hex(),
        seal=HMAC(_derive(master_key, b"vestibule seal", MASTER_KEY_BYTES), SHA256()),
        session=HMAC(_derive(master_key, b"vestibule session key", MASTER_KEY_BYTES), SHA256()),
    )


def _derive(master_key: bytes, purpose: bytes, length: int) -> bytes:
    """Derive a key for one purpose (HKDF, RFC 5869); the master key is random, so no salt is needed."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(master_key)


def _nonce() -> bytes:
    """Return random bytes that were never used.

    They are drawn many at a time: a system call lets go of the interpreter's lock, and beside a busy event loop a batch
    waited tens of milliseconds to have it back.
    """
    try:
        return _NONCES.pop()
    except IndexError:
        drawn = os.urandom(_NONCE_BYTES * _NONCES_AT_ONCE)
        _NONCES.extend(drawn[at : at + _NONCE_BYTES] for at in range(_NONCE_BYTES, len(drawn), _NONCE_BYTES))
        return drawn[:_NONCE_BYTES]


def _mac(keyed: HMAC, message: bytes) -> bytes:
    """Return the MAC of `message`; to copy costs a third of keying anew, and unlike `hmac` keeps the lock of Python."""
    copy = keyed.copy()
    copy.update(message)
    return copy.finalize()


def _session_key(derived: _Derived, session_id: str) -> str:
    mac = _mac(derived.session, session_id.encode())
    return f"{derived.text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
