"""Configuration: putting, reading, listing and deleting the documents of partners and campaigns.

What a caller may not see does not exist for it. Answers hold no secrets; each change is audited. Which scope a call
needs is known to the edge.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

from app.documents.campaign import parse_campaign_document
from app.documents.listing import DEFAULT_PAGE
from app.documents.partner import parse_partner_document
from app.documents.secrets import holds_mask, mask_document
from app.domain.outside import OutboundPolicy
from app.errors import CampaignUnknown, Mistake, PartnerUnknown, PreconditionFailed, RequestError, RequestInvalid
from app.management_ports import AuditLog, DocumentKind, DocumentStore, Put, StoredDocument
from app.ports import Clock
from app.steps.authorize import Caller

DOCUMENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a partner or campaign may be called."""
_ID_RULE = "An id has 1 to 64 characters of A-Z, a-z, 0-9, dot, underscore and hyphen, not beginning with a mark."
FollowUp = Callable[[DocumentKind, str, Mapping[str, Any] | None], None]
"""Told what the document of an id is now that its change is stored; None: it was deleted."""
_NO_PARTNER = Mistake("partner_id", "There is no partner of this id.")


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must hold for a change: the document is absent, exists, has one of `versions`, or has none of `other_than`.

    As RFC 9110 section 13 says.
    """

    must_be_absent: bool = False
    must_exist: bool = False
    versions: frozenset[int] | None = None
    other_than: frozenset[int] = frozenset()


ALWAYS: Final = Precondition()


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents, and the id after which the next page begins (None: there is none)."""

    documents: Sequence[StoredDocument]
    after: str | None


@dataclass(frozen=True, slots=True)
class ConfigureDocuments:
    """Keeps the documents of partners and campaigns; each change is followed by `follow_ups`."""

    documents: DocumentStore
    audit: AuditLog
    clock: Clock
    outbound: OutboundPolicy
    follow_ups: Sequence[FollowUp] = ()

    def put(
        self, kind: DocumentKind, id_: str, body: object, caller: Caller, precondition: Precondition = ALWAYS
    ) -> Put:
        """Store what `body` says and return it, masked.

        Raise RequestInvalid with every mistake, PreconditionFailed, or the kind's unknown error.
        """
        if not is_document_id(id_):
            raise RequestInvalid((Mistake("id", _ID_RULE), *self._mistakes(kind, body, caller)))
        stored = self.documents.find(kind, id_)
        if not (caller.sees(id_) if kind is DocumentKind.PARTNER else stored is None or _sees(caller, stored)):
            raise _unknown(kind)
        document = self._parsed(kind, body, stored, caller)
        if_version = _version_demanded(
            precondition, stored
        )  # what would be refused anyway is (RFC 9110 section 13.2.1)
        if if_version is None and (caller.partner_id is not None or holds_mask(kind, body)):
            # What may be seen was decided, and masked secrets were taken, from this version and from no other.
            if_version = 0 if stored is None else stored.version
        now = self.clock.now()
        try:
            with self.audit.together():
                put = self.documents.put(kind, id_, document, if_version, now)
                written, action = put.stored, f"{kind}.created" if put.is_new else f"{kind}.changed"
                self.audit.add(caller.did(action, id_, now, {"version": written.version}, _owner(written)))
        except PartnerUnknown:  # it was deleted since we looked
            raise RequestInvalid((_NO_PARTNER,)) from None
        self._follow_up(kind, id_, document)
        return Put(_masked(written), put.is_new)

    def get(self, kind: DocumentKind, id_: str, caller: Caller) -> StoredDocument:
        """Return the document, masked; raise the kind's unknown error."""
        return _masked(find_document(self.documents, kind, id_, caller))

    def load_page(
        self, kind: DocumentKind, caller: Caller, after: str | None = None, limit: int = DEFAULT_PAGE
    ) -> Page:
        """Return at most `limit` documents that the caller sees, by id, masked."""
        found = self.documents.load_page(kind, after, limit + 1, caller.partner_id)
        shown = [_masked(document) for document in found[:limit]]
        return Page(shown, shown[-1].id if len(found) > limit else None)

    def delete(self, kind: DocumentKind, id_: str, caller: Caller, precondition: Precondition = ALWAYS) -> None:
        """Delete the document; raise PreconditionFailed, PartnerInUse, or the kind's unknown error."""
        stored = find_document(self.documents, kind, id_, caller)
        if_version, now = _version_demanded(precondition, stored), self.clock.now()
        with self.audit.together():
            if not self.documents.delete(kind, id_, if_version):
                raise _unknown(kind)
            self.audit.add(caller.did(f"{kind}.deleted", id_, now, {"version": stored.version}, _owner(stored)))
        self._follow_up(kind, id_, None)

    def _follow_up(self, kind: DocumentKind, id_: str, document: Mapping[str, Any] | None) -> None:
        for follow_up in self.follow_ups:
            follow_up(kind, id_, document)

    def _mistakes(self, kind: DocumentKind, body: object, caller: Caller) -> Sequence[Mistake]:
        try:
            self._parsed(kind, body, None, caller)
        except RequestInvalid as error:
            return error.mistakes
        return ()

    def _parsed(
        self, kind: DocumentKind, body: object, stored: StoredDocument | None, caller: Caller
    ) -> Mapping[str, Any]:
        match kind:
            case DocumentKind.PARTNER:
                return parse_partner_document(body, None if stored is None else stored.document, self.outbound)
            case DocumentKind.CAMPAIGN:
                return self._parsed_campaign(body, caller)
            case _:
                assert_never(kind)

    def _parsed_campaign(self, body: object, caller: Caller) -> Mapping[str, Any]:
        mistakes: tuple[Mistake, ...] = ()
        partner_id = body.get("partner_id") if isinstance(body, Mapping) else None
        if isinstance(partner_id, str) and partner_id and not self._partner_exists(partner_id, caller):
            mistakes = (_NO_PARTNER,)
        try:
            document = parse_campaign_document(body)
        except RequestInvalid as error:
            raise RequestInvalid((*mistakes, *error.mistakes)) from None
        if mistakes:
            raise RequestInvalid(mistakes)
        return document

    def _partner_exists(self, partner_id: str, caller: Caller) -> bool:
        is_seen = caller.sees(partner_id) and is_document_id(partner_id)
        return is_seen and self.documents.find(DocumentKind.PARTNER, partner_id) is not None


