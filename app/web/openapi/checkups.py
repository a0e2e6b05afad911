"""The operation of a partner's check-up."""

from typing import Final

from pydantic import Field

from app import errors
from app.documents.orders import CheckupOrder
from app.domain.checkup import CheckStatus
from app.domain.scopes import Scope
from app.web.openapi import parameters
from app.web.openapi.operation import ManagementOperation, Tag, json_answer, json_content
from app.web.openapi.shapes import Shape


class CheckShape(Shape):
    """One check of a check-up."""

    name: str
    status: CheckStatus
    detail: str = Field(description="What was found.")
    hint: str = Field(description="What to do; empty where there is nothing to do.")


class CheckupShape(Shape):
    """What was found, in order."""

    partner_id: str
    status: CheckStatus = Field(description="The worst of the checks.")
    checks: list[CheckShape]


_CHECKUP: Final = {
    "partner_id": parameters.PARTNER,
    "status": "warn",
    "checks": [
        {"name": "require_exp", "status": "ok", "detail": "tokens end", "hint": ""},
        {
            "name": "jwks_caching",
            "status": "warn",
            "detail": "no max-age",
            "hint": "send Cache-Control: max-age; we assume an hour",
        },
    ],
}

EXAMINE_PARTNER: Final = ManagementOperation(
    method="POST",
    path="/v1/partners/{partner_id}/doctor",
    id="examinePartner",
    tag=Tag.PARTNERS,
    summary="Examine a partner before it goes live",
    description=(
        "Asks the partner's JWKS endpoint once, and its participant API if a sample is given; reads its documents and "
        "those of its first 50 campaigns. Of what the API answers only names of variables are told."
    ),
    scope=Scope.PARTNERS_READ,
    parameters=(parameters.PARTNER_ID,),
    body=json_content(CheckupOrder, {"sub": "ada"}),
    body_required=False,
    answers=(json_answer(200, "What was found.", CheckupShape, _CHECKUP),),
    errors=(errors.PartnerUnknown, errors.RateLimited),
)
