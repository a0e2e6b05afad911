"""The history of a key set: what became of each of its keys, told by kid and thumbprint."""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_MATERIAL: Mapping[str, tuple[str, ...]] = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


class KeyEvent(StrEnum):
    """What happened to a key."""

    ADDED = "added"
    REMOVED = "removed"
    RETURNED = "returned"  # had been there before
    CHANGED = "changed"  # the same kid with other material


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key's change."""

    event: KeyEvent
    kid: str
    thumbprint: str


@dataclass(frozen=True, slots=True)
class KeysetEvent:
    """One key's change as it was recorded; `version` is that of the set which it brought."""

    at: datetime
    event: KeyEvent
    kid: str
    thumbprint: str
    version: int


def key_changes(
    before: Sequence[Mapping[str, object]], after: Sequence[Mapping[str, object]], known: Collection[str]
) -> list[KeyChange]:
    """Return what became of each key; `known` holds the thumbprints that this source's history names."""
    old, new = _by_kid(before), _by_kid(after)
    changes = []
    for kid, thumbprint in new.items():
        if kid not in old:
            event = KeyEvent.RETURNED if thumbprint in known else KeyEvent.ADDED
            changes.append(KeyChange(event, kid, thumbprint))
        elif old[kid] != thumbprint:
            changes.append(KeyChange(KeyEvent.CHANGED, kid, thumbprint))
    removed = [KeyChange(KeyEvent.REMOVED, kid, thumbprint) for kid, thumbprint in old.items() if kid not in new]
    return changes + removed


def thumbprint_of(key: Mapping[str, object]) -> str:
    """Return the key's thumbprint (RFC 7638 section 3): SHA-256 over its material, base64url."""
    names = _MATERIAL.get(str(key.get("kty")), tuple(sorted(key)))
    material = json.dumps({name: key.get(name) for name in names}, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(material).digest()).decode().rstrip("=")


def _by_kid(keys: Sequence[Mapping[str, object]]) -> dict[str, str]:
    return {str(key.get("kid")): thumbprint_of(key) for key in keys}
