"""The operations on a partner's published keys."""

from typing import Final

from pydantic import Field

from app import errors, keyset_errors
from app.documents.orders import RevocationOrder
from app.domain.keyset import KeysetState
from app.domain.keyset_history import KeyEvent
from app.domain.scopes import Scope
from app.web.openapi import parameters
from app.web.openapi.operation import ManagementOperation, Tag, json_answer, json_content
from app.web.openapi.shapes import Count, Moment, Shape

_ONE: Final = "/v1/partners/{partner_id}/keyset"
_THUMBPRINT: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


class KeyShape(Shape):
    """A key that verifies tokens; `thumbprint` is that of RFC 7638."""

    kid: str
    kty: str
    alg: str | None
    thumbprint: str
    first_seen: Moment | None


class DroppedKeyShape(Shape):
    """A key that is not used, and why."""

    kid: str | None
    reason: str


class KeysetShape(Shape):
    """What is known of a partner's published keys; times that are not known are null."""

    state: KeysetState
    version: Count
    keys: list[KeyShape]
    dropped: list[DroppedKeyShape]
    fetched_at: Moment | None
    fresh_until: Moment | None
    stale_until: Moment | None
    last_error: str | None


class KeyChangeShape(Shape):
    """What happened to a key."""

    at: Moment
    event: KeyEvent
    kid: str
    thumbprint: str
    version: Count


class KeysetHistoryShape(Shape):
    """What became of the keys, the newest first."""

    items: list[KeyChangeShape]
    cursor: None


class RevokedVersionShape(Shape):
    """How many sessions a key had accepted, by version of the key set."""

    thumbprint: str
    version: Count
    sessions: Count


class RevokedSessionShape(Shape):
    """A session that the key had accepted."""

    session_id: str
    campaign_id: str
    thumbprint: str
    version: Count | None
    verified_at: Moment | None


class RevocationShape(Shape):
    """What a revocation came to; `accepted` is null where it was not asked for."""

    kid: str
    thumbprints: list[str]
    revoked: bool
    accepted: Count | None
    by_version: list[RevokedVersionShape]
    sessions: list[RevokedSessionShape] = Field(max_length=1000)
    voided: Count
    left: Count


_KEYSET: Final = {
    "state": "fresh",
    "version": 3,
    "keys": [{"kid": "k1", "kty": "RSA", "alg": "RS256", "thumbprint": _THUMBPRINT, "first_seen": parameters.MOMENT}],
    "dropped": [{"kid": "old", "reason": "rsa_size"}],
    "fetched_at": parameters.MOMENT,
    "fresh_until": parameters.MOMENT,
    "stale_until": parameters.MOMENT,
    "last_error": None,
}
_HISTORY: Final = {
    "items": [{"at": parameters.MOMENT, "event": "added", "kid": "k1", "thumbprint": _THUMBPRINT, "version": 3}],
    "cursor": None,
}
_REVOCATION: Final = {
    "kid": "k1",
    "thumbprints": [_THUMBPRINT],
    "revoked": True,
    "accepted": 1,
    "by_version": [{"thumbprint": _THUMBPRINT, "version": 3, "sessions": 1}],
    "sessions": [
        {
            "session_id": parameters.SESSION,
            "campaign_id": parameters.CAMPAIGN,
            "thumbprint": _THUMBPRINT,
            "version": 3,
            "verified_at": parameters.MOMENT,
        }
    ],
    "voided": 1,
    "left": 0,
}
_ERRORS: Final = (errors.PartnerUnknown, keyset_errors.KeysetNotUsed)

SHOW_KEYSET: Final = ManagementOperation(
    method="GET",
    path=_ONE,
    id="getKeyset",
    tag=Tag.KEY_SETS,
    summary="Read a key set",
    scope=Scope.KEYS_READ,
    parameters=(parameters.PARTNER_ID,),
    answers=(json_answer(200, "The key set.", KeysetShape, _KEYSET),),
    errors=_ERRORS,
)
LIST_KEY_EVENTS: Final = ManagementOperation(
    method="GET",
    path=f"{_ONE}/history",
    id="listKeyEvents",
    tag=Tag.KEY_SETS,
    summary="List what became of the keys",
    description="The newest 200, the newest first.",
    scope=Scope.KEYS_READ,
    parameters=(parameters.PARTNER_ID,),
    answers=(json_answer(200, "The events.", KeysetHistoryShape, _HISTORY),),
    errors=_ERRORS,
)
REFRESH_KEYSET: Final = ManagementOperation(
    method="POST",
    path=f"{_ONE}/refresh",
    id="refreshKeyset",
    tag=Tag.KEY_SETS,
    summary="Ask for a refresh",
    description="Whatever backoff says. While one is under way no second one is asked for.",
    scope=Scope.KEYS_WRITE,
    parameters=(parameters.PARTNER_ID,),
    answers=(json_answer(202, "A refresh is asked for; the key set as it is at this moment.", KeysetShape, _KEYSET),),
    errors=_ERRORS,
)
REVOKE_KEY: Final = ManagementOperation(
    method="POST",
    path=f"{_ONE}/revoke",
    id="revokeKey",
    tag=Tag.KEY_SETS,
    summary="Revoke a key",
    description=(
        "Every key that the source ever had under this kid, for every partner of that source, whatever is published "
        "later. `dry_run` revokes nothing and tells what the key had accepted; `void` rejects those sessions."
    ),
    scope=Scope.KEYS_WRITE,
    parameters=(parameters.PARTNER_ID,),
    body=json_content(RevocationOrder, {"kid": "k1"}),
    answers=(json_answer(200, "What the revocation came to.", RevocationShape, _REVOCATION),),
    errors=(*_ERRORS, keyset_errors.KeysetShared),
)
