"""The operation on the record of changes."""

from typing import Any, Final

from app import errors
from app.documents.audit import AuditQuery
from app.domain.scopes import Scope
from app.web.openapi import parameters
from app.web.openapi.operation import ManagementOperation, Tag, json_answer
from app.web.openapi.queries import PAGE_CURSOR, query_parameters
from app.web.openapi.shapes import Moment, Shape


class AuditEntryShape(Shape):
    """Who changed what, and when; `detail` holds names and counts, never a secret or a person."""

    at: Moment
    actor: str
    action: str
    subject: str
    partner_id: str | None
    request_id: str | None
    detail: dict[str, Any]


class AuditPageShape(Shape):
    """A page of the record, the newest entry first."""

    items: list[AuditEntryShape]
    cursor: str | None


_ENTRY: Final = {
    "at": parameters.MOMENT,
    "actor": "admin",
    "action": "partner.changed",
    "subject": parameters.PARTNER,
    "partner_id": parameters.PARTNER,
    "request_id": "req-1",
    "detail": {"version": 3},
}

LIST_AUDIT: Final = ManagementOperation(
    method="GET",
    path="/v1/audit",
    id="listAudit",
    tag=Tag.AUDIT,
    summary="List what was changed",
    description="Who changed what, when, and by which call; all conditions count together.",
    scope=Scope.AUDIT_READ,
    parameters=query_parameters(
        AuditQuery,
        {
            "actor": ("Changed by this client.", "admin"),
            "action": ("Changed in this way.", "partner.changed"),
            "cursor": (PAGE_CURSOR, "NDI="),
            "subject": ("Of what was changed: its id.", parameters.PARTNER),
        },
    ),
    answers=(json_answer(200, "A page of the record.", AuditPageShape, {"items": [_ENTRY], "cursor": None}),),
    errors=(errors.RequestInvalid, errors.PartnerUnknown),
)