def find_document(documents: DocumentStore, kind: DocumentKind, id_: str, caller: Caller) -> StoredDocument:
    """Return the document; raise the kind's unknown error, also for what the caller does not see."""
    stored = documents.find(kind, id_) if is_document_id(id_) else None
    if stored is None or not _sees(caller, stored):
        raise _unknown(kind)
    return stored


def is_document_id(text: str) -> bool:
    """Tell whether a partner or campaign can have that id at all."""
    return DOCUMENT_ID.fullmatch(text) is not None


def _sees(caller: Caller, stored: StoredDocument) -> bool:
    return caller.sees(_owner(stored))


def _owner(stored: StoredDocument) -> str:
    """Return the id of the partner that a document is, or belongs to."""
    match stored.kind:
        case DocumentKind.PARTNER:
            return stored.id
        case DocumentKind.CAMPAIGN:
            return str(stored.document["partner_id"])
        case _:
            assert_never(stored.kind)


def _version_demanded(precondition: Precondition, stored: StoredDocument | None) -> int | None:
    """Return the version that the store is to insist on, None for any, 0 for none; raise PreconditionFailed."""
    if precondition.must_be_absent:
        if stored is not None:
            raise PreconditionFailed("The document exists already.")
        return 0
    if stored is not None and stored.version in precondition.other_than:
        raise PreconditionFailed("The document has a version that it must not have.")
    if not precondition.must_exist and precondition.versions is None:
        return stored.version if stored is not None and precondition.other_than else None
    if stored is None:
        raise PreconditionFailed("There is no such document to change.")
    if precondition.versions is not None and stored.version not in precondition.versions:
        raise PreconditionFailed
    return stored.version


def _masked(stored: StoredDocument) -> StoredDocument:
    return replace(stored, document=mask_document(stored.kind, stored.document))


def _unknown(kind: DocumentKind) -> RequestError:
    match kind:
        case DocumentKind.PARTNER:
            return PartnerUnknown()
        case DocumentKind.CAMPAIGN:
            return CampaignUnknown()
        case _:
            assert_never(kind)
