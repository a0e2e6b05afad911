"""What operators see of a key set."""

from collections.abc import Mapping
from datetime import datetime

from app.domain.keyset import Keyset, KeysetState, keyset_state
from app.domain.keyset_history import KeysetEvent, thumbprint_of
from app.domain.session import rfc3339


def keyset_view(keyset: Keyset, first_seen: Mapping[str, datetime], now: datetime) -> dict[str, object]:
    """Return the body of `GET /v1/partners/{id}/keyset`; a revoked key stands among those that are dropped."""
    state = keyset_state(keyset, now)
    keys = () if state is KeysetState.EMPTY else keyset.keys
    usable = [(key, print_) for key in keys if (print_ := thumbprint_of(key)) not in keyset.revoked]
    revoked = [{"kid": key["kid"], "reason": "key_revoked"} for key in keys if thumbprint_of(key) in keyset.revoked]
    return {
        "state": state,
        "version": keyset.version,
        "keys": [_key(key, print_, first_seen.get(print_)) for key, print_ in usable],
        "dropped": [*revoked, *({"kid": key.kid, "reason": key.reason} for key in keyset.dropped)],
        "fetched_at": _shown(keyset.fetched_at),
        "fresh_until": _shown(keyset.fresh_until),
        "stale_until": _shown(keyset.stale_until),
        "last_error": keyset.last_error,
    }


def event_view(event: KeysetEvent) -> dict[str, object]:
    """Return one entry of `GET /v1/partners/{id}/keyset/history`."""
    return {
        "at": rfc3339(event.at),
        "event": event.event,
        "kid": event.kid,
        "thumbprint": event.thumbprint,
        "version": event.version,
    }


def _key(key: Mapping[str, object], thumbprint: str, first_seen: datetime | None) -> dict[str, object]:
    return {
        "kid": key["kid"],
        "kty": key["kty"],
        "alg": key.get("alg"),
        "thumbprint": thumbprint,
        "first_seen": _shown(first_seen),
    }


def _shown(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
