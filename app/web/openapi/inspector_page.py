"""The operations of the inspector's page."""

from typing import Final

from app.web.openapi.operation import HTML, Answer, Content, Operation, Tag


def _page(path: str, id_: str, summary: str) -> Operation:
    return Operation(
        method="GET",
        path=path,
        id=id_,
        tag=Tag.INSPECTOR,
        summary=summary,
        answers=(Answer(200, "The page.", {HTML: Content({"type": "string"})}),),
        asks_store=False,
    )


SHOW_INSPECTOR: Final = _page("/inspect", "showInspector", "The inspector for integrators")
SHOW_REASONS: Final = _page("/inspect/reasons", "showReasons", "What each reason means")
