"""The operations of the reference itself."""

from typing import Final

from app.web.openapi import parameters
from app.web.openapi.operation import Operation, Tag, json_answer

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
            {"Cache-Control": parameters.KEPT},
        ),
    ),
    asks_store=False,
)
