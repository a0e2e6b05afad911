"""Refresh key sets: claim the sources that are due, fetch each, import key by key, save under the fencing token.

A failed fetch keeps the old keys. What waits for a source is made due once a good set is saved.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from app.domain.keyset import DroppedKey, Keyset, KeysetPolicy, source_label
from app.domain.keyset_refresh import KeysetAnswer, after_failure, after_not_modified, after_success, is_success
from app.errors import OutsideError
from app.jose.keys import ImportedKeys, KeyPolicy, import_keys, public_jwk
from app.keyset_ports import JwksApi
from app.ports import Clock, Hints, KeysetQueue, Work
from app.reasons import PrefillReason

_log = structlog.get_logger()

MOST_DROPPED = 200
"""Dropped keys that are told of; a hostile set of 256 KiB can hold some 87,000."""


@dataclass(frozen=True, slots=True)
class RefreshKeysets:
    """Refreshes at most `limit` due sources at a time; `jitter` returns a number in [0, 1)."""

    queue: KeysetQueue
    jwks: JwksApi
    hints: Hints
    clock: Clock
    policy: KeysetPolicy
    jitter: Callable[[], float]
    limit: int = 64

    async def __call__(self) -> int:
        """Refresh what is due and return how many sources that were."""
        now = self.clock.now()
        due = await asyncio.to_thread(self.queue.claim_due, self.limit, now, now + self.policy.lease)
        await asyncio.gather(*(self._refresh(keyset) for keyset in due))
        return len(due)

    async def _refresh(self, keyset: Keyset) -> None:
        refreshed = await self._fetched(keyset)
        is_saved = await asyncio.to_thread(self.queue.save, refreshed, keyset.lease_token or "", self.clock.now())
        if is_saved and is_success(refreshed):
            self.hints.ring(Work.VERIFY)
        _log.info(
            "keyset.failed" if refreshed.last_error else "keyset.refreshed",
            source=source_label(keyset.source),
            version=refreshed.version,
            keys=len(refreshed.keys),
            dropped=len(refreshed.dropped),
            error=refreshed.last_error,
            failures=refreshed.failures,
            lease_lost=not is_saved,
        )

    async def _fetched(self, keyset: Keyset) -> Keyset:
        began_at = self.clock.now()
        try:
            answer = await self.jwks.fetch(keyset.source, keyset.etag, keyset.last_modified)
            if answer.is_not_modified:
                return after_not_modified(keyset, answer, began_at, self.jitter(), self.policy)
            imported = _imported(answer)
        except OutsideError as error:
            return self._failed(keyset, error, began_at)
        _alarm_about_private_keys(keyset, imported)
        dropped = tuple(DroppedKey(key.kid, key.reason) for key in imported.dropped[:MOST_DROPPED])
        if not imported.keys:
            failed = self._failed(keyset, OutsideError(PrefillReason.CONTRACT, "no usable key"), began_at)
            # Why none of those that are published now can be used. The next fetch is unconditional: a 304 would mean
            # the keys in use, and leave the reasons of another document beside them.
            return replace(failed, dropped=dropped, etag=None, last_modified=None)
        keys = tuple(public_jwk(key) for key in imported.keys)
        return after_success(keyset, keys, dropped, answer, began_at, self.jitter(), self.policy)

    def _failed(self, keyset: Keyset, error: OutsideError, began_at: datetime) -> Keyset:
        reason = f"{error.error_class}" if not error.detail else f"{error.error_class}: {error.detail}"
        return after_failure(keyset, reason, began_at, self.clock.now(), self.jitter(), error.retry_after, self.policy)


def _imported(answer: KeysetAnswer) -> ImportedKeys:
    """Return the keys of a set, usable or not; raise OutsideError for a document that is none."""
    if not isinstance(answer.document, dict) or not isinstance(answer.document.get("keys"), list):
        raise OutsideError(PrefillReason.CONTRACT, "not a JWK Set")
    return import_keys(answer.document, KeyPolicy.remote())


def _alarm_about_private_keys(keyset: Keyset, imported: ImportedKeys) -> None:
    published = sum("private" in key.reason for key in imported.dropped)
    if published:
        _log.error("keyset.private_key_published", source=source_label(keyset.source), keys=published)
