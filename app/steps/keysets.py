"""Key sets in operators' hands: shown, refreshed now, pinned by hand and back.

What a caller may not see does not exist for it; each change is audited. Never fetches anything: it makes a refresh due.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.domain.key_guide import told_refusal
from app.domain.keyset import Keyset, source_label
from app.domain.keyset_history import KeysetEvent
from app.domain.keyset_override import after_pin, after_unpin
from app.domain.partner import SignatureMethod
from app.errors import Mistake, RequestInvalid
from app.jose.keys import KeyPolicy, import_keys, public_jwk
from app.keyset_errors import KeysetNotUsed
from app.keyset_ports import KeysetDesk, StoredKeyset
from app.management_ports import AuditLog, DocumentStore
from app.ports import Clock, Hints, Work
from app.steps.authorize import Caller
from app.steps.partners import find_partner

MAX_HISTORY: Final = 200


def jwks_url_of(document: Mapping[str, Any]) -> str | None:
    """Return where the keys of a partner's document are published, or None if it publishes none."""
    signature = document["signature"]
    return str(signature["jwks_url"]) if signature["method"] == SignatureMethod.JWKS else None


def find_source(documents: DocumentStore, partner_id: str, caller: Caller) -> str:
    """Return the key source of a partner that the caller sees; raise PartnerUnknown or KeysetNotUsed."""
    source = jwks_url_of(find_partner(documents, partner_id, caller).document)
    if source is None:
        raise KeysetNotUsed
    return source


@dataclass(frozen=True, slots=True)
class ManageKeysets:
    """Shows and changes the key set of a partner."""

    documents: DocumentStore
    desk: KeysetDesk
    audit: AuditLog
    hints: Hints
    clock: Clock

    def show(self, partner_id: str, caller: Caller) -> StoredKeyset:
        """Return the key set; raise PartnerUnknown or KeysetNotUsed."""
        source = find_source(self.documents, partner_id, caller)
        return self.desk.find(source) or StoredKeyset(Keyset(source))

    def load_history(self, partner_id: str, caller: Caller) -> Sequence[KeysetEvent]:
        """Return what became of its keys, newest first; raise PartnerUnknown or KeysetNotUsed."""
        return self.desk.load_history(find_source(self.documents, partner_id, caller), MAX_HISTORY)

    def refresh(self, partner_id: str, caller: Caller) -> StoredKeyset:
        """Ask for a refresh now and return what is known; raise PartnerUnknown or KeysetNotUsed."""
        source = find_source(self.documents, partner_id, caller)
        now = self.clock.now()
        with self.audit.together():
            self.desk.request(source, now)
            self._record("keyset.refresh_asked", partner_id, source, caller, now)
        self.hints.ring(Work.REFRESH)
        return self.desk.find(source) or StoredKeyset(Keyset(source))

    def pin(self, partner_id: str, document: object, caller: Caller) -> StoredKeyset:
        """Use the keys of a JWK Set by hand instead of those that are published.

        Raise RequestInvalid with every key that cannot be used, PartnerUnknown or KeysetNotUsed.
        """
        source = find_source(self.documents, partner_id, caller)
        keys = _usable(document)
        now = self.clock.now()
        with self.audit.together():
            pinned = self.desk.change(source, lambda keyset: after_pin(keyset, keys), now)
            self._record("keyset.pinned", partner_id, source, caller, now, keys=len(keys))
        self.desk.wake(source, now)
        self.hints.ring(Work.VERIFY)
        return pinned

    def unpin(self, partner_id: str, caller: Caller) -> StoredKeyset:
        """Go back to the keys that are published, which are fetched at once; raise PartnerUnknown or KeysetNotUsed."""
        source = find_source(self.documents, partner_id, caller)
        now = self.clock.now()
        with self.audit.together():
            unpinned = self.desk.change(source, lambda keyset: after_unpin(keyset, now), now)
            self._record("keyset.unpinned", partner_id, source, caller, now)
        self.desk.wake(source, now)
        self.hints.ring(Work.REFRESH)
        return unpinned

    def _record(
        self, action: str, partner_id: str, source: str, caller: Caller, now: datetime, **detail: object
    ) -> None:
        self.audit.add(caller.did(action, partner_id, now, {"source": source_label(source), **detail}, partner_id))


def _usable(document: object) -> tuple[Mapping[str, object], ...]:
    imported = import_keys(document, KeyPolicy.remote())
    mistakes = [
        Mistake("keys" if key.kid is None else f"keys[kid={key.kid}]", told_refusal(key.reason))
        for key in imported.dropped
    ]
    if not imported.keys and not mistakes:
        mistakes = [Mistake("keys", "There is no key.")]
    if mistakes:
        raise RequestInvalid(tuple(mistakes))
    return tuple(public_jwk(key) for key in imported.keys)
