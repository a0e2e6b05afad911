"""`vestibule audit`: what was changed, when and by whom."""

from typing import Any

import click

from app.adapters.database.audit import SqlAuditLog
from app.cli.letter_filter import without_none
from app.cli.output import examples, json_option, show_table
from app.cli.wiring import opened
from app.documents.audit import parse_audit_query
from app.documents.listing import MAX_PAGE
from app.steps.audit import ListAudit, entry_view
from app.steps.authorize import LOCAL_CALLER

_COLUMNS = ("at", "actor", "action", "subject", "partner_id", "request_id")


@click.group
def audit() -> None:
    """List what was changed, when and by whom."""


@audit.command(
    "list",
    epilog=examples(
        "vestibule audit list --partner acme --since 2027-03-01T00:00:00Z",
        "vestibule audit list --action partner.deleted --json",
    ),
)
@click.option("--actor", metavar="CLIENT_ID", help="By this client.")
@click.option("--action", metavar="NAME", help="Of this kind, such as partner.changed.")
@click.option("--subject", metavar="ID", help="To this partner, campaign, session, client or replay.")
@click.option("--partner", "partner_id", metavar="ID", help="To what belongs to this partner.")
@click.option("--since", metavar="MOMENT", help="Then or later (RFC 3339, such as 2027-03-01T00:00:00Z).")
@click.option("--until", metavar="MOMENT", help="Before then.")
@click.option("--limit", type=click.IntRange(min=1), default=MAX_PAGE, show_default=True, help="At most so many.")
@json_option
def list_(limit: int, **options: str | None) -> None:
    """List the record of changes, the newest first."""
    wanted = parse_audit_query(without_none(options)).wanted
    rows: list[dict[str, Any]] = []
    before: int | None = None
    with opened() as wiring:
        load_page = ListAudit(SqlAuditLog(wiring.database))
        while len(rows) < limit:
            page = load_page(wanted, LOCAL_CALLER, before, min(MAX_PAGE, limit - len(rows)))
            rows += map(entry_view, page.entries)
            before = page.before
            if before is None:
                break
    show_table(_COLUMNS, rows)
