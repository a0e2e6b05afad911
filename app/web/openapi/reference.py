"""The operations of the reference itself."""

from typing import Final

from app.web.openapi import parameters
from app.web.openapi.operation import HTML, Answer, Content, Operation, Tag, json_answer

_KEPT: Final = {"Cache-Control": parameters.KEPT}


def _page(path: str, id_: str, summary: str, description: str) -> Operation:
    return Operation(
        method="GET",
        path=path,
        id=id_,
        tag=Tag.REFERENCE,
        summary=summary,
        description=description,
        answers=(Answer(200, "The page.", {HTML: Content({"type": "string"})}, _KEPT),),
        asks_store=False,
    )


SHOW_DOCUMENT: Final = Operation(
    method="GET",
    path="/openapi.json",
    id="getDocument",
    tag=Tag.REFERENCE,
    summary="This document",
    description="OpenAPI 3.1, made of the routes that are served and of the models that validate and answer.",
    answers=(
        json_answer(
            200,
            "The document.",
            {"type": "object", "required": ["openapi", "info", "paths"]},
            {"openapi": "3.1.0", "info": {"title": "Vestibule", "version": "0.1.0"}, "paths": {}},
            _KEPT,
        ),
    ),
    asks_store=False,
)
SHOW_REFERENCE: Final = _page(
    "/docs", "showReference", "This document, to be read", "Made of the document; needs no script."
)
SHOW_PROBLEMS: Final = _page(
    "/docs/problems", "showProblems", "Every problem", "Where the `type` of a problem leads: its statuses and meanings."
)
