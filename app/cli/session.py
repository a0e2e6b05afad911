"""`vestibule session`: what happened to one participant's visit."""

from typing import Any

import click

from app.adapters.database.session_records import SqlSessionRecords
from app.cli.output import examples, json_option, show_json, show_table, wants_json
from app.cli.wiring import opened
from app.steps.authorize import LOCAL_CALLER
from app.steps.timeline import TellTimeline

_COLUMNS = ("at", "event", "detail")


@click.group
def session() -> None:
    """Show what happened to a session."""


@session.command(epilog=examples("vestibule session timeline ses_01k83topnb2u00bsj1svpu2v2v"))
@click.argument("session_id")
@json_option
def timeline(session_id: str) -> None:
    """Show what happened to a session and when, the earliest first; nothing of a person."""
    with opened() as wiring:
        events = TellTimeline(SqlSessionRecords(wiring.database, wiring.sealing))(session_id, LOCAL_CALLER)
    if wants_json():
        show_json({"events": events})
    else:
        show_table(_COLUMNS, [_row(event) for event in events])


def _row(event: dict[str, Any]) -> dict[str, object]:
    rest = {name: value for name, value in event.items() if name not in {"at", "event"} and value is not None}
    return {**event, "detail": ", ".join(f"{name} {value}" for name, value in rest.items())}
