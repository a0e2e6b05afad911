"""What the shapes of answers are made of. The tests hold every answer to its shape."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from app.errors import Mistake


class Shape(BaseModel):
    """The body of an answer, or a part of it: it has these members and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339, UTC, to the millisecond."""
Jwk = Annotated[dict[str, Any], Field(description="A public key as JWK (RFC 7517).")]
Count = Annotated[int, Field(ge=0)]


class MistakeShape(Shape):
    """One mistake: where (dotted path, e.g. `signature.keys[0].pem`) and why."""

    path: str
    reason: str


class ScreenShape(Shape):
    """What one who may not play is shown."""

    title: str
    message: str
    return_url: str | None


class ProblemShape(Shape):
    """A problem detail (RFC 9457). Match on `code`: it is never renamed."""

    type: str = Field(description="Where this kind of problem is documented; a URI reference.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong, for a person.")
    instance: str = Field(description="The path that was asked for.")
    code: str
    request_id: str = Field(description="What the request is called in our log; the header X-Request-ID of the answer.")
    errors: list[MistakeShape] = Field(default=[], description="Every mistake; with code request_invalid alone.")
    reason: str = Field(default="", description="Why the token was refused; with code token_rejected alone.")
    screen: ScreenShape | None = Field(
        default=None, description="What one who may not play is shown, in the language of the header Content-Language."
    )


EXAMPLE_MISTAKE: Final = Mistake("name", "This member is required.")
