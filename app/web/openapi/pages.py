"""The operations of the campaign's pages: what browsers are served, in HTML, errors too."""

from typing import Final

from app import errors
from app.web.openapi import parameters
from app.web.openapi.operation import HTML, Answer, Content, Header, JsonSchema, Operation, Parameter, Tag, json_answer
from app.web.openapi.sessions import MAX_WAIT_SECONDS, SESSION, SessionShape

_PAGE: Final[JsonSchema] = {"type": "string"}
_TO_CLEAN_ADDRESS: Final = {
    "Location": Header("The page's address, without the token.", parameters.text("/c/.*")),
    "Set-Cookie": Header("The session, HttpOnly and SameSite=Lax.", parameters.text(), required=False),
}
_CAMPAIGN_ID: Final = parameters.CAMPAIGN_ID


def _token(name: str, description: str) -> Parameter:
    return Parameter(
        name=name, place="query", description=description, schema={"type": "string"}, example=parameters.JWS
    )


_OF: Final = Parameter(
    name="of",
    place="query",
    description="The reference of the session that the form was made for; another session of the browser is not it.",
    schema={"type": "string"},
    example="hqn4tbse",
)


def _html(status: int, description: str) -> Answer:
    return Answer(status, description, {HTML: Content(_PAGE)})


SHOW_PAGE: Final = Operation(
    method="GET",
    path="/c/{campaign_id}",
    id="showPage",
    tag=Tag.PAGES,
    summary="The campaign's page",
    description="Takes a token out of the address into a session that a cookie keeps, and leads to the clean address.",
    parameters=(
        _CAMPAIGN_ID,
        _token("token", "The secure token."),
        _token("qual_token", "The secure token, under its other name."),
        Parameter(
            name="prefill",
            place="query",
            description="`off` shows the form without what the prefill brought; `unavailable` says that there is none.",
            schema={"type": "string"},
            example="off",
        ),
        Parameter(
            name="look",
            place="query",
            description="Makes the address another each time that the page is to look again; it is not read.",
            schema={"type": "string"},
            example="sYCAyg",
        ),
    ),
    answers=(
        _html(200, "The form, or what one who may not play is shown."),
        Answer(303, "The token was taken out of the address, and in.", {}, _TO_CLEAN_ADDRESS),
        _html(403, "The campaign requires a token, and no session is known."),
    ),
    errors=(errors.CampaignUnknown, errors.Overloaded),
    error_type=HTML,
)
SUBMIT_PAGE: Final = Operation(
    method="POST",
    path="/c/{campaign_id}",
    id="submitPage",
    tag=Tag.PAGES,
    summary="Send the form",
    description="Records a participation, once however often it is sent; what was entered is not read.",
    parameters=(
        _CAMPAIGN_ID,
        Parameter(
            name="play",
            place="query",
            description="What the form is known by.",
            schema={"type": "string"},
            example="Wq3mT0nYb1kX2c9vZ8s7aA",
        ),
        _OF,
    ),
    answers=(
        Answer(303, "The participation is committed.", {}, {"Location": _TO_CLEAN_ADDRESS["Location"]}),
        _html(403, "The campaign requires a token, and no session is known."),
        _html(409, "This participant may not play, or went on in another tab, or the token is not judged yet."),
    ),
    errors=(errors.CampaignUnknown, errors.Overloaded),
    error_type=HTML,
)
SHOW_THANKS: Final = Operation(
    method="GET",
    path="/c/{campaign_id}/thanks",
    id="showThanks",
    tag=Tag.PAGES,
    summary="The end of the campaign",
    parameters=(_CAMPAIGN_ID,),
    answers=(
        _html(200, "Thanks."),
        Answer(303, "There is no session: to the beginning.", {}, {"Location": _TO_CLEAN_ADDRESS["Location"]}),
    ),
    errors=(errors.CampaignUnknown, errors.Overloaded),
    error_type=HTML,
)
FORGET_SESSION: Final = Operation(
    method="POST",
    path="/c/{campaign_id}/forget",
    id="forgetSession",
    tag=Tag.PAGES,
    summary="Forget the session",
    description="Lets the browser forget the session of the page, and leads to its beginning.",
    parameters=(_CAMPAIGN_ID,),
    answers=(Answer(303, "The cookie is cleared.", {}, _TO_CLEAN_ADDRESS),),
    errors=(errors.CampaignUnknown, errors.Overloaded),
    error_type=HTML,
)
READ_PAGE_SESSION: Final = Operation(
    method="GET",
    path="/c/{campaign_id}/session",
    id="readPageSession",
    tag=Tag.PAGES,
    summary="What became of the page's session",
    description="For the page's own script; the session is that of the cookie.",
    parameters=(
        _CAMPAIGN_ID,
        Parameter(
            name="wait",
            place="query",
            description=f"How many seconds to wait at most, up to {MAX_WAIT_SECONDS}; nonsense waits for nothing.",
            schema={"type": "string"},
            example="10",
        ),
        _OF,
    ),
    answers=(json_answer(200, "The session, without what no field of the form asks for.", SessionShape, SESSION),),
    errors=(errors.CampaignUnknown, errors.SessionUnknown, errors.Overloaded),
)
SERVE_ASSET: Final = Operation(
    method="GET",
    path="/static/{file}",
    id="serveAsset",
    tag=Tag.PAGES,
    summary="A file of a page",
    description="Named by its content, so that it may be kept for ever.",
    parameters=(
        Parameter(
            name="file",
            place="path",
            description="The name that the page says.",
            schema={"type": "string"},
            example="campaign.3f2a91bc04d1.css",
            required=True,
        ),
    ),
    answers=(
        Answer(
            200,
            "The file.",
            {kind: Content(_PAGE) for kind in ("text/css", "text/javascript", "image/svg+xml", "font/woff2")},
            {"Cache-Control": parameters.KEPT},
        ),
    ),
    asks_store=False,
)
