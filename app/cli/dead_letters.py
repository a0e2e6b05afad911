"""`vestibule dead-letters`: sessions whose prefill was given up."""

from typing import Any

import click

from app.adapters.database.dead_letters import SqlDeadLetters
from app.cli.letter_filter import filter_options, without_none
from app.cli.output import examples, json_option, show_table
from app.cli.wiring import opened
from app.documents.listing import MAX_PAGE
from app.documents.replay import parse_letter_query
from app.steps.authorize import LOCAL_CALLER
from app.steps.dead_letters import ListDeadLetters
from app.steps.replay_views import letter_view

_COLUMNS = ("session_id", "partner_id", "campaign_id", "error_class", "attempts", "died_at", "skip_reason")


@click.group
def dead_letters() -> None:
    """List sessions whose prefill was given up."""


@dead_letters.command(
    "list",
    epilog=examples(
        "vestibule dead-letters list --partner acme --error-class timeout",
        "vestibule dead-letters list --since 2027-03-01T00:00:00Z --json",
    ),
)
@filter_options
@json_option
def list_(**options: str | None) -> None:
    """List dead letters; the last column says why a replay would pass one over."""
    asked = parse_letter_query(without_none(options))
    rows: list[dict[str, Any]] = []
    after: str | None = ""
    with opened() as wiring:
        load_page = ListDeadLetters(SqlDeadLetters(wiring.database), wiring.clock)
        while after is not None:
            page = load_page(asked.wanted, LOCAL_CALLER, after, MAX_PAGE)
            rows += map(letter_view, page.letters)
            after = page.after
    show_table(_COLUMNS, rows)
