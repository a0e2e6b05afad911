"""The operation on what a participant left behind."""

from typing import Final, Literal

from pydantic import Field

from app import errors
from app.documents.erasure import ErasureQuery
from app.domain.scopes import Scope
from app.web.openapi import parameters
from app.web.openapi.operation import ManagementOperation, Parameter, Tag, json_answer
from app.web.openapi.queries import query_parameters
from app.web.openapi.shapes import Count, Shape


class ErasedShape(Shape):
    """What was deleted, by kind."""

    sessions: Count
    attempts: Count
    participations: Count
    used_tokens: Count
    plays: Literal["counted", "forgotten"] = Field(description="What became of what was played.")
    left: Count = Field(description="Sessions that were being written at that moment; they follow.")
    unjudged: Count = Field(
        description="Sessions of the partner, at most 10,000, whose token is not judged yet, so that nobody can tell "
        "whose they are; if they turn out to be the participant's, they follow."
    )


_ERASED: Final = {
    "sessions": 2,
    "attempts": 3,
    "participations": 1,
    "used_tokens": 0,
    "plays": "counted",
    "left": 0,
    "unjudged": 4,
}

DELETE_PARTICIPANT: Final = ManagementOperation(
    method="DELETE",
    path="/v1/partners/{partner_id}/participants/{sub}",
    pattern="/v1/partners/{partner_id}/participants/{sub:[^/]+}",  # braces too
    id="deleteParticipant",
    tag=Tag.PARTNERS,
    summary="Delete a participant's data",
    description="What the participant left behind by now; also where that is nothing. What was played still counts.",
    scope=Scope.PARTICIPANTS_DELETE,
    parameters=(
        parameters.PARTNER_ID,
        Parameter(
            name="sub",
            place="path",
            description="The `sub` of the participant's tokens, percent-encoded (a slash as `%2F`).",
            schema={"type": "string", "minLength": 1},
            example="ada",
            required=True,
        ),
        *query_parameters(
            ErasureQuery,
            {
                "plays": (
                    "Whether what was played still counts, or is forgotten too; `count` if it is not said.",
                    "count",
                )
            },
        ),
    ),
    answers=(json_answer(200, "What was deleted.", ErasedShape, _ERASED),),
    errors=(errors.PartnerUnknown, errors.RequestInvalid),
)
