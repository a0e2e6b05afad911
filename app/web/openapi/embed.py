"""The operations of the embed: scripts for the pages of partners, and the document that is framed in them."""

from typing import Final

from app import errors
from app.web.openapi import parameters
from app.web.openapi.operation import HTML, Answer, Content, Header, Operation, Parameter, Tag

_SCRIPT: Final = {"text/javascript": Content({"type": "string"})}
_SCRIPT_HEADERS: Final = {
    "Cache-Control": parameters.KEPT,
    "ETag": Header("Names the content.", parameters.text()),
    "Access-Control-Allow-Origin": Header("Any page may load it.", parameters.text(r"\*")),
}
_IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    place="header",
    description="The ETag of the script that the browser has.",
    schema={"type": "string"},
    example='"3f2a91bc04d1e0aa"',
)


def _script(id_: str, file: str, summary: str, description: str) -> Operation:
    return Operation(
        method="GET",
        path=f"/embed/v1/{file}",
        id=id_,
        tag=Tag.PAGES,
        summary=summary,
        description=description,
        parameters=(_IF_NONE_MATCH,),
        answers=(
            Answer(200, "The script.", _SCRIPT, _SCRIPT_HEADERS),
            Answer(304, "The browser has it.", {}, _SCRIPT_HEADERS),
        ),
        asks_store=False,
    )


SERVE_TAG: Final = _script(
    "serveTag",
    "tag.js",
    "The JS tag",
    "Shows the campaign inside a partner's page: docs/embed.md.",
)
SERVE_MINISITE: Final = _script(
    "serveMinisite",
    "minisite.js",
    "The minisite script",
    "Brings session, prefill and screens to a form of a partner's own page: docs/embed.md.",
)
SERVE_FRAME_SCRIPT: Final = _script(
    "serveFrameScript",
    "frame.js",
    "The frame's script",
    "For the frame that the JS tag makes, and for nothing else.",
)
SHOW_FRAME: Final = Operation(
    method="GET",
    path="/embed/v1/frame/{campaign_id}",
    id="showFrame",
    tag=Tag.PAGES,
    summary="The campaign, to be framed",
    description="What the JS tag frames. Only pages of the campaign's `allowed_origins` may frame it; reads no cookie.",
    parameters=(
        parameters.CAMPAIGN_ID,
        Parameter(
            name="lang",
            place="query",
            description="The language of the page around it; one that the campaign has not is passed over.",
            schema={"type": "string"},
            example="fr",
        ),
    ),
    answers=(Answer(200, "The document.", {HTML: Content({"type": "string"})}),),
    errors=(errors.CampaignUnknown, errors.Overloaded),
    error_type=HTML,
)
